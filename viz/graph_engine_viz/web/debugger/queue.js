// Work that is done one piece after the other, and what is said when it fails.

import { find } from "./dom.js";
import { model } from "./model.js";

const root = find("debugger");
let line = Promise.resolve();
let waiting = 0;
let lost = false;

export function enqueue(work) {
  waiting += 1;
  root.dataset.busy = "true";
  line = line.then(work).catch(tell).finally(() => {
    waiting -= 1;
    if (!waiting) root.dataset.busy = "false";
  });
  return line;
}

// What did not come is asked for again: the page takes it that it has seen nothing yet.
function tell(error) {
  if (error.isLost) model.version = -1;
  lost = Boolean(error.isLost);
  const message = find("message");
  message.textContent = error.message ?? String(error);
  message.hidden = false;
}

// It has come.
export function found() {
  if (lost) quiet();
  lost = false;
}

export const quiet = () => { find("message").hidden = true; find("message").textContent = ""; };

export function say(text) {
  tell({ message: text });
}
