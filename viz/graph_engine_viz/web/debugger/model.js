// What the page knows: the tables of the run, where the session stands, and what somebody chose to look at.

export const model = {
  run: null, // tables of the run
  state: null, // where the session stands
  version: 0, // how many calls the session had when this was asked
  tree: null, // rows of scopes and operations
  series: null,
  history: null, // the series of the iterations before, if they are looked at
  origins: null, // where something that is not finite arose; null while it is looked for
  picture: null, // the graph pane's picture, and the looks of its parts now
  looks: null,
  tensor: null, // what the inspector shows
  numbers: {}, // RMS by variable
  answer: null, // the last answer to "why"
  compared: null,
  chosen: null, // [variable, side] instead of what the step is about
  slice: "",
  focus: null, // a level of the graph instead of the one where the session stands
  shown: null, // which series; by default that of the phase
  width: 0, // of the panes below
  extra: null, // a gradient's check, or a time
};

// Whether what is computed at a moment is known where the session stands.
export function isKnown(moment) {
  const { at, substep } = model.state;
  if (!moment) return false;
  return moment[0] < at || (moment[0] === at && (substep === null || moment[1] <= substep));
}

// When a variable's value, gradient or new value is known; null if never.
export const momentOf = (name, side) => model.run.variables[name]?.[{ value: 3, grad: 4, update: 5 }[side]] ?? null;

export const stepOf = (index) => {
  const [phase, name, scope, file, line, subject, side] = model.run.steps[index];
  return { index, phase, name, scope, file, line, subject, side };
};

// Where the session stands, in words.
export const spoken = () => `${model.state.title} · ${model.state.scope?.join(".") ?? stepOf(model.state.at).name}`;

// The step that the picture shows: at a primitive inside of a rule, the one before is the last that is done.
export function pictured() {
  const { at, substep } = model.state;
  const count = model.run.substeps[at] ?? 1;
  return substep !== null && substep < count - 1 ? Math.max(at - 1, 0) : at;
}

export const selected = () => model.chosen ?? model.state.subject;
export const focused = () => model.focus ?? model.state.focus;
