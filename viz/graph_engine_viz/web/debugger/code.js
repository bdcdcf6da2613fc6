// Breakpoints and watchpoints, and the user's source around the current line.

import { el, find, redraw } from "./dom.js";
import { isSaved } from "./source.js";
import { model, stepOf } from "./model.js";
import { act, prompts } from "./actions.js";

const AROUND = 30;

function drawPoint(point) {
  const sign = point.kind === "break" ? "●" : "◆";
  const press = () => act("enable", point.number, !point.enabled);
  return el("li", { "data-point": point.number, "data-enabled": point.enabled, "data-hits": point.hits },
    el("button", {
      type: "button", class: "sign", "aria-pressed": point.enabled, "aria-label": `stop at ${point.text}`, onclick: press,
      title: `${point.enabled ? "turn off" : "turn on"} · session.enable(${point.number}, ${point.enabled ? "False" : "True"})`,
    }, point.enabled ? sign : "○"),
    el("span", { class: "text", title: point.text }, point.text),
    el("span", { class: "hits" }, `${point.hits} hit${point.hits === 1 ? "" : "s"}`),
    el("button", {
      type: "button", class: "drop", "aria-label": `delete ${point.text}`, title: `session.delete(${point.number})`,
      onclick: () => act("delete", point.number),
    }, "✕"));
}

export function drawPoints() {
  const { points, reasons } = model.state;
  redraw(find("points"), [points, reasons], () => {
    if (!points.length) {
      return el("li", { class: "note" }, "none · ",
        isSaved ? "" : [el("button", { type: "button", class: "link", onclick: prompts.watch }, "w watch"), " · "],
        el("button", { type: "button", class: "link", onclick: prompts.breakpoint }, "b break here"));
    }
    return points.map(drawPoint);
  });
}

function drawLine([number, text], current, used, stopped, file) {
  const press = used ? () => act("run_to", `${file}:${number}`, "line") : null;
  const toggle = used ? () => prompts.line(`${file}:${number}`) : null;
  return el("div", { class: `line${current ? " current" : ""}${used ? " used" : ""}`, "data-line": number },
    el("span", {
      class: "gutter", onclick: toggle, role: used ? "button" : null, tabindex: used ? -1 : null, "aria-label": used ? `break at line ${number}` : null,
      title: used ? `break at line ${number} · session.break_at("${file}:${number}")` : null,
    }, `${stopped ? "●" : current ? "▶" : ""} ${number}`),
    el("code", { onclick: press, title: used ? `run to line ${number}` : null }, text || " "));
}

export function drawSource() {
  const { file, line } = stepOf(model.state.at);
  const stops = model.state.points.filter((p) => p.text.startsWith("line ")).map((p) => p.text.slice(5));
  redraw(find("code"), [model.state.run, file, line, stops], () => {
    const found = model.run.files[file];
    find("file").textContent = found?.name ?? "";
    if (!found) return el("p", { class: "note" }, "this step has no line of its own");
    const used = new Set(found.used);
    const at = found.lines.findIndex(([number]) => number === line);
    const near = found.lines.slice(Math.max(0, at - AROUND), at + AROUND + 1);
    const isStopped = (number) => stops.some((s) => s === String(number) || s.endsWith(`:${number}`));
    return near.map((each) => drawLine(each, each[0] === line, used.has(each[0]), isStopped(each[0]), found.name));
  });
}

// Arrow keys go from line to line, Enter stops there.
export function listenSource() {
  find("code").addEventListener("keydown", (event) => {
    const lines = [...find("code").querySelectorAll(".line.used .gutter")];
    const at = lines.indexOf(document.activeElement);
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && lines.length) {
      const now = lines.findIndex((line) => line.closest(".current"));
      lines[Math.min(Math.max(at < 0 ? now : at + by, 0), lines.length - 1)].focus();
    } else if (at >= 0 && ["Enter", " "].includes(event.key)) lines[at].click();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

export function settleSource() {
  const { file, line } = stepOf(model.state.at);
  const found = model.run.files[file];
  if (!found) return;
  const at = found.lines.findIndex(([number]) => number === line);
  const pane = find("code");
  const high = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--line"));
  pane.scrollTop = Math.max(0, (Math.min(at, AROUND) + 0.5) * high - pane.clientHeight / 2);
}
