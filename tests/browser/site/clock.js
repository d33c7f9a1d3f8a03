// A clock that a test can move. Timers go on by themselves, as usual; `skip` makes time pass at
// once, in steps from one timer to the next, so that everything happens in the order it would.
// How far it is ahead stays with the tab, in its name, whatever document it shows.
(() => {
  const real = {
    Date, now: Date.now.bind(Date),
    set: setTimeout.bind(window), clear: clearTimeout.bind(window),
  };
  const timers = new Map();
  let ahead = Number(window.name) || 0, last = 0;
  const now = () => real.now() + ahead;

  function arm(id) {
    const timer = timers.get(id);
    real.clear(timer.handle);
    timer.handle = real.set(fire, Math.max(0, timer.due - now()), id);
  }
  function fire(id) {
    const timer = timers.get(id);
    if (timer === undefined) return;
    real.clear(timer.handle);
    if (timer.every === null) {
      timers.delete(id);
    } else {
      timer.due = now() + timer.every;
      arm(id);
    }
    timer.callback.apply(window, timer.given);
  }
  function add(callback, delay, every, given) {
    const id = ++last;
    timers.set(id, { callback, due: now() + (Number(delay) || 0), every, given, handle: 0 });
    arm(id);
    return id;
  }
  function remove(id) {
    if (!timers.has(id)) return;
    real.clear(timers.get(id).handle);
    timers.delete(id);
  }
  function next() {
    return [...timers].sort(([, one], [, other]) => one.due - other.due)[0];
  }

  window.setTimeout = (callback, delay, ...given) => add(callback, delay, null, given);
  window.setInterval = (callback, delay, ...given) =>
    add(callback, delay, Math.max(1, Number(delay) || 0), given);
  window.clearTimeout = window.clearInterval = remove;
  window.Date = new Proxy(Date, {
    construct: (target, given) => (given.length ? new target(...given) : new target(now())),
    apply: () => new real.Date(now()).toString(),
    get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
  });
  window.clock = {
    real,
    // Milliseconds until the next timer that is not about to fire anyway.
    ahead: (least) =>
      Math.min(...[...timers.values()].map((one) => one.due - now()).filter((ms) => ms >= least)),
    skip(ms) {
      const until = now() + ms;
      for (let one = next(); one !== undefined && one[1].due <= until; one = next()) {
        ahead += Math.max(0, one[1].due - now());
        fire(one[0]);
      }
      ahead += Math.max(0, until - now());
      window.name = String(ahead);
      for (const id of timers.keys()) arm(id);
    },
  };
})();
