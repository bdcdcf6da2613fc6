// What a page needs for where it stands: tables of the run, the picture and its looks, the inspector's tensor.

import { ask, askOnce } from "./source.js";
import { focused, isKnown, model, momentOf, pictured, selected } from "./model.js";
import { drawTree, forgetTree, makeTree, settleTree } from "./tree.js";
import { draw } from "./drawing.js";
import { enqueue } from "./queue.js";

let films = new Map(); // by level: the looks that have been sent, and which are shown at a step

async function loadRun() {
  const { run } = model.state;
  films = new Map();
  Object.assign(model, { run: await askOnce("run", { run }), numbers: {}, series: null, origins: null, extra: null, answer: null });
  model.tree = makeTree(model.run);
  model.compared = null;
  forgetTree();
  if (model.chosen && !model.run.variables[model.chosen[0]]) model.chosen = null;
  model.slice = "";
}

// What is not needed for the first picture.
async function loadRest() {
  const { run } = model.state;
  const [series, { origins }] = await Promise.all([askOnce("series", { run }), askOnce("origins", { run })]);
  if (model.state.run !== run) return;
  Object.assign(model, { series, origins });
  draw();
}

async function loadPicture() {
  const { run } = model.state;
  const focus = focused();
  const step = pictured();
  const key = JSON.stringify(focus);
  if (!films.has(key)) films.set(key, { texts: [], at: new Map() });
  const film = films.get(key);
  const picture = askOnce("picture", { run, focus });
  if (!film.at.has(step)) {
    const { at, texts, from } = await ask("looks", { run, focus, step, have: film.texts.length });
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
  if (model.tensor && model.tensor.name !== variable) model.slice = ""; // it was typed for another tensor
  return askOnce("inspect", { run: model.state.run, variable, side, slice: model.slice });
}

let asked = new Set();
export function needNumbers(names) {
  const wanted = names.filter((name) => !asked.has(name)).slice(0, 300);
  if (!wanted.length) return;
  for (const name of wanted) asked.add(name);
  enqueue(async () => {
    const { run } = model.state;
    const numbers = await ask("numbers", { run, names: wanted });
    if (model.state.run === run) Object.assign(model.numbers, numbers);
    drawTree();
    settleTree();
  });
}

export async function refresh(state) {
  const before = model.state?.run;
  model.state = state;
  model.version = Math.max(model.version, state.version ?? 0);
  if (!model.run || state.run !== before) {
    asked = new Set();
    await loadRun();
  }
  let trouble = null; // what cannot be inspected leaves the other panes as they should be
  const inspected = loadTensor().catch((error) => { trouble = error; return null; });
  Object.assign(model, await loadPicture(), { tensor: await inspected });
  draw();
  if (before === undefined) performance.mark("painted");
  if (!model.series) await loadRest();
  if (trouble) throw trouble;
}
