// Questions and help: search, a condition to watch, a new value, the keys.

import { el, find } from "./dom.js";

const CONDITIONS = ["isnan", "not isfinite", "abs_max > 1e3", "grad.rms < 1e-6", "zeros > 0.9", "update.rms / value.rms > 0.1"];
const MOST_WRITTEN = 64;
const HINTS = "Click a name to inspect it, a folded scope to look inside, a line's number to stop there; double-click an "
  + "operation to go there; drag the timeline to travel; wheel and drag move the graph.";

export const isDialogOpen = () => find("dialog").open;

function closeDialog() {
  if (find("dialog").open) find("dialog").close();
}

function open(name, ...content) {
  const dialog = find("dialog");
  const close = el("button", { type: "button", class: "link", onclick: closeDialog, "aria-label": "close" }, "✕");
  dialog.replaceChildren(el("h2", { id: "dialog-title" }, name, close), ...content);
  dialog.addEventListener("close", () => dialog.replaceChildren(), { once: true });
  dialog.showModal();
  dialog.querySelector("input, textarea, ol")?.focus();
}

const form = (onsubmit, ...content) => el("form", {
  method: "dialog", onsubmit: (event) => { event.preventDefault(); onsubmit(); },
}, ...content);

export function helpDialog(keys, others) {
  const rows = keys.map(([key, , name, call]) => el("tr", {}, el("td", {}, el("kbd", {}, key)), el("td", {}, name), el("td", {}, el("code", {}, call))));
  const rest = others.filter(([, , name]) => name).map(([key, , name]) => el("tr", {}, el("td", {}, el("kbd", {}, key)), el("td", { colspan: 2 }, name)));
  open("Keys", el("table", { class: "help" }, el("tbody", {}, rows, rest)),
    el("p", { class: "note" }, HINTS));
}

export function watchDialog(name, done) {
  const condition = el("input", { id: "condition", list: "conditions", value: "not isfinite", "aria-label": "condition", spellcheck: "false" });
  const of = el("input", { id: "watched", placeholder: "everything", "aria-label": "of", spellcheck: "false" });
  const submit = () => { closeDialog(); done(condition.value, of.value.trim() || null); };
  open("Stop where a condition holds", form(submit,
    el("label", {}, "condition ", condition), el("datalist", { id: "conditions" }, CONDITIONS.map((value) => el("option", { value }))),
    el("label", {}, "of ", of), el("button", { type: "submit" }, "watch"),
    el("p", { class: "note" }, "of values, gradients and updates: ", CONDITIONS.join(" · ")),
    name ? el("button", { type: "button", class: "link", onclick: () => { of.value = name; } }, `of ${name} only`) : ""));
  condition.select();
}

function startValue(tensor) {
  if (!tensor?.grid) return "";
  const { texts, shape, cut } = tensor.grid;
  if (tensor.shape === "()") return texts[0];
  const whole = (tensor.shape.match(/\d+/g) ?? []).reduce((size, length) => size * Number(length), 1);
  if (cut || !whole || texts.length !== whole || whole > MOST_WRITTEN || tensor.grid.index.length > 2) return "";
  const rows = Array.from({ length: shape[0] }, (_, i) => `[${texts.slice(i * shape[1], (i + 1) * shape[1]).join(", ")}]`);
  return tensor.grid.index.length === 1 ? rows[0] : `[${rows.join(",\n ")}]`;
}

export function editDialog(name, tensor, state, done, use) {
  const value = el("textarea", { id: "value", rows: 4, placeholder: "0.5, or [0, 3] = 1.5", "aria-label": `new value of ${name}`, spellcheck: "false" });
  value.value = startValue(tensor);
  const submit = () => { closeDialog(); done(name, value.value, state.run); };
  value.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); submit(); }
  });
  const runs = Array.from({ length: state.runs }, (_, run) => el("button", {
    type: "button", "aria-pressed": run === state.run, onclick: () => { closeDialog(); use(run); },
  }, run ? `run ${run}` : "run 0 (as it was)"));
  open(`Edit ${name}, and run again what depends on it`, form(submit, value,
    el("p", { class: "note" }, "a number for all elements, a list of lists, or one element: [0, 3] = 1.5 · Enter runs, Shift+Enter is a new line"),
    el("button", { type: "submit" }, "run again"),
    state.runs > 1 ? el("p", {}, "or look at ", runs) : "",
    el("code", { class: "call" }, `session.set_value("${name}", value)`)));
  value.select();
}

export function searchDialog(search, pick) {
  const input = el("input", {
    id: "searched", type: "search", placeholder: "a name, a scope, a line of source", "aria-label": "search", autocomplete: "off",
    spellcheck: "false", role: "combobox", "aria-controls": "found", "aria-expanded": "true",
  });
  const list = el("ol", { id: "found", role: "listbox" });
  let rows = [];
  let at = 0;
  let latest = 0;
  const choose = (number) => {
    const row = rows[number];
    if (!row) return;
    closeDialog();
    pick(row[0], row[1]);
  };
  const paint = () => {
    list.replaceChildren(...rows.map(([kind, name, note], number) => el("li", {
      role: "option", "aria-selected": number === at, id: `found${number}`, "data-kind": kind, "data-name": name, onclick: () => choose(number),
    }, el("b", {}, name), el("small", {}, ` ${kind} ${note}`))));
    input.setAttribute("aria-activedescendant", rows.length ? `found${at}` : "");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  input.addEventListener("input", async () => {
    const mine = (latest += 1);
    const answer = await search(input.value).catch(() => ({ found: [], more: 0 }));
    if (mine !== latest) return;
    rows = answer.found;
    at = 0;
    paint();
    if (!rows.length && input.value) list.replaceChildren(el("li", { class: "note" }, "nothing is called so"));
    if (answer.more) list.append(el("li", { class: "note" }, `${answer.more} more`));
  });
  input.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      at = Math.min(Math.max(at + by, 0), rows.length - 1);
      paint();
    } else if (event.key === "Enter") choose(at);
    else return;
    event.preventDefault();
  });
  open("Search", input, list);
}
