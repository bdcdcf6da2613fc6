// All panes, from what the page knows.

import { el, find, redraw } from "./dom.js";
import { isSaved } from "./source.js";
import { model, stepOf } from "./model.js";
import { drawTree, settleTree } from "./tree.js";
import { drawPoints, drawSource, settleSource } from "./code.js";
import { drawGraph, settleGraph } from "./graph.js";
import { drawInspector } from "./inspector.js";
import { drawTimeline } from "./timeline.js";
import { drawSeries } from "./series.js";

function drawHeader() {
  const { at, title, phase, reasons, scope, substep, part, run, runs, note } = model.state;
  const here = stepOf(at);
  const source = here.file === null ? null : model.run.files[here.file];
  const code = source?.lines.find(([number]) => number === here.line)?.[1].trim() ?? "";
  const failed = model.run.failure?.step === at ? model.run.failure.text.split("\n")[0] : "";
  const of = runs > 1 ? ` · run ${run} of ${runs}` : "";
  find("name").textContent = `${isSaved ? "saved run" : "debugger"} · ${model.run.title}${of} ·`;
  find("title").textContent = title;
  document.title = `${model.run.title} · ${title}`;
  const parts = [
    scope ? el("b", {}, `all of ${scope.join(".")}`) : el("b", {}, here.name),
    substep === null ? "" : el("span", {}, `primitive ${substep + 1} of ${model.run.substeps[at] ?? 1}: ${part}`),
    failed ? el("span", { class: "trouble" }, `✗ ${failed}`) : el("code", {}, code),
    source ? el("span", { class: "place" }, `${source.name}:${here.line}`) : "",
    ...reasons.map((reason) => el("span", { class: "reason", title: reason }, `■ ${reason}`)),
    model.run.retention ? el("span", { class: "note" }, model.run.retention) : "",
  ].filter((part) => part !== "");
  redraw(find("note"), [note], () => [document.createTextNode(note)]);
  find("note").title = note;
  redraw(find("caption"), [at, substep, scope, reasons, run, runs], () => parts);
}

export function draw() {
  const { at, substep, phase, run, calls } = model.state;
  Object.assign(find("debugger").dataset, { step: at, steps: model.run.steps.length, phase, run, substep: substep ?? "" });
  drawHeader();
  drawTree();
  drawPoints();
  drawSource();
  drawGraph();
  drawInspector();
  drawTimeline();
  drawSeries();
  find("calls").textContent = `Python: ${calls.length > 1 ? `${calls.length - 1} before; ` : ""}${calls.at(-1)}`;
  find("calls").title = calls.join("\n");
  settleTree();
  settleSource();
  settleGraph();
}

// The same again in panes of another size.
export function drawAgain() {
  model.width = find("timeline").clientWidth;
  if (model.run) [drawTimeline, drawSeries, drawTree, settleTree, settleSource, settleGraph].forEach((each) => each());
}
