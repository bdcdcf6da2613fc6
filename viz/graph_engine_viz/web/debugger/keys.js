// The keys, and the buttons that do the same.

import { el, find } from "./dom.js";
import { isAnswered } from "./source.js";
import { model } from "./model.js";
import { act, compareRuns, jump, prompts } from "./actions.js";
import { quiet } from "./queue.js";
import { zoom } from "./graph.js";
import { helpDialog, isDialogOpen } from "./dialogs.js";

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
  ["?", () => helpDialog(KEYS.filter(isShown), OTHERS), "help", ""],
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
  quiet();
  press();
}

// A saved page announces what is in it.
const NEEDS = { w: "watch", e: "edit", m: "compare" };
const isShown = ([key]) => !(key in NEEDS) || isAnswered(NEEDS[key]);

export function listenKeys() {
  find("keys").append(...KEYS.filter(isShown).map(([key, press, name, call]) => el("button", {
    type: "button", title: call || name, "data-key": key, "aria-keyshortcuts": key === "C" || key === "N" ? `Shift+${key.toLowerCase()}` : key,
    onclick: (event) => { if (event.detail) event.currentTarget.blur(); quiet(); press(); }, // by keyboard, the focus stays
  }, el("kbd", {}, key), ` ${name}`)));
  document.addEventListener("keydown", onKey);
}
