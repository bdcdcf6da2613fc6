// Work that is done one piece after the other, and what is said when it fails.

import { find } from "./dom.js";

const root = find("debugger");
let line = Promise.resolve();
let waiting = 0;

export function enqueue(work) {
  waiting += 1;
  root.dataset.busy = "true";
  line = line.then(work).catch(tell).finally(() => {
    waiting -= 1;
    if (!waiting) root.dataset.busy = "false";
  });
  return line;
}

function tell(error) {
  const message = find("message");
  message.textContent = error.message ?? String(error);
  message.hidden = false;
}

export const quiet = () => { find("message").hidden = true; find("message").textContent = ""; };

export function say(text) {
  tell({ message: text });
}
