// Where answers come from: the session's server, or what is saved in the page.

import { find } from "./dom.js";
import { Saved } from "./saved.js";

const embedded = find("saved").textContent.trim();
const saved = embedded ? new Saved(JSON.parse(embedded)) : null;
const token = new URLSearchParams(location.search).get("token") ?? "";

export const isSaved = saved !== null;

// Whether there can be an answer: a saved page has those that were saved with it.
export const isAnswered = (what) => !saved || saved.has(what);

async function fetched(what, args) {
  let response;
  try {
    response = await fetch("answer", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Token": token },
      body: JSON.stringify({ what, arguments: args }),
    });
  } catch {
    throw new Error("the debugger's server does not answer: its program has ended, or the connection is lost");
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

// Answers that never change are asked for once: those about a run, whose numbers stay what they are.
const kept = new Map();
export function askOnce(run, what, args = {}) {
  const key = JSON.stringify([run, what, args]);
  if (!kept.has(key)) {
    const answer = ask(what, args);
    kept.set(key, answer);
    answer.catch(() => kept.delete(key));
  }
  return kept.get(key);
}
