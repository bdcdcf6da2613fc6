// Where answers come from: the session's server, or what is saved in the page.

import { find } from "./dom.js";
import { Saved } from "./saved.js";

const embedded = find("saved").textContent.trim();
const saved = embedded ? new Saved(await unpacked(embedded)) : null;
const token = new URLSearchParams(location.search).get("token") ?? "";

export const isSaved = saved !== null;

// Whether there can be an answer: a saved page has those that were saved with it.
export const isAnswered = (what) => !saved || saved.has(what);

// What is saved is much the same over and over: it stands in the page compressed.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

async function fetched(what, args) {
  let response;
  try {
    response = await fetch("answer", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Token": token },
      body: JSON.stringify({ what, arguments: args }),
    });
  } catch {
    const lost = new Error("the debugger's server does not answer: its program has ended, or the connection is lost");
    throw Object.assign(lost, { isLost: true });
  }
  const body = await response.text();
  let data = null;
  try {
    data = JSON.parse(body);
  } catch {
    // a refusal is plain text
  }
  if (!response.ok || data?.error) throw new Error(data?.error ?? (body || `the server answered ${response.status}`));
  return data;
}

export const ask = async (what, args = {}) => (saved ? saved.answer(what, args) : fetched(what, args));

// Answers that never change are asked for once: those about runs that are named, whose numbers stay what they are.
// Of very many, those that were asked for last are kept.
const MOST_KEPT = 500;
const kept = new Map();
export function askOnce(what, args = {}) {
  const key = JSON.stringify([what, args]);
  const known = kept.get(key);
  const answer = known ?? ask(what, args);
  if (!known) answer.catch(() => kept.delete(key));
  kept.delete(key); // the last is the one that was asked for last
  kept.set(key, answer);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  return answer;
}
