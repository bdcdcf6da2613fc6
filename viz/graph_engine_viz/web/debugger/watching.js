// Others move the session, too: Python, a terminal, another browser. While the page is in sight, it asks now and then.

import { ask, isSaved } from "./source.js";
import { model } from "./model.js";
import { enqueue } from "./queue.js";
import { refresh } from "./loading.js";

const ASK_EVERY = 1000; // milliseconds

async function lookForOthers() {
  const { version } = await ask("version");
  if (version <= model.version) return;
  enqueue(async () => {
    if (version > model.version) await refresh({ ...(await ask("state")), version });
  });
}

let nextLook = null;

// Where the server does not answer, it is asked again when somebody comes back to the page.
async function keepLooking() {
  clearTimeout(nextLook);
  nextLook = null;
  if (document.hidden) return;
  try {
    await lookForOthers();
  } catch {
    return;
  }
  clearTimeout(nextLook);
  nextLook = setTimeout(keepLooking, ASK_EVERY);
}

export function listenOthers() {
  if (isSaved) return;
  nextLook = setTimeout(keepLooking, ASK_EVERY);
  document.addEventListener("visibilitychange", keepLooking);
  window.addEventListener("focus", keepLooking);
}
