// The page: a visitor's browser with the vendor's SDK, and a backend, side by side.

import { embedToken, inside, revokeKey, revokeSession, signIn } from "./backend.js";
import { Life } from "./life.js";
import { Picture, asClock } from "./picture.js";
import { Story } from "./story.js";
import { Socket, askFor, tell, wire } from "./wire.js";

const MINUTE = 60;
const DEVICES = "/api/fabric/subscriber/devices/";
const ENDINGS = { 4401: "expired", 4403: "revoked" };
const WORDS = { expired: "expired", revoked: "revoked", left: "signed out" };
const HUSHED = new Set(["/api/satmint/tokens/introspect"]);
const $ = (id) => document.getElementById(id);

const life = new Life();
const picture = new Picture($("picture"));
const story = new Story();
let client = null;
let pattern = null;
let visit = 0; // sign-ins so far: what a former visit still says is not heard

// The UMD build of 4.0.0-beta.12 looks for these two of Node's functions when it is loaded.
window.node_crypto = {
  randomUUID: () => crypto.randomUUID(),
  randomFillSync: (bytes) => crypto.getRandomValues(bytes),
};
const sdk = new Promise((resolve, reject) => {
  const script = document.createElement("script");
  script.src = "/try/sdk.js";
  script.onload = () => resolve(window.SignalWire);
  script.onerror = () => reject(new Error("cannot load the SDK's file"));
  document.head.append(script);
});

// --- what the visitor does --------------------------------------------------------------------

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  arrive().catch((error) => say("sdk", "ERROR", error.name, error.message, "bad"));
});

async function arrive() {
  await leave();
  const mine = (visit += 1);
  pattern = new FormData($("form")).get("pattern");
  const seconds = $("short").checked ? MINUTE : null;
  askFor(seconds);
  life.begin(Date.now());
  story.begin(life.began);
  lamp("session", "signing in", "waiting");
  const { SignalWire, EmbedTokenCredentialProvider } = await sdk;
  if (EmbedTokenCredentialProvider === undefined) throw new Error("unsupported SDK: version 4 is required");
  const provider = pattern === "embed"
    ? new EmbedTokenCredentialProvider(location.host, embedToken)
    : { authenticate: (context) => authenticate(seconds, context?.fingerprint) };
  client = new SignalWire(provider, { skipDeviceMonitoring: true, webSocketConstructor: Socket });
  const hear = (observable, listener) => observable.subscribe((value) => mine === visit && listener(value));
  hear(client.ready$, (ready) => ready && connected());
  hear(client.isRegistered$, (registered) => lamp("registered", registered ? "yes" : "no", registered ? "good" : ""));
  hear(client.errors$, (error) => say("sdk", "ERROR", error.name, error.message, "bad"));
  $("leave").disabled = false;
}

async function authenticate(seconds, fingerprint) {
  if (life.verdict !== null) throw new Error(`The session was ${life.verdict}; the backend issues no new token.`);
  const made = await signIn[pattern](seconds, fingerprint);
  await born(made.token, null);
  return { token: made.token };
}

async function leave() {
  visit += 1;
  const former = client;
  client = null;
  Socket.current = null;
  for (const id of ["drop", "revoke-session", "revoke-key", "leave"]) $(id).disabled = true;
  for (const [id, text] of [["connected", "closed"], ["registered", "no"], ["key", "none"]]) lamp(id, text);
  try {
    await former?.disconnect();
    former?.destroy();
  } catch {
    // It never came as far as to have something to destroy.
  }
}

$("leave").addEventListener("click", async () => {
  say("page", "DO", "sign out", "The SDK deletes the key. The tokens remain valid until they expire.");
  if (life.verdict === null) conclude("left");
  await leave();
});
$("drop").addEventListener("click", () => {
  say("page", "DO", "drop the connection", "Simulates a network failure. The SDK reconnects.");
  Socket.current?.close();
});
$("revoke-session").addEventListener("click", () => revoke("session", () => revokeSession(life.current.token)));
$("revoke-key").addEventListener("click", () => {
  const { sub, cnf } = life.current.says;
  revoke("key", () => revokeKey(sub, cnf.jkt));
});

async function revoke(what, ask) {
  say("page", "DO", `revoke the ${what}`, "A backend or an operator does this, for example after a theft.");
  conclude("revoked");
  try {
    await ask();
  } catch (error) {
    say("sdk", "ERROR", "not revoked", error.message, "bad");
  }
}

// --- what comes of it -------------------------------------------------------------------------

wire.addEventListener("begin", ({ detail: told }) => HUSHED.has(told.what) || story.add(told));
wire.addEventListener("end", ({ detail: told }) => {
  story.update(told);
  if (told.tone !== "good" || typeof told.body?.token !== "string") return;
  if (told.what.startsWith(DEVICES)) born(told.body.token, told.body.expires_in);
  else if (told.what.endsWith("/embeds/tokens")) born(told.body.token, null);
});
wire.addEventListener("socket", ({ detail: state }) => lamp("connected", state, "waiting"));
wire.addEventListener("closed", async ({ detail: code }) => {
  const ending = ENDINGS[code];
  say("socket", "CLOSE", String(code), ending ? `The server closed the connection: ${ending}.` : "The connection closed.", ending ? "bad" : "quiet");
  lamp("connected", life.verdict === null ? "reconnecting" : "closed", "waiting");
  $("drop").disabled = true;
  // A client with a key can get a new token; for others, the session ends with the token.
  if (ending === "revoked" || (ending === "expired" && pattern !== "user")) {
    if (life.verdict === null) conclude(ending);
    await leave();
  }
});

async function born(token, renewedIn) {
  const at = Date.now(), mine = visit;
  const says = await inside(token);
  if (says === null || mine !== visit || life.verdict !== null) return;
  life.add(token, says, renewedIn, at);
  const { bound, name, ends } = life.current;
  lamp("session", "live", "good");
  lamp("key", bound ? `${says.cnf.jkt.slice(0, 6)}…` : "not bound", bound ? "good" : "");
  $("key").title = bound ? `RFC 7638 thumbprint ${says.cnf.jkt}` : "";
  $("revoke-session").disabled = false;
  $("revoke-key").disabled = !bound;
  show(says);
  story.announce(`Received ${name}. It expires in ${asClock((ends - at) / 1000)}.`);
  tick();
}

function connected() {
  lamp("connected", "open", "good");
  $("drop").disabled = false;
  story.announce("Connected.");
}

function conclude(verdict) {
  life.end(verdict, Date.now());
  lamp("session", WORDS[verdict], verdict === "left" ? "" : "bad");
  for (const id of ["revoke-session", "revoke-key"]) $(id).disabled = true;
  story.announce(`The session ended: ${WORDS[verdict]}.`);
  tick();
}

function say(lane, verb, what, note, tone = "quiet") {
  tell({ lane, verb, what, note, tone });
}

function lamp(id, text, tone = "") {
  $(id).textContent = text;
  $(id).dataset.tone = tone;
}

function show(says) {
  const rows = Object.entries(says).filter(([name, value]) => name !== "active" && value !== "").map(([name, value]) => {
    const row = document.createElement("div");
    const term = document.createElement("dt"), text = document.createElement("dd");
    const code = document.createElement("code");
    term.textContent = name;
    code.textContent = typeof value === "object" ? JSON.stringify(value) : String(value);
    text.append(code);
    if (name === "exp" || name === "iat") text.append(` ${new Date(value * 1000).toLocaleTimeString()}`);
    row.append(term, text);
    return row;
  });
  $("claims").replaceChildren(...rows);
}

// --- the clock --------------------------------------------------------------------------------

function tick() {
  const now = Date.now(), token = life.current;
  picture.draw(life.tokens, life.began, now);
  picture.describe(`${life.tokens.length} tokens${token === null ? "" : `; ${token.name} is the latest`}`);
  if (token === null || life.verdict !== null) {
    $("count").textContent = life.verdict === null ? "–" : WORDS[life.verdict];
    $("until").textContent = life.verdict === null
      ? "Not signed in." : `after ${asClock((life.ended - life.began) / 1000)}`;
    $("left").style.width = "0";
    return;
  }
  const goal = token.renews ?? token.ends;
  const rest = Math.max(0, goal - now);
  $("count").textContent = asClock(Math.ceil(rest / 1000));
  $("until").textContent = token.renews === null ? "until the token expires; it is not renewed" : "until the SDK renews the token";
  $("left").style.width = `${(100 * rest) / (goal - token.born)}%`;
  $("left").dataset.tone = token.renews === null ? "ending" : "good";
}

const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
setInterval(() => life.verdict === null && tick(), calm ? 1000 : 200);
new ResizeObserver(tick).observe($("picture"));
tick();
