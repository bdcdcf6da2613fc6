// The page shows one step: every part of the picture has a few looks, and each step says which look each part has.
// So what is to be seen depends on the step alone, whatever was seen before.

const film = JSON.parse(document.getElementById("film").textContent);
const find = (id) => document.getElementById(id);
const root = find("steps");
const picture = root.querySelector("#stage > svg");
const shown = new Map();
let now = -1;

const clamp = (step) => Math.min(Math.max(step, 0), film.steps.length - 1);

// The look that a part has from the last change on or before this step.
function lookAt(changes, step) {
  let look = 0;
  for (const [from, index] of changes) {
    if (from > step) break;
    look = index;
  }
  return look;
}

function showParts(step) {
  for (const [key, part] of Object.entries(film.parts)) {
    const look = lookAt(part.changes, step);
    if (shown.get(key) === look) continue;
    shown.set(key, look);
    picture.querySelector(`[data-part="${key}"]`).innerHTML = part.looks[look];
  }
}

function mark(element, step) {
  element.setAttribute("data-step", String(step));
  element.setAttribute("data-steps", String(film.steps.length));
  element.setAttribute("data-phase", film.steps[step].phase);
}

function showTexts(step) {
  const { title, caption, rule, substeps, label } = film.steps[step];
  find("title").textContent = title;
  find("caption").innerHTML = caption;
  find("rule").innerHTML = rule;
  find("substeps").innerHTML = substeps.map((line) => `<li>${line}</li>`).join("");
  find("within").hidden = substeps.length < 2;
  picture.setAttribute("aria-label", label);
  find("count").textContent = `${step + 1} / ${film.steps.length}`;
  find("slider").value = String(step);
  find("slider").setAttribute("value", String(step));
  find("slider").setAttribute("aria-valuetext", title);
  for (const id of ["first", "back"]) find(id).disabled = step === 0;
  for (const id of ["next", "last"]) find(id).disabled = step === film.steps.length - 1;
}

function remember(step) {
  try {
    history.replaceState(null, "", `#step=${step}`);
  } catch {
    // a page inside of a notebook has no address of its own
  }
}

function show(step, keep = true) {
  const wanted = clamp(step);
  if (wanted === now) return;
  now = wanted;
  showParts(now);
  showTexts(now);
  mark(root, now);
  mark(picture, now);
  follow();
  if (keep) remember(now);
}

const moves = {
  ArrowRight: () => now + 1,
  l: () => now + 1,
  ArrowLeft: () => now - 1,
  h: () => now - 1,
  Home: () => 0,
  End: () => film.steps.length - 1,
};

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key in zooms) zooms[event.key]();
  else if (event.key in moves) show(moves[event.key]());
  else return;
  event.preventDefault();
});
find("first").addEventListener("click", () => show(0));
find("back").addEventListener("click", () => show(now - 1));
find("next").addEventListener("click", () => show(now + 1));
find("last").addEventListener("click", () => show(film.steps.length - 1));
find("slider").addEventListener("input", (event) => show(Number(event.target.value)));

// Zoom: the part of the picture that is shown. It is no part of the step: at 0 the page is as if it had never been.
const whole = picture.getAttribute("viewBox");
const [, , wide, high] = whole.split(" ").map(Number);
const near = { factor: 1, x: 0, y: 0 };

function look() {
  const { factor } = near;
  near.x = Math.min(Math.max(near.x, 0), wide - wide / factor);
  near.y = Math.min(Math.max(near.y, 0), high - high / factor);
  const part = `${near.x} ${near.y} ${wide / factor} ${high / factor}`;
  picture.setAttribute("viewBox", factor === 1 ? whole : part);
  if (factor === 1) find("stage").removeAttribute("class");
  else find("stage").className = "near";
}

function inPicture(clientX, clientY) {
  return new DOMPoint(clientX, clientY).matrixTransform(picture.getScreenCTM().inverse());
}

// Zoom by a factor; the point of the picture that is at (x, y) stays there.
function zoom(by, { x, y } = { x: near.x + wide / near.factor / 2, y: near.y + high / near.factor / 2 }) {
  const factor = Math.min(Math.max(near.factor * by, 1), 16);
  near.x = x - ((x - near.x) * near.factor) / factor;
  near.y = y - ((y - near.y) * near.factor) / factor;
  near.factor = factor < 1.01 ? 1 : factor;
  look();
}

// What a step is about is in sight, however near the picture is.
function follow() {
  const current = picture.querySelector("[data-state=current], [data-current=true]");
  if (near.factor === 1 || !current) return;
  const { left, top, right, bottom } = current.getBoundingClientRect();
  const seen = picture.getBoundingClientRect();
  if (left >= seen.left && right <= seen.right && top >= seen.top && bottom <= seen.bottom) return;
  const { x, y } = inPicture((left + right) / 2, (top + bottom) / 2);
  near.x = x - wide / near.factor / 2;
  near.y = y - high / near.factor / 2;
  look();
}

const zooms = { "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: () => zoom(0) };

picture.addEventListener("wheel", (event) => {
  if (window.top !== window.self && !event.ctrlKey) return; // in a notebook the wheel moves the notebook
  event.preventDefault();
  zoom(Math.exp(-Math.sign(event.deltaY) * 0.15), inPicture(event.clientX, event.clientY));
}, { passive: false });

let held = null;
picture.addEventListener("pointerdown", (event) => {
  if (near.factor === 1 || event.button !== 0) return;
  held = inPicture(event.clientX, event.clientY);
  picture.setPointerCapture(event.pointerId);
});
picture.addEventListener("pointermove", (event) => {
  if (!held) return;
  const there = inPicture(event.clientX, event.clientY);
  near.x += held.x - there.x;
  near.y += held.y - there.y;
  look();
});
for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => { held = null; });

function linked() {
  const match = /step=(\d+)/.exec(location.hash);
  return match ? Number(match[1]) : null;
}

window.addEventListener("hashchange", () => show(linked() ?? now));
show(linked() ?? film.start, linked() !== null);
