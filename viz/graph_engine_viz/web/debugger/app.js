// The page: it listens, asks where the session stands, and draws.

import { find } from "./dom.js";
import { ask } from "./source.js";
import { listenTree } from "./tree.js";
import { listenSource } from "./code.js";
import { listenGraph } from "./graph.js";
import { listenTimeline } from "./timeline.js";
import { listenKeys } from "./keys.js";
import { drawAgain } from "./drawing.js";
import { refresh } from "./loading.js";
import { enqueue } from "./queue.js";
import { listenOthers } from "./watching.js";

listenKeys();
listenTree();
listenSource();
listenGraph();
listenTimeline();
drawAgain();
new ResizeObserver(drawAgain).observe(find("debugger"));
listenOthers();
enqueue(async () => {
  const { version } = await ask("version");
  await refresh({ ...(await ask("state")), version });
});
