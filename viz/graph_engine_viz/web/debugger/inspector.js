// The inspector: one tensor, its numbers, its histogram, where its gradient came from.

import { el, find, quantity, redraw, svg } from "./dom.js";
import { isSaved } from "./source.js";
import { isKnown, model, momentOf, selected } from "./model.js";
import { askExtra, choose, choosePart, goTo, prompts } from "./actions.js";

const SIDE_NAMES = { value: "value", grad: "gradient", update: "new value" };
const MARKS = { nan: "N", inf: "∞", "-inf": "−∞", high: "▲", low: "▼" };
const MEANING = { nan: "NaN", inf: "+Inf", "-inf": "-Inf", high: "beyond the scale", low: "beyond the scale" };
const WIDE = 280;
const OF_FINITE = new Set(["min", "max", "mean", "std", "RMS"]);

// ---- the grid ------------------------------------------------------------------------------------------------------

function placeOf(grid, cell) {
  const columns = grid.shape[1];
  const shown = [Math.floor(cell / columns) + grid.starts[0], (cell % columns) + grid.starts[1]];
  const ranges = grid.index.filter((part) => part === null).length;
  const rest = shown.slice(2 - ranges);
  return grid.index.map((part) => (part === null ? rest.shift() : part));
}

function read(grid, cell) {
  const mark = grid.marks[cell];
  const note = mark ? ` (${MEANING[mark]})` : "";
  return `[${placeOf(grid, cell).join(", ")}] = ${grid.texts[cell]}${note}`;
}

// Blue above zero, vermilion below, paler towards zero; what is below zero is also smaller, for eyes without colour.
function colorOf(level) {
  return `${level < 0 ? "below" : "above"} l${Math.round(Math.abs(level) / 10)}`;
}

function drawGrid(grid, name, side) {
  const [high, across] = grid.shape;
  if (!high || !across) return el("p", { class: "note" }, "no elements");
  const size = Math.min(Math.floor(WIDE / across), across <= 6 ? 64 : 20);
  const tall = across <= 6 ? 26 : Math.max(Math.min(size, Math.floor(260 / high)), 4);
  const written = size >= 42;
  const cells = grid.levels.map((level, cell) => {
    const x = (cell % across) * size, y = Math.floor(cell / across) * tall;
    const mark = grid.marks[cell];
    const data = { "data-cell": cell, "data-exact": grid.texts[cell], "data-mark": mark };
    const less = level < 0 && !written ? Math.min(size, tall) * 0.18 : 0;
    const [width, height] = [size - (size > 5) - 2 * less, tall - (tall > 5) - 2 * less];
    const box = svg("rect", { x: x + less, y: y + less, width, height, class: `cell ${colorOf(level)}`, ...data });
    if (!mark && !written) return box;
    const shown = mark && !written ? MARKS[mark] : fitting(grid.texts[cell], Math.floor((size - 2) / 6.8));
    const font = written ? 12 : Math.min(size, tall) * 0.8;
    const dark = Math.abs(level) > 55 && !(mark === "nan");
    const label = svg("text", { x: x + (size - 1) / 2, y: y + (tall - 1) / 2 + font * 0.36, "font-size": font, class: dark ? "on" : "" }, shown);
    return svg("g", {}, box, label);
  });
  const picture = svg("svg", {
    id: "heat", tabindex: 0, role: "img", width: across * size, height: high * tall, viewBox: `0 0 ${across * size} ${high * tall}`,
    "aria-label": `${name}, ${SIDE_NAMES[side]}, ${high} × ${across} numbers; arrow keys read them`,
  }, cells);
  const rest = `colours to ±${grid.limit[0]}${written || !grid.levels.some((level) => level < 0) ? "" : "; small: below 0"}`;
  const reading = el("output", { id: "reading", class: "note", "aria-live": "polite" }, rest);
  let at = -1;
  const say = (cell) => {
    at = cell;
    picture.querySelector(".read")?.classList.remove("read");
    picture.querySelector(`[data-cell="${cell}"]`)?.classList.add("read");
    reading.textContent = cell < 0 ? rest : read(grid, cell);
  };
  picture.addEventListener("pointermove", (event) => event.target.dataset.cell && say(Number(event.target.dataset.cell)));
  picture.addEventListener("pointerleave", () => say(-1));
  picture.addEventListener("blur", () => say(-1));
  picture.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
    if (by === undefined) return;
    say(Math.min(Math.max((at < 0 ? -by : at) + by, 0), grid.levels.length - 1));
    event.preventDefault();
    event.stopPropagation();
  });
  return [picture, reading, grid.cut ? el("p", { class: "note" }, grid.cut) : ""];
}

// A number in so few letters, with as many digits as fit; nothing where its size would be lost.
function fitting(text, room) {
  const number = Number(text);
  if (text.length <= room || !Number.isFinite(number)) return text.length <= room ? text : "";
  const written = [3, 2, 1].map((digits) => String(Number(number.toPrecision(digits))).replace("e+", "e"));
  return written.find((short) => short.length <= room) ?? "";
}

// ---- histogram and statistics --------------------------------------------------------------------------------------

function drawHistogram({ counts, low, high }, side) {
  if (!counts.some((count) => count)) return "";
  const most = Math.max(...counts, 1);
  const step = WIDE / counts.length;
  const bars = counts.map((count, i) => {
    const tall = count ? Math.max((count / most) * 44, 1.5) : 0;
    return svg("rect", { x: i * step, y: 46 - tall, width: step - 1, height: tall, class: side === "grad" ? "gradient" : "value", "data-count": count });
  });
  const ends = el("div", { class: "ends" }, quantity(low, "", null, "lowest"), quantity(high, "", null, "highest"));
  return el("div", { class: "histogram" }, svg("svg", {
    width: WIDE, height: 47, viewBox: `0 0 ${WIDE} 47`, role: "img", "aria-label": `histogram from ${low[0]} to ${high[0]}`,
  }, bars, svg("path", { d: `M0,46.5H${WIDE}`, class: "axis" })), ends);
}

function drawStatistics(tensor) {
  const sides = tensor.sides.filter((side) => isKnown(momentOf(tensor.name, side)) && tensor.columns[side]);
  if (!sides.length) return "";
  const names = tensor.columns[sides[0]].map(([name]) => name);
  const count = (side, name) => Number(tensor.columns[side].find(([each]) => each === name)[2]);
  const odd = (side) => count(side, "NaN") + count(side, "Inf") > 0;
  const head = el("tr", {}, el("th"), sides.map((side) => el("th", { scope: "col" }, SIDE_NAMES[side])));
  const lines = names.map((name, i) => el("tr", {}, el("th", { scope: "row" }, name), sides.map((side) => {
    const [, text, exact] = tensor.columns[side][i];
    const shown = name === "zeros" ? [`${text === "NaN" ? 0 : percent(Number(exact))}`, exact] : [text, exact];
    return el("td", {}, quantity(shown, side, tensor.name, odd(side) && OF_FINITE.has(name) ? `finite ${name}` : name));
  })));
  const note = sides.some(odd) ? el("p", { class: "note" }, "min to RMS are those of the finite elements") : "";
  return [el("table", { id: "statistics", class: sides.length > 2 ? "tight" : null }, el("thead", {}, head), el("tbody", {}, lines)), note];
}

function percent(share) {
  if (share > 0 && share < 0.001) return "<0.1 %";
  if (share < 1 && share > 0.999) return ">99.9 %";
  return `${Number((share * 100).toFixed(1))} %`;
}

const more = (rows, count) => (count > rows.length ? el("li", { class: "note" }, `and ${count - rows.length} more`) : "");

function drawLocal(tensor) {
  if (!tensor.local?.length) return "";
  const rows = tensor.local.map(({ input, symbol, number }) => el("li", {},
    `∂/∂${input.split(".").at(-1)} = ${symbol || "…"}`, number && number[0] !== symbol ? [" = ", quantity(number, "local", input, "local derivative")] : ""));
  return [el("h3", {}, "Local derivatives"), el("ul", { class: "plain" }, rows, more(rows, tensor.local_of))];
}

function drawTerms(tensor) {
  if (!tensor.terms?.length || !isKnown(momentOf(tensor.name, "grad"))) return "";
  const rows = tensor.terms.map(({ operation, input, number, is_rms }) => el("li", {},
    `through ${operation}, input ${input + 1}: ${is_rms ? "RMS " : ""}`, quantity(number, "grad", tensor.name, "contribution")));
  const title = tensor.terms_of > 1 ? `Gradient = sum of ${tensor.terms_of} terms` : "Gradient, from one use";
  return [el("h3", {}, title), el("ul", { class: "plain" }, rows, more(rows, tensor.terms_of))];
}

function drawExtra(name) {
  const { extra } = model;
  if (extra?.name !== name) return "";
  if (extra.microseconds) {
    const time = quantity(extra.microseconds, "", extra.name, "microseconds");
    return el("p", { id: "extra" }, "time here: ", time, ` µs, median of ${extra.repeats} runs of the operation`);
  }
  const rows = extra.rows.map(([index, mine, slope, error, ok]) => el("tr", {}, el("th", {}, `[${index}]`),
    el("td", {}, quantity(mine, "grad", extra.name, "gradient")), el("td", {}, quantity(slope, "", extra.name, "difference")),
    el("td", {}, quantity(error, "", extra.name, "relative error"), ok ? " ok" : " ✗")));
  return el("div", { id: "extra" }, el("h3", {}, `Numerical check: ${extra.ok ? "ok" : "differs"}`), el("table", {},
    el("thead", {}, el("tr", {}, el("th"), el("th", {}, "gradient"), el("th", {}, "difference"), el("th", {}, "rel. error"))), el("tbody", {}, rows)));
}

// Lines that are too long go on further in; those that stand further in are details.
const sentences = (text) => text.split("\n").map((line) =>
  el("p", { class: line.startsWith("  ") ? "detail" : null }, line.trim().replace(/ {2,}/g, "  ") || "\u00a0"));

function drawAnswer(answer) {
  const findings = answer.findings.map((finding) => el("li", {}, sentences(finding.text),
    finding.at[0] < 0 ? el("button", { type: "button", class: "link", onclick: () => choose(finding.name, "value") }, `look at ${finding.name}`)
      : el("button", { type: "button", class: "link", onclick: () => goTo(finding.at[0]) }, `go to step ${finding.at[0] + 1}`)));
  return el("section", { id: "why" }, el("h3", {}, "Why? ", el("button", { type: "button", class: "link", onclick: prompts.closeWhy }, "close")),
    sentences(answer.question), answer.text ? el("div", { class: "answer" }, sentences(answer.text)) : "", el("ul", { class: "plain" }, findings),
    el("code", { class: "call" }, answer.call));
}

// ---- all of it -----------------------------------------------------------------------------------------------------

function drawTabs(name, side) {
  return el("div", { role: "tablist", class: "tabs" }, Object.entries(SIDE_NAMES).map(([each, label]) => el("button", {
    type: "button", role: "tab", "aria-selected": each === side, class: each === "grad" ? "gradient" : "value",
    disabled: !momentOf(name, each), onclick: () => choose(name, each),
  }, label)));
}

function drawTensor(tensor, name, side) {
  const moment = momentOf(name, side);
  if (!isKnown(moment)) {
    if (!moment) return el("p", { class: "note" }, tensor?.missing ?? `${name} has no ${SIDE_NAMES[side]} in this run`);
    return el("p", { class: "note" }, "not computed yet at this step · ",
      el("button", { type: "button", class: "link", onclick: () => goTo(moment[0]) }, `go to step ${moment[0] + 1}`));
  }
  if (!tensor) return "";
  const slice = el("input", {
    id: "slice", value: tensor.grid.slice, size: Math.max(10, tensor.grid.slice.length + 1), spellcheck: "false", "aria-label": "slice", readonly: isSaved,
    title: "a number or a range for each axis: 0, :, 3:7", onchange: (event) => choosePart(event.target.value),
  });
  const isNumber = tensor.shape === "()";
  return [
    isNumber ? el("p", { class: "single" }, quantity([tensor.grid.texts[0], tensor.grid.texts[0]], side, name, "value"))
      : [el("label", { class: "slice" }, "slice [", slice, "]", el("small", {}, " of ", tensor.shape)), drawGrid(tensor.grid, name, side)],
    isNumber ? "" : drawHistogram(tensor.histogram, side),
    isNumber ? "" : drawStatistics(tensor),
    tensor.change ? el("p", {}, "changed by ", isNumber ? "" : "RMS ", quantity(tensor.change, side, name, "change"),
      el("small", {}, " · update.rms")) : "",
  ];
}

export function drawInspector() {
  const pane = find("inspector");
  const chosen = selected();
  const { at, substep, run } = model.state;
  const tensor = model.tensor;
  redraw(pane, [run, at, substep, chosen, model.chosen !== null, model.slice, model.extra, model.answer, Boolean(tensor)], () => {
    if (!chosen) return el("p", { class: "note" }, "this step computes nothing to look at");
    const [name, side] = chosen;
    const [shape, dtype, kind] = model.run.variables[name] ?? [];
    const loose = model.chosen === null ? "" : el("button", { type: "button", class: "link", onclick: prompts.release, title: "Escape" }, "↩ this step");
    const isOriginal = model.tensor?.name === name;
    const live = (...made) => (isSaved ? [] : made);
    const button = (label, press, title) => el("button", { type: "button", onclick: press, title }, label);
    return el("div", { id: "tensor", "data-variable": name, "data-side": side },
      el("h2", {}, el("b", {}, name), el("small", {}, ` ${kind ?? ""} ${shape ?? ""} ${dtype ?? ""} `), loose),
      tensor?.made ? el("p", { class: "made", title: tensor.made }, tensor.made) : "",
      drawTabs(name, side),
      isOriginal || !isKnown(momentOf(name, side)) ? drawTensor(tensor, name, side) : "",
      isOriginal ? [drawLocal(tensor), drawTerms(tensor)] : "",
      el("div", { class: "buttons" },
        button("y why?", prompts.why, `session.why("${name}")`), live(button("e edit", prompts.edit, `session.set_value("${name}", ...)`)),
        button("run to", () => prompts.runTo(name), `session.run_to("${name}")`),
        live(button("check gradient", () => askExtra("check", name), "compare with finite differences"),
          button("time", () => askExtra("time", name), "run the operation again and take the time"))),
      drawExtra(name), model.answer ? drawAnswer(model.answer) : "");
  });
}
