// The timeline of all passes, to drag; where runs are compared, how they differ at each step.

import { el, find, redraw, svg } from "./dom.js";
import { model, spoken } from "./model.js";
import { travel } from "./actions.js";

const PHASES = { f: "forward", b: "backward", u: "update" };
const GAP_WIDE = 14;
const DOTS = 9; // pixels that a step needs to be drawn by itself
const VERDICTS = { equal: "·", rounding: "≈", inherited: "↘", unknown: "?", diverged: "✗", missing: " " };

function phasesOf(steps) {
  const found = [];
  steps.forEach(([phase], index) => {
    if (found.at(-1)?.phase !== phase) found.push({ phase, first: index, count: 0 });
    found.at(-1).count += 1;
  });
  return found;
}

const phasesByRun = new WeakMap();

// Where each step stands, in pixels.
function scaleOf(width) {
  const { steps } = model.run;
  if (!phasesByRun.has(steps)) phasesByRun.set(steps, phasesOf(steps));
  const phases = phasesByRun.get(steps);
  const step = (width - 20 - GAP_WIDE * (phases.length - 1)) / steps.length;
  const lefts = phases.map(({ first }, number) => 10 + first * step + number * GAP_WIDE);
  const x = (index) => {
    let number = phases.length - 1;
    while (phases[number].first > index) number -= 1;
    return lefts[number] + (index - phases[number].first + 0.5) * step;
  };
  return { phases, step, x, lefts };
}

function at(clientX) {
  const pane = find("timeline");
  const { x } = scaleOf(pane.clientWidth);
  const target = clientX - pane.getBoundingClientRect().left;
  let low = 0, high = model.run.steps.length - 1;
  while (low < high) {
    const half = (low + high) >> 1;
    if ((x(half) + x(half + 1)) / 2 < target) low = half + 1;
    else high = half;
  }
  return low;
}

function drawDots({ phases, x }, now) {
  return phases.flatMap(({ phase, first, count }) => Array.from({ length: count }, (_, i) => {
    const index = first + i;
    const state = index < now ? "done" : index === now ? "now" : "todo";
    return svg("circle", { cx: x(index).toFixed(1), cy: 30, r: index === now ? 6 : 4, class: `${PHASES[phase]} ${state}`, "data-index": index },
      svg("title", {}, `${PHASES[phase]} ${index + 1}: ${model.run.steps[index][1]}`));
  }));
}

function drawBars({ phases, step, lefts }, now) {
  return phases.flatMap(({ phase, first, count }, number) => {
    const done = Math.min(Math.max(now - first + 1, 0), count);
    const bar = (from, much, state) => svg("rect", {
      x: (lefts[number] + from * step).toFixed(1), y: 26, width: (much * step).toFixed(1), height: 8, class: `${PHASES[phase]} ${state}`,
    });
    return [bar(0, done, "done"), bar(done, count - done, "todo")];
  });
}

export function drawTimeline() {
  const pane = find("timeline");
  const { at: now, points, run } = model.state;
  const { width } = model;
  const bad = (model.origins ?? []).map((origin) => origin.at[0]).filter((step) => step >= 0);
  pane.setAttribute("role", "slider");
  pane.setAttribute("tabindex", "0");
  pane.setAttribute("aria-label", "step");
  pane.setAttribute("aria-valuemin", "1");
  pane.setAttribute("aria-valuemax", String(model.run.steps.length));
  pane.setAttribute("aria-valuenow", String(now + 1));
  pane.setAttribute("aria-valuetext", spoken());
  redraw(pane, [run, now, points, bad, width], () => {
    const scale = scaleOf(width);
    const { phases, x, step, lefts } = scale;
    const names = phases.map(({ phase, count }, number) => {
      const room = count * step;
      const label = room > 110 ? `${PHASES[phase]} ${count} step${count === 1 ? "" : "s"}` : room > 58 ? PHASES[phase] : room > 14 ? phase : "";
      return svg("text", { x: lefts[number], y: 11, class: `label ${PHASES[phase]}` }, label);
    });
    const lines = phases.map(({ phase, count }, number) => svg("path", { d: `M${lefts[number]},30h${count * step}`, class: `line ${PHASES[phase]}` }));
    const stops = [...new Set(points.flatMap((point) => (point.enabled ? point.steps : [])))].map((index) =>
      svg("circle", { cx: x(index).toFixed(1), cy: 18.5, r: 3.5, class: "stop" }));
    const odd = [...new Set(bad)].map((index) => svg("text", { x: x(index), y: 52, class: "bad" }, "⚠", svg("title", {}, "something not finite arose here")));
    const marks = step >= DOTS ? drawDots(scale, now) : drawBars(scale, now);
    const hand = svg("path", { d: `M${x(now).toFixed(1)},18V44`, class: "hand" });
    return svg("svg", { width, height: 54, viewBox: `0 0 ${width} 54` }, lines, marks, hand, names, stops, odd);
  });
  drawLane(width);
}

function drawLane(width) {
  const lane = find("lane");
  const { compared } = model;
  lane.hidden = !compared;
  redraw(lane, [compared?.runs, compared?.text, model.state.at, width], () => {
    if (!compared) return [];
    const { x, step } = scaleOf(width);
    const one = compared.steps[model.state.at];
    const cells = compared.steps.map(([verdict, name, relative], index) => {
      const left = (x(index) - step / 2).toFixed(1), wide = Math.max(step - (step > 3), 0.5).toFixed(1);
      const told = name ? `${name}: ${verdict}, relative error ${relative[0]}` : "nothing to compare";
      const data = { "data-verdict": verdict, "data-exact": relative?.[1] };
      return svg("rect", { x: left, y: 0, width: wide, height: 12, class: `verdict ${verdict}`, ...data }, svg("title", {}, told));
    });
    const glyphs = step < DOTS ? [] : compared.steps.map(([verdict], index) => svg("text", { x: x(index), y: 10.5, class: "glyph" }, VERDICTS[verdict]));
    const where = compared.first?.[0] < 0 ? "as it was given" : `step ${compared.first?.[0] + 1}`;
    const first = compared.first ? `first divergence: ${compared.name}, ${where}` : "no divergence beyond rounding";
    const here = one?.[1] ? ` · here ${one[1]}: ${one[0]}${one[0] === "equal" ? "" : `, ${one[3][0]} and ${one[4][0]}, relative error ${one[2][0]}`}` : "";
    const which = `run ${compared.runs[0]} and run ${compared.runs[1]}`;
    return [svg("svg", { width, height: 13 }, cells, glyphs), el("p", { title: compared.text }, `${which} · ${first}${here}`)];
  });
}

export function listenTimeline() {
  const pane = find("timeline");
  let held = false;
  pane.addEventListener("pointerdown", (event) => {
    held = true;
    pane.setPointerCapture(event.pointerId);
    travel(at(event.clientX));
  });
  pane.addEventListener("pointermove", (event) => held && travel(at(event.clientX)));
  for (const end of ["pointerup", "pointercancel"]) pane.addEventListener(end, () => { held = false; });
}
