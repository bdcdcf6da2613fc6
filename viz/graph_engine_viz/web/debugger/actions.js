// What can be done: calls of the session, and choices of what is looked at.

import { find } from "./dom.js";
import { ask, askOnce, isSaved } from "./source.js";
import { isKnown, model, momentOf, selected, stepOf } from "./model.js";
import { enqueue, quiet, say } from "./queue.js";
import { refresh } from "./loading.js";
import { draw } from "./drawing.js";
import { drawSeries } from "./series.js";
import { editDialog, searchDialog, watchDialog } from "./dialogs.js";

export function act(call, ...given) {
  return enqueue(async () => {
    quiet();
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
    try {
      while (wanted !== null) {
        const aim = wanted;
        if (aim !== model.state.at) await refresh(await ask("do", { call: "travel", arguments: [aim] }));
        if (wanted === aim) wanted = null;
      }
    } finally {
      wanted = null; // after a refusal too, one can drag again
    }
  });
}

export function choose(variable, side) {
  if (!variable) return;
  const first = ["grad", "value"].find((each) => model.state.phase !== "forward" && isKnown(momentOf(variable, each))) ?? "value";
  model.chosen = [variable, side ?? first];
  model.slice = model.tensor?.name === variable ? model.slice : "";
  show();
}

export const choosePart = (text) => lookAt("slice", text);

// Look at something else; where that cannot be seen, at what was seen before.
function lookAt(what, at) {
  const before = model[what];
  model[what] = at;
  enqueue(async () => {
    quiet();
    try {
      await refresh(model.state);
    } catch (error) {
      model[what] = before;
      await refresh(model.state);
      throw error;
    }
  });
}

export function enter(level) {
  lookAt("focus", JSON.stringify(level) === JSON.stringify(model.state.focus) ? null : level);
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
    model.history = model.history ? null : (await askOnce("iterations")).iterations;
    drawSeries();
  });
}

export function askExtra(what, variable) {
  enqueue(async () => {
    quiet();
    model.extra = await ask(what, { run: model.state.run, variable });
    draw();
  });
}

export function jump(by) {
  return enqueue(async () => {
    quiet();
    const { run, at } = model.state;
    const { origins } = await askOnce("origins", { run });
    if (!origins.length) return say("everything in this run is finite");
    const steps = [...new Set(origins.map((origin) => origin.at[0]))].filter((step) => step >= 0);
    const ahead = by > 0 ? steps.filter((step) => step > at) : steps.filter((step) => step < at).reverse();
    const given = origins.filter((origin) => origin.at[0] < 0);
    model.focus = null;
    if (!steps.length) model.chosen = [given[0].name, "value"];
    const aim = ahead[0] ?? (by > 0 ? steps[0] : steps.at(-1));
    await refresh(steps.length ? await ask("do", { call: "go", arguments: [aim] }) : model.state);
    if (given.length) say(given.map(({ name, what }) => `${name} holds ${what}, as it was given`).join("; "));
  });
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

export function compareRuns() {
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
    model.compared = await askOnce("compare", { runs: [0, run === 0 ? runs - 1 : run] });
    draw();
  });
}

// What needs numbers that nobody has computed yet.
const live = (name, call) => (...given) => (isSaved ? say(`${name} is not in this saved page: open the run with the debugger`) : call(...given));

export const prompts = {
  watch: live("a watchpoint", () => watchDialog(selected()?.[0], (condition, of) => act("watch", condition, of))),
  breakpoint: () => toggle(...subjectPoint()),
  line: (text) => toggle(text, "line"),
  edit: live("an edit", () => {
    const chosen = selected();
    if (!chosen) return say("choose a variable to edit");
    const [name, side] = chosen;
    const shown = model.tensor?.name === name && model.tensor.side === side ? model.tensor : null;
    return editDialog(shown?.holder ?? name, shown, model.state, (...edit) => act("set_value", ...edit), (run) => act("use_run", run));
  }),
  runTo: (name) => act("run_to", name, "variable"),
  search: () => searchDialog((text) => ask("search", { run: model.state.run, text }), picked),
  why: () => enqueue(async () => {
    quiet();
    const chosen = selected();
    const known = chosen && isKnown(momentOf(...chosen));
    const failed = model.run.failure?.step === model.state.at && !model.chosen; // then the question is why the run stopped
    const about = !chosen || (failed && !known) ? {} : known ? { node: chosen[0], of: chosen[1] } : { node: chosen[0] };
    model.answer = await askOnce("why", { run: model.state.run, ...about });
    draw();
    find("why")?.scrollIntoView({ block: "nearest" });
  }),
  closeWhy: () => { model.answer = null; draw(); },
  release: () => { model.chosen = null; model.slice = ""; show(); },
};

function picked(kind, name) {
  model.focus = null;
  if (kind === "scope") return act("open", name).then(() => act("run_to", name, "scope"));
  if (kind !== "variable") return act("run_to", name, kind);
  choose(name);
  const moment = momentOf(name, "value");
  return moment && moment[0] >= 0 ? act("go", moment[0]) : null;
}
