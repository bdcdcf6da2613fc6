// The graph: one level of it, as it is at this step; panned and zoomed, with a map where it is larger than the pane.

import { el, find, redraw, svg } from "./dom.js";
import { focused, model, pictured, selected, spoken } from "./model.js";
import { choose, enter, follow, goTo } from "./actions.js";

const LEGIBLE = 0.5; // pixels per unit of the picture: below, it is shown nearer, around the current operation
const NEAR = 0.66;
const MOST_NEAR = 16;
const MAP = [150, 84];

// What somebody did to the view of each picture, relative to where it would be: it moves along with the steps, both
// ways, and a picture that is come back to is seen as it was left.
let sight = { factor: 1, x: 0, y: 0 };
const sights = new WeakMap();
let boxes = new Map();
let shownLooks = new Map();
let shownPicture = null;

// ---- parts ---------------------------------------------------------------------------------------------------------

function place(picture) {
  const stage = find("stage");
  stage.innerHTML = picture.svg;
  const drawing = stage.firstElementChild;
  drawing.removeAttribute("width");
  drawing.removeAttribute("height");
  boxes = new Map();
  shownLooks = new Map();
  for (const part of drawing.querySelectorAll("[data-part]")) {
    const key = part.dataset.part;
    if (!key.startsWith("w") && key !== "frames") boxes.set(key, part.getBBox());
    const fold = picture.folded[key];
    if (!fold && !part.querySelector("[data-variable]")) continue;
    part.setAttribute("tabindex", "0");
    part.setAttribute("role", "button");
    const name = fold ? `open ${fold.at(-1)}` : `inspect ${part.querySelector("[data-variable]").dataset.variable}`;
    part.setAttribute("aria-label", name);
    if (fold) part.setAttribute("data-fold", fold.join("."));
  }
  if (!sights.has(picture)) sights.set(picture, { factor: 1, x: 0, y: 0 });
  sight = sights.get(picture);
}

function dress(looks, texts) {
  const drawing = find("stage").firstElementChild;
  for (const [key, look] of Object.entries(looks)) {
    if (shownLooks.get(key) === look) continue;
    shownLooks.set(key, look);
    drawing.querySelector(`[data-part="${key}"]`).innerHTML = texts[look];
  }
}

// The last entry of what is current that begins at this step or before.
function entryHere() {
  const { current } = model.picture;
  let low = 0, high = current.length;
  while (low < high) {
    const half = (low + high) >> 1;
    if (current[half][0] <= model.state.at) low = half + 1;
    else high = half;
  }
  return low - 1;
}

// The part that this very step is about, if it is in the picture.
const partHere = () => model.picture.current[entryHere()]?.[1] ?? null;

// The last part that a step up to this one was about.
function currentPart() {
  const { current } = model.picture;
  let number = entryHere();
  while (number >= 0 && current[number][1] === null) number -= 1;
  return current[number]?.[1] ?? null;
}

function mark(name, key) {
  const drawing = find("stage").firstElementChild;
  const part = key && drawing.querySelector(`[data-part="${key}"]`);
  for (const other of drawing.querySelectorAll(`[${name}]`)) if (other !== part) other.removeAttribute(name);
  part?.setAttribute(name, "true");
}

function partOf(variable) {
  if (!variable) return null;
  const found = find("stage").querySelector(`[data-variable="${CSS.escape(variable)}"]`);
  return found?.closest("[data-part]").dataset.part ?? null;
}

// ---- what is in sight ----------------------------------------------------------------------------------------------

function measure() {
  const { clientWidth: wide, clientHeight: high } = find("stage");
  const [width, height] = model.picture.size;
  const whole = Math.min(wide / width, high / height, 1.6);
  const scale = Math.max(whole, Math.min(Math.max(whole, whole < LEGIBLE ? NEAR : whole) * sight.factor, MOST_NEAR));
  return { wide, high, width, height, whole, scale, across: wide / scale, down: high / scale };
}

function middle(at, room, size, extent) {
  if (room >= size) return size / 2;
  const cell = room / 3;
  const aim = extent === null ? 0 : (Math.floor(extent / cell) + 0.5) * cell;
  return Math.min(Math.max(aim + at, room / 2), size - room / 2);
}

function look() {
  const drawing = find("stage").firstElementChild;
  if (!drawing) return;
  const { width, height, across, down } = measure();
  const box = boxes.get(currentPart());
  const x = middle(sight.x, across, width, box ? box.x + box.width / 2 : null);
  const y = middle(sight.y, down, height, box ? box.y + box.height / 2 : null);
  const seen = [x - across / 2, y - down / 2, across, down].map((n) => n.toFixed(2));
  drawing.setAttribute("viewBox", seen.join(" "));
  drawMap(seen.map(Number), width, height);
  const isBehind = box && box.x + box.width / 2 > x + 0.1 * across && box.y + box.height / 2 < y;
  find("map").dataset.corner = isBehind ? "left" : "right"; // not over what the step is about
}

function drawMap(seen, width, height) {
  const map = find("map");
  const small = seen[2] * 1.02 >= width && seen[3] * 1.02 >= height;
  map.hidden = small;
  redraw(map, [small, small ? 0 : [seen, currentPart(), model.picture.focus, model.state.run]], () => {
    if (small) return [];
    const scale = Math.min(MAP[0] / width, MAP[1] / height);
    const rects = [...boxes].map(([key, { x, y, width: w, height: h }]) =>
      svg("rect", { x, y, width: w, height: h, class: key === currentPart() ? "now" : "part" }));
    const frame = svg("rect", { x: seen[0], y: seen[1], width: seen[2], height: seen[3], class: "seen" });
    const viewBox = `0 0 ${width} ${height}`;
    return svg("svg", { viewBox, width: width * scale, height: height * scale }, rects, frame);
  });
}

export function zoom(by) {
  if (!model.picture) return;
  if (by === 0) Object.assign(sight, { factor: 1, x: 0, y: 0 });
  else {
    const { whole, scale } = measure();
    const base = scale / sight.factor;
    sight.factor = Math.min(Math.max(sight.factor * by, whole / Math.max(base, whole)), MOST_NEAR / base);
    if (sight.factor * base <= whole * 1.001) sight.x = sight.y = 0;
  }
  look();
}

function pan(dx, dy) {
  const { scale } = measure();
  sight.x -= dx / scale;
  sight.y -= dy / scale;
  look();
}

// ---- drawing -------------------------------------------------------------------------------------------------------

function drawCrumbs() {
  const path = focused();
  redraw(find("crumbs"), [path, model.focus !== null, model.picture?.operations, model.run.title], () => {
    const crumbs = [[], ...path.map((_, depth) => path.slice(0, depth + 1))].map((level, depth) => {
      const name = depth ? level.at(-1) : model.run.title;
      const last = depth === path.length;
      return [depth ? " › " : "", el("button", {
        type: "button", class: "link", "aria-current": last ? "location" : null, onclick: () => enter(level),
      }, name)];
    });
    const count = model.picture ? `${model.picture.operations} operation${model.picture.operations === 1 ? "" : "s"}` : "";
    const back = model.focus === null ? "" : el("button", { type: "button", class: "link follow", onclick: follow },
      "↩ back to this step");
    return [...crumbs.flat(), el("small", {}, count), back].filter((node) => node !== "").map((node) =>
      typeof node === "string" ? document.createTextNode(node) : node);
  });
}

function drawRule() {
  const rule = find("rule");
  const { rules, explain } = model.state;
  redraw(rule, [rules, explain], () => {
    if (!rules.length) return explain.map((line) => el("pre", { class: "trouble" }, line));
    return rules.map((html) => {
      const line = el("p");
      line.innerHTML = html; // written by the library, with everything that is a user's escaped
      line.title = line.textContent;
      return line;
    });
  });
}

// Formulas are as large as the longest of them can be written in a line: a letter is about half as wide as high.
function fit(rule) {
  const room = find("middle").clientWidth - 46;
  const longest = Math.max(1, ...[...rule.querySelectorAll("p")].map((line) => line.textContent.length));
  const size = Math.min(Math.max(room / 50, 14), 19, room / (longest * 0.57));
  rule.style.fontSize = `${Math.max(size, 11).toFixed(1)}px`;
}

export function drawGraph() {
  drawCrumbs();
  drawRule();
  if (!model.picture || !model.looks) return;
  if (shownPicture !== model.picture) place(model.picture);
  shownPicture = model.picture;
  dress(model.looks.at, model.looks.texts);
  mark("data-here", model.state.substep !== null || model.state.scope ? partHere() : null);
  mark("data-chosen", partOf(selected()?.[0]));
  const drawing = find("stage").firstElementChild;
  drawing.setAttribute("aria-label", spoken());
  drawing.setAttribute("data-step", String(pictured()));
  drawing.setAttribute("data-phase", model.state.phase);
}

export function settleGraph() {
  fit(find("rule"));
  if (model.picture && model.looks) look();
}

function press(target) {
  const part = target.closest?.("[data-part]");
  if (!part) return;
  const fold = model.picture.folded[part.dataset.part];
  if (fold) return enter(fold);
  const variable = (target.closest("[data-variable]") ?? part.querySelector("[data-variable]"))?.dataset.variable;
  if (variable) return choose(variable);
  const operation = part.querySelector("[data-operation]")?.dataset.operation;
  const step = model.run.steps.find(([phase, name]) => phase === "f" && name === operation);
  if (step?.[5]) choose(step[5]);
}

export function listenGraph() {
  const stage = find("stage");
  let held = null;
  let moved = false;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    held = [event.clientX, event.clientY];
    moved = false;
  });
  stage.addEventListener("pointermove", (event) => {
    if (!held || !(event.buttons & 1)) return;
    const [dx, dy] = [event.clientX - held[0], event.clientY - held[1]];
    if (!moved && Math.hypot(dx, dy) < 4) return;
    if (!moved) stage.setPointerCapture(event.pointerId);
    moved = true;
    held = [event.clientX, event.clientY];
    pan(dx, dy);
  });
  stage.addEventListener("pointerup", () => { held = null; });
  stage.addEventListener("click", (event) => !moved && press(event.target));
  stage.addEventListener("dblclick", (event) => {
    const operation = event.target.closest("[data-operation]")?.dataset.operation;
    const index = model.run.steps.findIndex(([phase, name]) => phase === "f" && name === operation);
    if (operation && index >= 0) goTo(index);
  });
  stage.addEventListener("keydown", (event) => {
    if (!["Enter", " "].includes(event.key) || !event.target.matches("[data-part]")) return;
    event.preventDefault();
    press(event.target);
  });
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-Math.sign(event.deltaY) * 0.15));
  }, { passive: false });
  find("map").addEventListener("pointerdown", (event) => {
    const drawing = find("map").firstElementChild;
    const seen = find("stage").firstElementChild.viewBox.baseVal;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
    sight.x += x - seen.x - seen.width / 2;
    sight.y += y - seen.y - seen.height / 2;
    look();
  });
}
