// Everything that goes over the network, told as it happens.
//
// The SDK calls the hosts that the token's `ch` names, over TLS. Here all its calls go to the host
// that the page came from: it is the same server, and nobody has to trust a certificate first.

export const wire = new EventTarget();
const home = location.origin;
const realFetch = window.fetch.bind(window);
let wanted = null;

// Have Client Bound SATs asked for with this life, in seconds; null: as the SDK asks.
export function askFor(seconds) {
  wanted = seconds;
}

// Tell of something. Where it takes time, `finish` what this returns.
export function tell(entry) {
  const told = { at: Date.now(), outcome: "", tone: "quiet", note: "", body: null, ...entry };
  wire.dispatchEvent(new CustomEvent("begin", { detail: told }));
  return told;
}

export function finish(told, more) {
  Object.assign(told, more);
  wire.dispatchEvent(new CustomEvent("end", { detail: told }));
}

function asWanted(path, body) {
  if (wanted === null || !path.startsWith("/api/fabric/subscriber/devices/")) return body;
  // The proof says nothing about the body, so that this changes only what is asked for.
  return JSON.stringify({ ...JSON.parse(body), expire_in: wanted });
}

window.fetch = async (address, { lane = "browser", note = "", ...options } = {}) => {
  const { pathname, search } = new URL(address, home);
  const told = tell({ lane, note, verb: options.method ?? "GET", what: pathname, outcome: "…" });
  try {
    const answer = await realFetch(home + pathname + search, {
      ...options, body: asWanted(pathname, options.body), credentials: "omit",
    });
    const text = await answer.clone().text();
    finish(told, {
      outcome: String(answer.status),
      tone: answer.ok ? "good" : "bad",
      cause: answer.headers.get("X-Satmint-Cause"),
      body: text === "" ? null : JSON.parse(text),
    });
    return answer;
  } catch (error) {
    finish(told, { outcome: "no answer", tone: "bad" });
    throw error;
  }
};

// What the SDK takes for the browser's own WebSocket.
export class Socket extends WebSocket {
  static current = null;
  #asked = new Map();

  constructor() {
    super(`${home.replace(/^http/, "ws")}/`);
    Socket.current = this;
    wire.dispatchEvent(new CustomEvent("socket", { detail: "connecting" }));
    this.addEventListener("open", () => wire.dispatchEvent(new CustomEvent("socket", { detail: "open" })));
    this.addEventListener("message", (event) => this.#heard(JSON.parse(event.data)));
    this.addEventListener("close", (event) => {
      if (Socket.current !== this) return; // of a visit that is over
      Socket.current = null;
      wire.dispatchEvent(new CustomEvent("closed", { detail: event.code }));
    });
  }

  send(text) {
    super.send(text);
    const { id, method, params } = JSON.parse(text);
    if (method === undefined) return; // an answer to a ping or an event
    this.#asked.set(id, tell({ lane: "socket", verb: "RPC", what: method, params, outcome: "…" }));
  }

  #heard({ id, method, params, result, error }) {
    const asked = this.#asked.get(id);
    if (asked !== undefined) {
      this.#asked.delete(id);
      finish(asked, error === undefined
        ? { outcome: "ok", tone: "good", body: result }
        : { outcome: String(error.code), tone: "bad", note: error.message });
    } else if (method === "signalwire.event") {
      tell({ lane: "socket", verb: "EVENT", what: params.event_type });
    } else if (method === "signalwire.disconnect") {
      tell({ lane: "socket", verb: "EVENT", what: method, note: "The server is shutting down." });
    }
  }
}
