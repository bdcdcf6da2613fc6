// Answers without a server: what was saved with the page, and a session that walks through it as the real one does.

const PHASE_NAMES = { f: "forward", b: "backward", u: "update" };
const same = (a, b) => a.length === b.length && a.every((each, i) => each === b[i]);

export class Saved {
  constructor(data) {
    this.data = data;
    this.steps = data.run.steps;
    this.opened = new Set(data.state.opened);
    this.rules = new Set(data.state.rules_opened);
    this.points = structuredClone(data.points);
    this.given = Math.max(0, ...this.points.map((point) => point.number));
    this.known = new Set(data.levels.known.map((level) => JSON.stringify(level)));
    this.whole = new Set(data.levels.whole.map((level) => JSON.stringify(level)));
    this.place();
    this.stand(data.state.at, data.state.substep);
  }

  answer(what, args) {
    const table = {
      run: () => this.data.run,
      state: () => this.state(),
      version: () => ({ version: 0 }),
      do: () => this.call(args.call, args.arguments ?? []),
      picture: () => this.film(args.focus).picture,
      looks: () => this.looks(args),
      inspect: () => this.tensor(args),
      numbers: () => this.data.numbers,
      series: () => this.data.series,
      origins: () => this.data.origins,
      iterations: () => this.data.iterations,
      why: () => this.why(args),
      compare: () => this.data.compare ?? this.missing("another run"),
      search: () => this.search(args.text),
    };
    return (table[what] ?? (() => this.missing(`"${what}"`)))();
  }

  has(what) {
    return Boolean(this.data[what]);
  }

  missing(what) {
    throw new Error(`${what} is not in this saved page: open the run with the debugger`);
  }

  // ---- places, as in stops.py ----------------------------------------------------------------------------------------

  scopeOf(step) {
    return this.data.run.scopes[this.steps[step][2]];
  }

  folded(scope) {
    for (let depth = 1; depth <= scope.length; depth += 1) {
      if (!this.opened.has(scope.slice(0, depth).join("."))) return scope.slice(0, depth);
    }
    return null;
  }

  place() {
    this.places = [];
    this.steps.forEach(([phase], step) => {
      const scope = this.folded(this.scopeOf(step));
      const before = this.places.at(-1);
      if (!scope) {
        const count = this.data.steps[step].inner.length;
        const inside = this.rules.has(step) && count ? [...Array(count).keys()] : [null];
        this.places.push(...inside.map((substep) => ({ last: step, first: step, substep, scope: null })));
      } else if (before?.scope && same(before.scope, scope) && this.steps[before.last][0] === phase) before.last = step;
      else this.places.push({ last: step, first: step, substep: null, scope });
    });
  }

  stand(step, substep = null) {
    let number = this.places.findIndex((place) => place.last >= step);
    if (number < 0) number = this.places.length - 1;
    while (this.places[number].substep !== null && this.places[number].substep !== substep) {
      if (this.places[number + 1]?.last !== step) break;
      number += 1;
    }
    this.at = number;
  }

  open(scope) {
    for (let depth = 1; depth <= scope.length; depth += 1) this.opened.add(scope.slice(0, depth).join("."));
  }

  go(step) {
    this.open(this.scopeOf(step));
    this.place();
    this.stand(step);
  }

  // ---- calls -----------------------------------------------------------------------------------------------------------

  call(name, args) {
    const here = this.places[this.at];
    const moves = {
      step: () => { this.at = Math.min(this.at + 1, this.places.length - 1); },
      step_back: () => { this.at = Math.max(this.at - 1, 0); },
      restart: () => { this.at = 0; },
      end: () => { this.at = this.places.length - 1; },
      go: () => this.go(args[0]),
      travel: () => this.stand(args[0]),
      into: () => this.into(here),
      out: () => this.out(here),
      open: () => this.change(() => this.open(args[0].split(".")), here.first),
      close: () => this.change(() => this.opened.delete(args[0]), here.last),
      continue_: () => this.seek(this.stops().filter((step) => step > here.last), this.places.length - 1),
      reverse_continue: () => this.seek(this.stops().filter((step) => step < here.first).reverse(), 0),
      run_to: () => this.runTo(...args),
      break_at: () => this.breakAt(...args),
      delete: () => { this.points = this.points.filter((point) => point.number !== args[0]); },
      enable: () => { this.points.find((point) => point.number === args[0]).enabled = args[1]; },
    };
    (moves[name] ?? (() => this.missing(`"${name}"`)))();
    return this.state();
  }

  change(how, step, substep = null) {
    how();
    this.place();
    this.stand(step, substep);
  }

  into({ scope, substep, first, last }) {
    if (scope) this.change(() => this.opened.add(scope.join(".")), first);
    else if (substep === null && this.data.steps[last].inner.length > 1) this.change(() => this.rules.add(last), last, 0);
  }

  out({ scope, substep, last }) {
    const around = this.scopeOf(last);
    this.change(() => {
      if (substep !== null) this.rules.delete(last);
      else {
        const inner = scope && same(scope, around) ? around.slice(0, -1) : around;
        const shut = scope ? scope.slice(0, -1) : inner;
        if (shut.length) this.opened.delete(shut.join("."));
      }
    }, last);
  }

  stops() {
    const found = this.points.filter((point) => point.enabled).flatMap((point) => Object.keys(point.reasons).map(Number));
    return [...new Set(found)].sort((a, b) => a - b);
  }

  seek([step], otherwise) {
    if (step === undefined) {
      this.at = otherwise;
      return;
    }
    for (const point of this.points) if (point.enabled && step in point.reasons) point.hits += 1;
    this.go(step);
  }

  // The steps that a name means, as in meaning.py.
  meant(text, kind) {
    const holding = {
      phase: (step) => PHASE_NAMES[step[0]] === text,
      line: (step) => step[3] !== null && [`${this.data.run.files[step[3]].name}:${step[4]}`, String(step[4])].includes(text),
      scope: (step) => this.data.run.scopes[step[2]].join(".") === text || this.data.run.scopes[step[2]].join(".").startsWith(`${text}.`),
      operation: (step) => step[1] === text && step[0] !== "u",
      variable: (step) => step[5] === text,
    };
    for (const name of kind ? [kind] : Object.keys(holding)) {
      const hits = this.steps.map((step, index) => (holding[name]?.(step) ? index : -1)).filter((index) => index >= 0);
      const entering = ["phase", "line", "scope"].includes(name);
      const kept = hits.filter((index, i) => !entering || hits[i - 1] !== index - 1 || this.steps[index][0] !== this.steps[index - 1][0]);
      if (name === "variable") kept.push(...this.moments(text).filter((step) => !kept.includes(step)));
      if (kept.length) return [name, kept.sort((a, b) => a - b)];
    }
    throw new Error(`nothing in this saved run is called "${text}"`);
  }

  moments(name) {
    return (this.data.run.variables[name] ?? []).slice(3).filter((moment) => moment && moment[0] >= 0).map(([step]) => step);
  }

  runTo(text, kind) {
    const [, steps] = this.meant(text, kind);
    const now = this.places[this.at].last;
    this.go(steps.find((step) => step > now) ?? steps[0]);
  }

  breakAt(text, kind) {
    const [found, steps] = this.meant(text, kind);
    this.given += 1;
    const number = this.given;
    const reasons = Object.fromEntries(steps.map((step) => [step, `breakpoint ${number}: ${found} ${text}`]));
    this.points.push({ number, kind: "break", text: `${found} ${text}`, enabled: true, hits: 0, steps, reasons });
  }

  // ---- answers ---------------------------------------------------------------------------------------------------------

  state() {
    const { last, first, substep, scope } = this.places[this.at];
    const [phase, name, , , , subject, side] = this.steps[last];
    const { title, rules, explain, inner, parts } = this.data.steps[last];
    const reasons = this.points.filter((point) => point.enabled && last in point.reasons).map((point) => point.reasons[last]);
    const there = scope ? `session.go(${last}, unfold=False)` : `session.go(${last})`;
    return {
      ...this.data.state, at: last, first, substep, scope, phase: PHASE_NAMES[phase], title, text: `${title} · ${name}`,
      subject: substep === null ? (subject ? [subject, side] : null) : inner[substep], reasons, rules, explain, part: substep === null ? "" : parts[substep],
      opened: [...this.opened].sort(), rules_opened: [...this.rules].sort((a, b) => a - b), focus: this.around(last, scope),
      points: this.points.map(({ reasons: _, ...point }) => ({ ...point })), calls: [...this.data.state.calls.slice(0, -1), there],
    };
  }

  // The level that shows a step; of one that was not saved, what is around it.
  around(step, scope) {
    let level = this.shown(step, scope);
    while (level.length && !(JSON.stringify(level) in this.data.films)) level = level.slice(0, -1);
    return level;
  }

  shown(step, scope) {
    const path = this.data.levels.paths[step];
    for (let depth = 0; depth <= path.length; depth += 1) {
      const level = path.slice(0, depth);
      const key = JSON.stringify(level);
      if (!this.known.has(key)) return level.slice(0, -1);
      if (this.whole.has(key) || depth === path.length) return level;
      const inner = path.slice(0, depth + 1).filter((part) => !part.startsWith("…"));
      if (scope && same(inner, scope)) return level;
    }
    return path;
  }

  film(focus) {
    return this.data.films[JSON.stringify(focus)] ?? this.missing(`the inside of ${focus.join(".")}`);
  }

  looks({ focus, step, have }) {
    const film = this.film(focus);
    const at = {};
    for (const [part, changes] of Object.entries(film.changes)) {
      for (const [from, look] of changes) {
        if (from > step) break;
        at[part] = look;
      }
    }
    return { at, texts: film.texts.slice(have), from: have };
  }

  tensor({ variable, side, slice }) {
    const found = this.data.tensors[`${variable}|${side}`] ?? this.missing(`the ${side} of ${variable}`);
    if (found.error) throw new Error(found.error);
    if (slice && found.grid && slice !== found.grid.slice) this.missing("another slice");
    return found;
  }

  // A page of a large run was saved with one answer, that to `why()`; it says so where another one was asked for.
  why({ node, of }) {
    const { why, whys } = this.data;
    const own = whys[`${node}|${of ?? ""}`];
    if (own) return own;
    if (!why) this.missing("this answer");
    if (!node || why.findings.some((finding) => finding.name === node)) return why;
    const limit = `This saved page holds the answer for the whole run only. For ${node}, open the run with the debugger.`;
    return { ...why, question: `${limit}\n\n${why.question}` };
  }

  search(text) {
    const wanted = text.trim().toLowerCase();
    const found = wanted ? this.data.search.filter(([, name, note]) => `${name}\n${note}`.toLowerCase().includes(wanted)) : [];
    const rank = ([, name]) => (name.toLowerCase() === wanted ? 0 : name.toLowerCase().startsWith(wanted) ? 1 : 2);
    found.sort((a, b) => rank(a) - rank(b));
    return { found: found.slice(0, 40), more: Math.max(found.length - 40, 0) };
  }
}
