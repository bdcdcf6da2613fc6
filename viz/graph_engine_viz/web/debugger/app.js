// The page: what keys and clicks do, what is asked then, and drawing all panes from the answers.

import { el, find, redraw } from "./dom.js";
import { ask, askOnce, isSaved } from "./source.js";
import { focused, isKnown, model, momentOf, pictured, selected, stepOf } from "./model.js";
import { drawTree, forgetTree, listenTree, makeTree, settleTree } from "./tree.js";
import { drawPoints, drawSource, settleSource } from "./code.js";
import { drawGraph, listenGraph, settleGraph, zoom } from "./graph.js";
import { drawInspector } from "./inspector.js";
import { drawTimeline, listenTimeline } from "./timeline.js";
import { drawSeries } from "./series.js";
import { closeDialog, editDialog, helpDialog, isDialogOpen, searchDialog, watchDialog } from "./dialogs.js";

const root = find("debugger");

// ---- one thing after the other ---------------------------------------------------------------------------------------

let line = Promise.resolve();
let waiting = 0;

function enqueue(work) {
  waiting += 1;
  root.dataset.busy = "true";
  line = line.then(work).catch(tell).finally(() => {
    waiting -= 1;
    if (!waiting) root.dataset.busy = "false";
  });
  return line;
}

function tell(error) {
  const message = find("message");
  message.textContent = error.message ?? String(error);
  message.hidden = false;
}

const quiet = () => { find("message").hidden = true; find("message").textContent = ""; };

function say(text) {
  tell({ message: text });
}

// ---- tables of a run -------------------------------------------------------------------------------------------------

let films = new Map(); // by level: the looks that have been sent, and which are shown at a step

async function loadRun() {
  const { run } = model.state;
  films = new Map();
  Object.assign(model, { run: await askOnce(run, "run"), numbers: {}, series: null, origins: [], extra: null, answer: null });
  model.tree = makeTree(model.run);
  model.compared = null;
  forgetTree();
  if (model.chosen && !model.run.variables[model.chosen[0]]) model.chosen = null;
  model.slice = "";
}

// What is not needed for the first picture.
async function loadRest() {
  const { run } = model.state;
  const [series, { origins }] = await Promise.all([askOnce(run, "series"), askOnce(run, "origins")]);
  if (model.state.run !== run) return;
  Object.assign(model, { series, origins });
  draw();
}

async function loadPicture() {
  const { run } = model.state;
  const focus = focused();
  const step = pictured();
  const key = JSON.stringify([run, focus]);
  if (!films.has(key)) films.set(key, { texts: [], at: new Map() });
  const film = films.get(key);
  const picture = askOnce(run, "picture", { focus });
  if (!film.at.has(step)) {
    const { at, texts, from } = await ask("looks", { focus, step, have: film.texts.length });
    film.texts.splice(from, film.texts.length - from, ...texts);
    film.at.set(step, at);
  }
  return { picture: await picture, looks: { at: film.at.get(step), texts: film.texts } };
}

async function loadTensor() {
  const chosen = selected();
  if (!chosen) return null;
  const [variable, side] = chosen;
  if (!isKnown(momentOf(variable, side))) return null;
  return askOnce(model.state.run, "inspect", { variable, side, slice: model.slice });
}

let asked = new Set();
export function needNumbers(names) {
  const wanted = names.filter((name) => !asked.has(name)).slice(0, 300);
  if (!wanted.length) return;
  for (const name of wanted) asked.add(name);
  enqueue(async () => {
    Object.assign(model.numbers, await ask("numbers", { names: wanted }));
    drawTree();
    settleTree();
  });
}

async function refresh(state) {
  const before = model.state?.run;
  model.state = state;
  if (!model.run || state.run !== before) {
    asked = new Set();
    await loadRun();
  }
  const [film, tensor] = await Promise.all([loadPicture(), loadTensor()]);
  Object.assign(model, film, { tensor });
  draw();
  if (before === undefined) performance.mark("painted");
  if (!model.series) await loadRest();
}

// ---- drawing ---------------------------------------------------------------------------------------------------------

function drawHeader() {
  const { at, title, phase, reasons, scope, substep, run, runs } = model.state;
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
    substep === null ? "" : el("span", {}, `primitive ${substep + 1} of ${model.run.substeps[at]?.length ?? 1}: ${model.run.substeps[at]?.[substep] ?? ""}`),
    failed ? el("span", { class: "trouble" }, `✗ ${failed}`) : el("code", {}, code),
    source ? el("span", { class: "place" }, `${source.name}:${here.line}`) : "",
    ...reasons.map((reason) => el("span", { class: "reason" }, `■ ${reason}`)),
    model.run.retention ? el("span", { class: "note" }, model.run.retention) : "",
  ].filter((part) => part !== "");
  redraw(find("caption"), [at, substep, scope, reasons, run, runs], () => parts);
}

function draw() {
  const { at, substep, phase, run, calls } = model.state;
  Object.assign(root.dataset, { step: at, steps: model.run.steps.length, phase, run, substep: substep ?? "" });
  drawHeader();
  drawTree();
  drawPoints();
  drawSource();
  drawGraph();
  drawInspector();
  drawTimeline();
  drawSeries();
  find("calls").textContent = `Python: ${calls.slice(-4).join("; ")}`;
  find("calls").title = calls.join("\n");
  settleTree();
  settleSource();
  settleGraph();
}

// ---- what can be done ------------------------------------------------------------------------------------------------

export function act(call, ...given) {
  return enqueue(async () => {
    quiet();
    model.extra = null;
    await refresh(await ask("do", { call, arguments: given }));
  });
}

const show = () => enqueue(async () => { quiet(); await refresh(model.state); });

export function goTo(step) {
  model.focus = null;
  return act("go", step);
}

let wanted = null;
export function travel(step) {
  if (wanted !== null) {
    wanted = step;
    return;
  }
  wanted = step;
  enqueue(async () => {
    quiet();
    while (wanted !== null) {
      const aim = wanted;
      if (aim !== model.state.at) await refresh(await ask("do", { call: "travel", arguments: [aim] }));
      if (wanted === aim) wanted = null;
    }
  });
}

export function choose(variable, side) {
  if (!variable) return;
  const first = ["grad", "value"].find((each) => model.state.phase !== "forward" && isKnown(momentOf(variable, each))) ?? "value";
  model.chosen = [variable, side ?? first];
  model.slice = model.tensor?.name === variable ? model.slice : "";
  model.extra = null;
  show();
}

export function choosePart(text) {
  const before = model.slice;
  model.slice = text;
  enqueue(async () => {
    quiet();
    try {
      await refresh(model.state);
    } catch (error) {
      model.slice = before;
      throw error;
    }
  });
}

export function enter(level) {
  model.focus = JSON.stringify(level) === JSON.stringify(model.state.focus) ? null : level;
  show();
}

export function follow() {
  model.focus = null;
  show();
}

export function showSeries(kind) {
  model.shown = kind;
  drawSeries();
}

export function acrossIterations() {
  enqueue(async () => {
    quiet();
    model.history = model.history ? null : (await askOnce("", "iterations")).iterations;
    drawSeries();
  });
}

export function askExtra(what, variable) {
  enqueue(async () => {
    quiet();
    model.extra = await ask(what, { variable });
    draw();
  });
}

function jump(by) {
  const { origins } = model;
  if (!origins.length) return say("everything in this run is finite");
  const steps = [...new Set(origins.map((origin) => origin.at[0]))];
  const { at } = model.state;
  const ahead = by > 0 ? steps.filter((step) => step > at) : steps.filter((step) => step < at).reverse();
  return goTo(ahead[0] ?? (by > 0 ? steps[0] : steps.at(-1)));
}

const subjectPoint = () => {
  const { at, scope } = model.state;
  const { phase, name } = stepOf(at);
  if (scope) return [scope.join("."), "scope"];
  return phase === "u" ? [name, "variable"] : [name, "operation"];
};

function toggle(text, kind) {
  const there = model.state.points.find((point) => point.kind === "break" && point.text === `${kind} ${text}`);
  return there ? act("delete", there.number) : act("break_at", text, kind);
}

function compareRuns() {
  if (model.compared) {
    model.compared = null;
    draw();
    return;
  }
  const { run, runs } = model.state;
  if (runs < 2 && !isSaved) {
    say("there is one run only: edit a value with e, and compare the two");
    return;
  }
  enqueue(async () => {
    quiet();
    model.compared = await askOnce(run, "compare", { runs: [0, run === 0 ? runs - 1 : run] });
    draw();
  });
}

export const prompts = {
  watch: () => watchDialog(selected()?.[0], (condition, of) => act("watch", condition, of)),
  breakpoint: () => toggle(...subjectPoint()),
  line: (text) => toggle(text, "line"),
  edit: () => {
    const chosen = selected();
    if (!chosen) return say("choose a variable to edit");
    return editDialog(chosen[0], model.tensor, model.state, (name, text) => act("set_value", name, text), (run) => act("use_run", run));
  },
  runTo: (name) => act("run_to", name, "variable"),
  search: () => searchDialog((text) => ask("search", { text }), picked),
  why: () => enqueue(async () => {
    quiet();
    const chosen = selected();
    const known = chosen && isKnown(momentOf(...chosen));
    model.answer = await askOnce(model.state.run, "why", chosen && known ? { node: chosen[0], of: chosen[1] } : chosen ? { node: chosen[0] } : {});
    draw();
    find("why")?.scrollIntoView({ block: "nearest" });
  }),
  closeWhy: () => { model.answer = null; draw(); },
  release: () => { model.chosen = null; model.slice = ""; model.extra = null; show(); },
};

function picked(kind, name) {
  model.focus = null;
  if (kind === "scope") return act("open", name).then(() => act("run_to", name, "scope"));
  if (kind === "variable") choose(name);
  const moment = kind === "variable" ? momentOf(name, "value") : null;
  if (moment && moment[0] >= 0) return act("go", moment[0]);
  return kind === "variable" ? null : act("run_to", name, kind);
}

// Key, what it does, what it is called, and the Python call that does the same.
const KEYS = [
  ["h", () => act("step_back"), "back", "session.step_back()"],
  ["l", () => act("step"), "step", "session.step()"],
  ["j", () => { model.focus = null; act("into"); }, "into", "session.into()"],
  ["k", () => { model.focus = null; act("out"); }, "out", "session.out()"],
  ["c", () => act("continue_"), "continue", "session.continue_()"],
  ["C", () => act("reverse_continue"), "reverse", "session.reverse_continue()"],
  ["b", () => prompts.breakpoint(), "break", "session.break_at(name)"],
  ["w", () => prompts.watch(), "watch", "session.watch(condition, of)"],
  ["n", () => jump(1), "next NaN", "session.go(step) to the next non-finite origin"],
  ["N", () => jump(-1), "previous", "session.go(step) to the previous non-finite origin"],
  ["/", () => prompts.search(), "search", "session.run_to(name)"],
  ["e", () => prompts.edit(), "edit", "session.set_value(name, value)"],
  ["m", () => compareRuns(), "compare", "compare(session.runs[0], session.trace)"],
  ["y", () => prompts.why(), "why", "session.why(name)"],
  ["?", () => helpDialog(KEYS, OTHERS), "help", ""],
];

const OTHERS = [
  ["ArrowRight", () => act("step"), "→ step"],
  ["ArrowLeft", () => act("step_back"), "← back"],
  ["Home", () => act("restart"), "to the first step · session.restart()"],
  ["End", () => act("end"), "to the last step · session.end()"],
  ["+", () => zoom(1.25), "nearer"],
  ["=", () => zoom(1.25), ""],
  ["-", () => zoom(0.8), "farther"],
  ["0", () => zoom(0), "the whole picture, or around this step"],
  ["Escape", () => { quiet(); if (model.chosen) prompts.release(); }, "look at what this step is about again"],
];

const table = new Map([...KEYS, ...OTHERS].map(([key, press]) => [key, press]));

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || isDialogOpen()) return;
  if (event.target.matches?.("input, textarea, select")) return;
  const press = table.get(event.key);
  if (!press || !model.state) return;
  event.preventDefault();
  press();
}

function listen() {
  find("keys").append(...KEYS.map(([key, press, name, call]) => el("button", {
    type: "button", title: call || name, "data-key": key, "aria-keyshortcuts": key === "C" || key === "N" ? `Shift+${key.toLowerCase()}` : key,
    onclick: (event) => { event.currentTarget.blur(); press(); },
  }, el("kbd", {}, key), ` ${name}`)));
  document.addEventListener("keydown", onKey);
  listenTree();
  listenGraph();
  listenTimeline();
  const measured = () => { model.width = find("timeline").clientWidth; };
  measured();
  new ResizeObserver(() => {
    measured();
    if (model.run) [drawTimeline, drawSeries, drawTree, settleTree, settleSource, settleGraph].forEach((each) => each());
  }).observe(root);
}

listen();
closeDialog();
enqueue(async () => refresh(await ask("state")));
