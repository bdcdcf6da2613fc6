// Scopes and their operations, with the size of what comes out of each and of the gradient that comes back to it.

import { el, find, quantity, redraw } from "./dom.js";
import { isKnown, model, momentOf } from "./model.js";
import { act, choose } from "./actions.js";
import { needNumbers } from "./loading.js";

const FEW = 60; // more rows are drawn only where they are seen
const ROOM = 6;

let rowTall = 0; // until the window changes
function rowHeight() {
  rowTall ||= parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
  return rowTall;
}

// The scopes and forward operations, each under the scope that it is in.
export function makeTree(run) {
  const nodes = run.scopes.map((path, index) => ({
    key: `s${index}`, path, name: path.at(-1) ?? "", variable: run.results[index], children: [], count: 0,
  }));
  const byPath = new Map(nodes.map((node) => [node.path.join("."), node]));
  const placed = new Set([nodes[0]]);
  run.steps.forEach(([phase, name, scope, , , subject], index) => {
    if (phase !== "f") return;
    let path = run.scopes[scope];
    let node = byPath.get(path.join("."));
    node.children.push({ key: `o${index}`, step: index, name: subject ?? name, primitive: name, variable: subject });
    for (; path.length; path = path.slice(0, -1)) {
      node = byPath.get(path.join("."));
      node.count += 1;
      if (placed.has(node)) continue;
      placed.add(node);
      byPath.get(path.slice(0, -1).join(".")).children.push(node);
    }
  });
  return withLeaves(nodes[0], byPath, run);
}

// Inputs stand first, parameters in the scope that their name says.
function withLeaves(root, byPath, run) {
  const leaves = new Map();
  for (const [variable, [, , kind]] of Object.entries(run.variables)) {
    if (kind !== "input" && kind !== "parameter") continue;
    let path = variable.split(".").slice(0, -1);
    while (path.length && !byPath.has(path.join("."))) path = path.slice(0, -1);
    const node = byPath.get(path.join("."));
    if (!leaves.has(node)) leaves.set(node, []);
    leaves.get(node).push({ key: `v${variable}`, name: variable, primitive: kind, variable, leaf: true });
  }
  for (const [node, found] of leaves) node.children.unshift(...found);
  return root;
}

function visibleRows() {
  const opened = new Set(model.state.opened);
  const rows = [];
  const waiting = [...model.tree.children].reverse().map((node) => [node, 0]);
  while (waiting.length) {
    const [node, depth] = waiting.pop();
    const open = node.path && opened.has(node.path.join("."));
    rows.push({ node, depth, open });
    if (open) waiting.push(...[...node.children].reverse().map((child) => [child, depth + 1]));
  }
  return rows;
}

// The row that stands for a step: its operation, or the folded scope that it is in.
function isCurrent({ node, open }) {
  const { at, scope } = model.state;
  const step = model.run.steps[at];
  if (node.leaf) return !scope && step[0] === "u" && step[1] === node.variable;
  if (node.step !== undefined) return !scope && step[0] === "f" ? node.step === at : owner(at) === node.step;
  if (open) return false;
  const path = scope ?? model.run.scopes[step[2]];
  if (!scope && step[0] === "u" && byOpened(path)) return false;
  return node.path.every((name, depth) => path[depth] === name);
}

// Whether all of a scope is open, so that a row of its own stands for what is in it.
const byOpened = (path) => path.every((_, depth) => model.state.opened.includes(path.slice(0, depth + 1).join(".")));

const owners = new Map();
function owner(at) {
  if (!owners.size) model.run.steps.forEach(([phase, name], i) => phase === "f" && owners.set(name, i));
  const [phase, name] = model.run.steps[at];
  return phase === "b" && !model.state.scope ? owners.get(name) : undefined;
}

function shortName(node) {
  return node.path ? node.name : (node.name ?? "").split(".").at(-1);
}

function cell(node, side) {
  const numbers = model.numbers[node.variable];
  const moment = node.variable && momentOf(node.variable, side);
  if (!moment || !numbers?.[side]) return el("span", { class: "number" });
  if (!isKnown(moment)) return el("span", { class: "number todo", title: "not computed yet" }, "·");
  const kind = numbers[`${side}_is`];
  return quantity(kind === "set by hand" ? [`✎${numbers[side][0]}`, numbers[side][1]] : numbers[side], side, node.variable, kind);
}

function drawRow({ node, depth, open }, current, index) {
  const bad = model.origins?.some((origin) => origin.name === node.variable) ?? false;
  const stops = node.step !== undefined && model.state.points.some((point) => point.steps.includes(node.step));
  const mark = node.path ? (open ? "▾" : "▸") : stops ? "●" : "";
  const label = node.path ? `${shortName(node)}` : shortName(node);
  const note = node.path ? `${node.count} op${node.count === 1 ? "" : "s"}` : node.primitive.split(".").at(-1);
  const press = () => (node.path ? act(open ? "close" : "open", node.path.join(".")) : choose(node.variable));
  return el("div", {
    class: `row${current ? " current" : ""}`, role: "treeitem", id: `row${index}`, "aria-level": depth + 1, "aria-selected": current,
    "aria-expanded": node.path ? open : null, "data-row": index, "data-scope": node.path?.join("."),
    "data-operation": node.path || node.leaf ? null : node.primitive,
    onclick: press, ondblclick: () => node.step !== undefined && act("go", node.step),
  }, el("span", { class: "name", "data-depth": Math.min(depth, 12), title: node.path?.join(".") ?? node.name },
    el("i", {}, mark || (current ? "▶" : "")), el("b", {}, label), note === label ? "" : el("small", {}, ` ${note}`)),
  el("span", { class: "odd", title: bad ? "something not finite arose here" : null }, bad ? "⚠" : ""),
  cell(node, "value"), cell(node, "grad"));
}

let rows = [];
let cursor = -1;

export function drawTree(scroll = true) {
  const pane = find("tree");
  rows = visibleRows();
  const now = rows.findIndex(isCurrent);
  const few = rows.length <= FEW;
  const high = few ? 0 : rowHeight();
  const height = few ? 0 : pane.clientHeight || 200;
  if (!few && scroll && now >= 0) pane.scrollTop = Math.max(0, (now + 0.5) * high - height / 2);
  const first = few ? 0 : Math.max(0, Math.floor(pane.scrollTop / high) - ROOM);
  const last = few ? rows.length : Math.min(rows.length, Math.ceil((pane.scrollTop + height) / high) + ROOM);
  const shown = rows.slice(first, last);
  const { at, substep, scope, opened, points, run } = model.state;
  const names = shown.map(({ node }) => node.variable).filter((name) => name && !model.numbers[name]);
  redraw(pane, [run, at, substep, scope, opened, points, first, last, names.length, cursor, model.origins?.length], () => {
    const drawn = shown.map((row, i) => drawRow(row, first + i === now, first + i));
    drawn.forEach((row, i) => first + i === cursor && row.classList.add("cursor"));
    if (cursor < 0) pane.removeAttribute("aria-activedescendant");
    else pane.setAttribute("aria-activedescendant", `row${cursor}`);
    const before = el("div"), after = el("div");
    before.style.height = `${first * high}px`;
    after.style.height = `${(rows.length - last) * high}px`;
    return [before, ...drawn, after];
  });
  if (names.length) needNumbers(names);
}

// Bring the current row in sight; after all panes have been drawn, so that the page is laid out once.
export function settleTree() {
  const pane = find("tree");
  const now = rows.findIndex(isCurrent);
  if (now >= 0) pane.scrollTop = Math.max(0, (now + 0.5) * rowHeight() - pane.clientHeight / 2);
}

function move(by) {
  cursor = Math.min(Math.max((cursor < 0 ? rows.findIndex(isCurrent) : cursor) + by, 0), rows.length - 1);
  const pane = find("tree");
  const high = rowHeight();
  if (cursor * high < pane.scrollTop) pane.scrollTop = cursor * high;
  if ((cursor + 1) * high > pane.scrollTop + pane.clientHeight) pane.scrollTop = (cursor + 1) * high - pane.clientHeight;
  drawTree(false);
}

export function listenTree() {
  window.addEventListener("resize", () => { rowTall = 0; });
  const pane = find("tree");
  pane.addEventListener("scroll", () => rows.length > FEW && drawTree(false));
  pane.addEventListener("blur", () => { cursor = -1; drawTree(false); });
  pane.addEventListener("keydown", (event) => {
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    const row = rows[cursor];
    if (event.key in moves) move(moves[event.key]);
    else if (event.key === "Enter" && row) {
      if (row.node.path) act(row.open ? "close" : "open", row.node.path.join("."));
      else choose(row.node.variable);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

export function forgetTree() {
  owners.clear();
  cursor = -1;
}
