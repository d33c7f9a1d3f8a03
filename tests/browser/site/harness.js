// What a test sees of an SDK: everything that it said, and every socket that it opened.
(() => {
  // The UMD build of 4.0.0-beta.12 looks for these two of Node's functions when it is loaded.
  window.node_crypto = {
    randomUUID: () => crypto.randomUUID(),
    randomFillSync: (bytes) => crypto.getRandomValues(bytes),
  };
  const sockets = [], closed = [], asked = new Map();
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      sockets.push(this);
      this.addEventListener("close", (event) => closed.push(event.code));
      this.addEventListener("message", (event) => {
        const { id, result, error } = JSON.parse(event.data);
        const method = asked.get(id);
        if (method === undefined) return;
        if (error !== undefined) seen.refused += 1;
        else if (method === "signalwire.reauthenticate") seen.renewed += 1;
        else if (method === "signalwire.connect") seen.connects += 1;
      });
    }

    send(text) {
      super.send(text);
      const { id, method } = JSON.parse(text);
      if (method !== undefined) asked.set(id, method);
    }
  };
  const call = window.fetch;
  window.fetch = async (url, options) => {
    try {
      return await call(url, options);
    } finally {
      if (String(url).includes("/subscriber/devices/")) seen.devices += 1;
    }
  };
  // A timer of the page's own, which no test moves.
  const later = window.clock ? window.clock.real.set : setTimeout.bind(window);
  const now = window.clock ? window.clock.real.now : Date.now;

  const seen = { errors: [], connected: [], registered: [], ready: [], asked: 0, renewed: 0, connects: 0, refused: 0, devices: 0, closed };
  const told = (error) => `${error.name}: ${error.message}`;

  async function backend(body) {
    // In place of the customer's own web application: it has the credentials, the page has not.
    const answer = await fetch(`${window.BACKEND}/sign-in`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`the backend says ${answer.status}`);
    return answer.json();
  }

  window.harness = {
    seen, sockets, backend,

    // Wait until `test()` is true; tell what was seen where it never is.
    until(test, seconds = 60) {
      const end = now() + seconds * 1000;
      return new Promise((resolve, reject) => {
        const look = () => {
          if (test()) resolve(true);
          else if (now() > end) reject(new Error(`never ${test}: ${JSON.stringify(seen)}`));
          else later(look, 5);
        };
        look();
      });
    },

    // Something of the SDK that settles, or an error once `seconds` are over.
    within(promise, seconds = 60) {
      return Promise.race([promise, new Promise((_, reject) => later(
        () => reject(new Error(`not within ${seconds} s: ${JSON.stringify(seen)}`)), seconds * 1000,
      ))]);
    },

    // 4.x with a session that is bound to its key; `members` go into the sign-in.
    bound(members = {}) {
      return {
        authenticate: async (context) => {
          seen.asked += 1;
          seen.fingerprint = context.fingerprint;
          const made = await backend({ ...members, fingerprint: context.fingerprint, scope: "sat:refresh" });
          return { token: made.token };
        },
      };
    },

    start(provider, options = {}) {
      const client = new SignalWire.SignalWire(provider, { skipDeviceMonitoring: true, ...options });
      client.errors$.subscribe((error) => seen.errors.push(told(error)));
      client.isConnected$.subscribe((value) => seen.connected.push(value));
      client.isRegistered$.subscribe((value) => seen.registered.push(value));
      client.ready$.subscribe((value) => seen.ready.push(value));
      window.client = client;
    },

    // 3.30, all the way to being online.
    async online(token) {
      window.client = await window.harness.within(SignalWire.SignalWire({ token }));
      await window.harness.within(client.online({ incomingCallHandlers: {} }));
    },

    up: () => seen.ready.at(-1) === true && seen.registered.at(-1) === true,
  };
})();
