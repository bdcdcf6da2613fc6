// What a page needs for where it stands: tables of the run, the picture and its looks, the inspector's tensor.

import { ask, askOnce } from "./source.js";
import { focused, isKnown, model, momentOf, pictured, selected } from "./model.js";
import { drawTree, forgetTree, makeTree, settleTree } from "./tree.js";
import { draw } from "./drawing.js";
import { enqueue, found } from "./queue.js";

let asked = new Set(); // whose numbers
let films = new Map(); // by level: the looks that have been sent, and which are shown at a step

// The tables of another run take the place of the old ones at once, together with where the session stands in it.
async function loadRun(state) {
  const run = await askOnce("run", { run: state.run });
  films = new Map();
  asked = new Set();
  Object.assign(model, { state, run, numbers: {}, series: null, origins: null, extra: null, answer: null, compared: null });
  model.tree = makeTree(model.run);
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

export function needNumbers(names) {
  const wanted = names.filter((name) => !asked.has(name)).slice(0, 300);
  if (!wanted.length) return;
  const { run } = model.state;
  const mine = asked; // of this run
  for (const name of wanted) mine.add(name);
  enqueue(async () => {
    try {
      const numbers = await ask("numbers", { run, names: wanted });
      if (model.state.run === run) Object.assign(model.numbers, numbers);
    } catch (error) {
      for (const name of wanted) mine.delete(name); // they are asked for again
      throw error;
    }
    drawTree();
    settleTree();
  });
}

export async function refresh(state) {
  const first = !model.run;
  if (first || state.run !== model.run.run) await loadRun(state);
  else model.state = state;
  let trouble = null; // what cannot be inspected leaves the other panes as they should be
  const inspected = loadTensor().catch((error) => { trouble = error; return null; });
  Object.assign(model, await loadPicture(), { tensor: await inspected });
  draw();
  if (first) performance.mark("painted");
  if (!model.series) await loadRest();
  if (trouble) throw trouble;
  found();
  model.version = Math.max(model.version, state.version ?? 0); // what failed on the way here is asked for again
}
