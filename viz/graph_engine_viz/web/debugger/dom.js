// Elements in few words; what stands in them is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    const aria = name.startsWith("aria-") || name.startsWith("data-");
    if (value === null || value === undefined || (value === false && !aria)) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true && !aria ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return node;
}

export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);
export const find = (id) => document.getElementById(id);

// Put children in the place of what is there, if what they depend on has changed.
const keys = new WeakMap();
export function redraw(node, key, draw) {
  const text = JSON.stringify(key);
  if (keys.get(node) === text) return;
  keys.set(node, text);
  const focused = focusedIn(node);
  node.replaceChildren(...[draw()].flat(Infinity).filter((child) => child));
  if (focused) [...node.querySelectorAll(focused.localName)].find((other) => isSame(other, focused))?.focus({ preventScroll: true });
}

// Who goes through the page by keyboard stays where they are when it is drawn again.
const focusedIn = (node) => (node !== document.activeElement && node.contains(document.activeElement) ? document.activeElement : null);
const calledOf = (node) => node.id || (node.getAttribute("aria-label") ?? node.textContent);
const isSame = (one, other) => calledOf(one) === calledOf(other) && one.getAttribute("role") === other.getAttribute("role");

// A number that a run has: what is shown is short, what it carries is exact.
export function quantity(number, side, variable, kind, extra = {}) {
  const [text, exact] = number;
  const odd = /NaN|Inf/.test(exact);
  const mark = side === "grad" ? "◂" : "";
  const names = { value: "value", grad: "gradient", update: "update" };
  return el("span", {
    class: `number ${names[side] ?? ""}${odd ? " odd" : ""}`, title: `${kind ?? ""} ${exact}`.trim(),
    "data-variable": variable, "data-side": side, "data-quantity": kind, "data-exact": exact, ...extra,
  }, `${mark}${text}${odd ? " ⚠" : ""}`);
}
