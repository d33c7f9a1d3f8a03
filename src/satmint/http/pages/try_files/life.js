// The tokens of one visit, and how it ended. Times are in milliseconds.

export class Life {
  began = null;
  tokens = [];
  verdict = null;
  ended = null;

  get current() {
    return this.tokens.at(-1) ?? null;
  }

  begin(at) {
    this.began = at;
    this.tokens = [];
    this.verdict = null;
  }

  // A token came. `renewedIn` is the life that the SDK was told of, in seconds, where it renews.
  add(token, says, renewedIn, at) {
    if (this.current !== null) this.current.replaced = at;
    const bound = says.cnf !== undefined;
    this.tokens.push({
      token, says,
      name: `${renewedIn === null ? "SAT" : "bound SAT"} ${this.tokens.length + 1}`,
      bound,
      born: at,
      ends: says.exp * 1000,
      renews: renewedIn === null ? null : at + Math.max(1, renewedIn - 30) * 1000,
      replaced: null,
      cut: null,
    });
  }

  end(verdict, at) {
    this.verdict = verdict;
    this.ended = at;
    for (const token of this.tokens) if (token.ends > at) token.cut = at;
  }
}
