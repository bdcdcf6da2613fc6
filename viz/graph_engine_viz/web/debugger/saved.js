// Answers without a server: what was saved with the page, and a session that walks through it.

const key = (what, args) => JSON.stringify([what, args]);

export class Saved {
  constructor(data) {
    this.data = data;
  }

  answer(what) {
    throw new Error(`${what} is not in this saved page`);
  }
}
