// Others move the session, too: Python, a terminal, another browser. While the page is in sight, it asks now and then.

import { ask, isSaved } from "./source.js";
import { model } from "./model.js";
import { enqueue } from "./queue.js";
import { refresh } from "./loading.js";

const ASK_EVERY = 1000; // milliseconds
const ASK_AT_LEAST_EVERY = 64000;
let every = ASK_EVERY;

async function lookForOthers() {
  const { version } = await ask("version");
  if (version <= model.version) return;
  enqueue(async () => {
    if (version > model.version) await refresh({ ...(await ask("state")), version });
  });
}

let nextLook = null;

// Where the server does not answer, it is asked less and less often, and when somebody comes back to the page.
async function keepLooking() {
  clearTimeout(nextLook);
  nextLook = null;
  if (document.hidden) return;
  try {
    await lookForOthers();
    every = ASK_EVERY;
  } catch {
    every = Math.min(2 * every, ASK_AT_LEAST_EVERY);
  }
  clearTimeout(nextLook);
  nextLook = setTimeout(keepLooking, every);
}

export function listenOthers() {
  if (isSaved) return;
  nextLook = setTimeout(keepLooking, ASK_EVERY);
  document.addEventListener("visibilitychange", keepLooking);
  window.addEventListener("focus", keepLooking);
}
