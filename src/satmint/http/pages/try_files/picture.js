// The lives of the tokens as bars on a strip of paper that moves to the left.

const ROWS = 4, ROW = 26, AXIS = 22, NOW = 0.55;
const STEPS = [5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

function shape(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

export function asClock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

export class Picture {
  #svg = shape("svg", { role: "img", class: "strip" });
  #place;

  constructor(place) {
    this.#place = place;
    place.replaceChildren(this.#svg);
  }

  // `tokens` as in life.js, `began` and `now` in milliseconds.
  draw(tokens, began, now) {
    const width = Math.max(240, Math.floor(this.#place.clientWidth));
    const height = ROWS * ROW + AXIS;
    const last = tokens.at(-1);
    const span = last === undefined ? 120_000 : 2.3 * Math.max(30_000, last.ends - last.born);
    const from = now - span * NOW;
    const x = (at) => ((at - from) / span) * width;
    const shapes = [...this.#axis(from, span, width, began, x)];
    tokens.forEach((token, index) => shapes.push(...this.#life(token, index, now, width, x)));
    const at = x(now);
    shapes.push(
      shape("line", { class: "now-line", x1: at, x2: at, y1: 0, y2: height - AXIS + 5 }),
      shape("text", { class: "now-text", x: at, y: height - 4, "text-anchor": "middle" }, "now"),
    );
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.setAttribute("width", width);
    this.#svg.setAttribute("height", height);
    this.#svg.replaceChildren(...shapes);
  }

  describe(text) {
    this.#svg.setAttribute("aria-label", text);
  }

  * #axis(from, span, width, began, x) {
    const bottom = ROWS * ROW;
    yield shape("line", { class: "axis", x1: 0, x2: width, y1: bottom, y2: bottom });
    if (began === null) return;
    const room = (span / 1000) * (64 / width);
    const step = STEPS.find((one) => one >= room) ?? STEPS.at(-1);
    const first = Math.max(0, Math.ceil((from - began) / 1000 / step));
    for (let tick = first * step; tick * 1000 + began < from + span; tick += step) {
      const at = x(began + tick * 1000);
      yield shape("line", { class: "axis", x1: at, x2: at, y1: bottom, y2: bottom + 4 });
      if (Math.abs(at - width * NOW) > 34 && at > 14 && at < width - 14) {
        yield shape("text", { class: "tick", x: at, y: bottom + 18, "text-anchor": "middle" }, asClock(tick));
      }
    }
  }

  * #life(token, index, now, width, x) {
    const top = (index % ROWS) * ROW + 4, tall = ROW - 8;
    const ends = Math.min(token.ends, token.cut ?? Infinity);
    const used = Math.min(now, ends, token.replaced ?? Infinity);
    const piece = (kind, from, to) => {
      const left = Math.max(-8, x(from)), right = Math.min(width + 8, x(to));
      return right > left
        ? [shape("rect", { class: kind, x: left, y: top, width: right - left, height: tall, rx: 4 })]
        : [];
    };
    yield* piece(token.replaced === null ? "coming" : "spare", Math.min(token.born, used), ends);
    yield* piece("used", token.born, used);
    if (token.renews !== null && token.replaced === null && token.cut === null) {
      yield shape("circle", { class: "renewal", cx: x(token.renews), cy: top + tall / 2, r: 6 });
    }
    if (token.cut !== null && token.cut < token.ends) {
      const at = x(token.cut);
      yield shape("line", { class: "cut", x1: at, x2: at, y1: top - 3, y2: top + tall + 3 });
    }
    const left = Math.max(6, x(token.born) + 6);
    if (x(used) - left > 8 + 6.5 * token.name.length) {
      yield shape("text", { class: "name", x: left, y: top + tall - 5 }, token.name);
    }
  }
}
