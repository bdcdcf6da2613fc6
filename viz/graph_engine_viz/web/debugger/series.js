// How large gradients, activations and updates are in each layer, on a log scale; the loss of each sample.

import { el, find, redraw, svg } from "./dom.js";
import { isKnown, model } from "./model.js";
import { acrossIterations, choose, showSeries } from "./actions.js";

const KINDS = { grad: "|gradient|", value: "|activation|", ratio: "|update| / |weight|", loss: "loss per sample" };
const TALL = 74;
const LEFT_ROOM = 50;

// Rows of name, number, when it is known, and what it is of.
function bars(kind, { layers, losses } = model.series) {
  if (kind === "loss") {
    return (losses?.numbers ?? []).map((number, i) => ({ name: String(i), number, at: losses.at, variable: losses.name, side: "value" }));
  }
  if (kind === "ratio") {
    return layers.flatMap(({ parameters }) => parameters.map(({ name, ratio, ratio_at }) =>
      ({ name, number: ratio, at: ratio_at, variable: name, side: "update" })));
  }
  return layers.filter((layer) => layer[kind]).map((layer) =>
    ({ name: layer.name, number: layer[kind], at: layer[`${kind}_at`], variable: layer.result, side: kind }));
}

const sizeOf = ({ number }) => Math.abs(Number(number[1].replace("Inf", "Infinity")));

function axis(rows, linear) {
  const sizes = rows.map(sizeOf).filter((size) => Number.isFinite(size) && size > 0);
  if (!sizes.length) return { low: 0, high: 1, y: () => 0, ticks: [] };
  if (linear) {
    const high = Math.max(...sizes);
    return { y: (size) => (size / high) * TALL, ticks: [[high, Number(high.toPrecision(2))]] };
  }
  let low = Math.floor(Math.log10(Math.min(...sizes)) - 0.15), high = Math.ceil(Math.log10(Math.max(...sizes)) + 0.05);
  if (high - low < 2) low = high - 2;
  const y = (size) => (size > 0 ? Math.max(((Math.log10(size) - low) / (high - low)) * TALL, 2) : 0);
  const every = Math.ceil((high - low) / 4);
  const ticks = [];
  for (let decade = low; decade <= high; decade += every) ticks.push([10 ** decade, `1e${decade}`]);
  return { y, ticks };
}

// The same bar at the iterations that are kept, the oldest first, side by side.
function drawHistory(row, i, step, y, kind, histories) {
  const wide = Math.max(Math.min(step - 4, 70), 2) / histories.length;
  const left = LEFT_ROOM + (i + 0.5) * step - (wide * histories.length) / 2;
  return svg("g", { class: "layer" }, histories.map(({ number, rows }, place) => {
    const found = rows.find((other) => other.name === row.name);
    const size = found ? sizeOf(found) : 0;
    const tall = Number.isFinite(size) ? y(size) : TALL;
    return svg("rect", {
      x: left + place * wide, y: TALL + 14 - tall, width: Math.max(wide - 1, 1), height: tall,
      class: `bar ${kind}${Number.isFinite(size) ? "" : " odd"}`, "data-iteration": number, "data-layer": row.name, "data-exact": found?.number[1],
      "fill-opacity": place === histories.length - 1 ? 1 : 0.4,
    }, svg("title", {}, `${row.name}, iteration ${number}: ${found?.number[1] ?? "none"}`));
  }), nameOf(row, LEFT_ROOM + (i + 0.5) * step, step));
}

function nameOf(row, middle, step) {
  const room = Math.floor((step - 5) / 6.6);
  const cut = (label) => (label.length > room ? `${label.slice(0, room - 1 - (room >> 1))}…${label.slice(-(room >> 1))}` : label);
  return step < 26 ? null : row.name.split(".").slice(-2).reverse().map((label, depth) =>
    svg("text", { x: middle, y: TALL + 27 + 12 * depth, class: depth ? "label outer" : "label" }, cut(label)));
}

function drawBar(row, i, step, y, kind) {
  const known = isKnown(row.at);
  const x = LEFT_ROOM + i * step;
  const size = sizeOf(row);
  const odd = !Number.isFinite(size);
  const wide = Math.max(Math.min(step - 2, 70), 1);
  const middle = x + step / 2;
  const name = nameOf(row, middle, step);
  if (!known) return svg("g", {}, svg("circle", { cx: middle, cy: TALL + 10, r: 2, class: "todo" }), name);
  const tall = odd ? TALL : y(size);
  const data = { "data-layer": row.name, "data-variable": row.variable, "data-side": row.side, "data-exact": row.number[1] };
  const bar = svg("rect", { x: middle - wide / 2, y: TALL + 14 - tall, width: wide, height: tall, class: `bar ${kind}${odd ? " odd" : ""}`, ...data },
    svg("title", {}, `${row.name}: ${row.number[1]}`));
  const shown = step < 40 ? (odd ? "⚠" : size === 0 && step > 12 ? "0" : null) : `${odd ? "⚠ " : ""}${kind === "loss" ? row.number[0] : row.number[0].replace(/^-/, "")}`;
  const number = shown && svg("text", { x: middle, y: TALL + 10 - tall, class: "amount" }, shown);
  return svg("g", { class: "layer", onclick: () => choose(row.variable, row.side === "update" ? "update" : row.side) }, bar, number, name);
}

export function drawSeries() {
  const pane = find("series");
  const { at, substep, run } = model.state;
  const { width } = model;
  redraw(pane, [run, at, substep, model.shown, width, model.history !== null, model.series === null], () => {
    if (!model.series) return [];
    const kinds = Object.keys(KINDS).filter((kind) => bars(kind).length);
    if (!kinds.length) return [];
    const wished = model.shown ?? { forward: "value", backward: "grad", update: "ratio" }[model.state.phase];
    const kind = kinds.includes(wished) ? wished : kinds[0];
    const tabs = el("div", { role: "tablist", class: "tabs" }, kinds.map((each) => el("button", {
      type: "button", role: "tab", "aria-selected": each === kind, onclick: () => showSeries(each),
    }, KINDS[each])), model.state.iterations > 1 ? el("button", {
      type: "button", "aria-pressed": model.history !== null, onclick: acrossIterations,
    }, "across iterations") : "", el("small", {}, kind === "loss" ? "" : "RMS per layer, log scale"));
    const rows = bars(kind);
    const histories = (model.history ?? []).map((each) => ({ number: each.number, rows: bars(kind, each) }));
    const { y, ticks } = axis([...rows, ...histories.flatMap((each) => each.rows)], kind === "loss");
    const step = Math.min((width - LEFT_ROOM - 4) / rows.length, 110);
    const lines = ticks.map(([size, label]) => {
      const top = TALL + 14 - y(size);
      const written = svg("text", { x: LEFT_ROOM - 8, y: top + 4, class: "ticked" }, String(label));
      return [svg("path", { d: `M${LEFT_ROOM - 4},${top}H${width}`, class: "tick" }), written];
    });
    const drawing = svg("svg", { width, height: TALL + 44, role: "img", "aria-label": `${KINDS[kind]} of ${rows.length} layers` },
      lines.flat(), rows.map((row, i) => (histories.length ? drawHistory(row, i, step, y, kind, histories) : drawBar(row, i, step, y, kind))));
    return [tabs, drawing];
  });
}
