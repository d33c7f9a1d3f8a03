// The live tail of the page of events. It goes on after a cut where it was, and can be paused.

const ROWS = 200, KNOWN = 50_000, SILENT = 8000;
const tail = document.getElementById("tail");
const body = tail.querySelector("tbody"), state = document.getElementById("tail-state");
const button = document.getElementById("follow"), said = document.getElementById("said");
const known = new Set(JSON.parse(tail.dataset.known)); // a tail that goes on may repeat some
let source = null, after = tail.dataset.after, timer = 0, watchdog = 0, fresh = 0, count = 0;

function show(text, tone) {
  state.textContent = text;
  state.className = `badge ${tone}`;
}

function make(name, text, className) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className !== undefined) element.className = className;
  return element;
}

function cell(label, ...content) {
  const element = make("td");
  element.dataset.label = label;
  const inner = make("span");
  inner.append(...content);
  element.append(inner);
  return element;
}

function linked(kind, id, text) {
  if (id === null) return make("span", "–", "soft");
  const link = make("a", undefined, "name");
  link.href = `${tail.dataset.project}/${kind}/${encodeURIComponent(id)}`;
  link.title = text ?? id;
  link.append(make("bdi", text ?? `${id.slice(0, 8)}…`));
  return link;
}

function tone(kind) {
  if (["reuse_detected", "key_mismatch", "downgrade_refused"].includes(kind)) return "bad";
  if (/revoked|deleted/.test(kind)) return "warn";
  return ["issued", "refreshed"].includes(kind) ? "good" : "info";
}

function row(event) {
  const element = make("tr");
  const time = make("time", event.at.slice(11, 19));
  time.dateTime = event.at;
  time.title = event.at;
  const details = [event.generation === null ? "" : `generation ${event.generation}`, event.cause.replaceAll("_", " ")];
  element.append(
    cell("Event", make("span", event.kind.replaceAll("_", " "), `badge ${tone(event.kind)}`)),
    cell("Time", time),
    cell("Subscriber", linked("subscribers", event.subscriber_id, event.reference)),
    cell("Session", linked("sessions", event.session_id)),
    cell("Details", details.filter(Boolean).join(", ") || "–"),
    cell("From", make("code", event.address || "–"), make("span", event.agent, "sub name")),
  );
  return element;
}

function add(message) {
  listen();
  after = message.lastEventId;
  const { events, skipped } = JSON.parse(message.data);
  const found = events.filter((event) => !known.has(event.id));
  for (const { id } of found) known.add(id);
  for (const id of known) {
    if (known.size <= KNOWN) break;
    known.delete(id);
  }
  body.prepend(...found.slice(-ROWS).reverse().map(row));
  while (body.rows.length > ROWS) body.lastElementChild.remove();
  count += found.length;
  fresh += found.length;
  document.getElementById("tail-count").textContent = `${count.toLocaleString("en")} new`;
  if (skipped) document.getElementById("tail-skipped").hidden = false;
  document.getElementById("tail-none").hidden = count > 0;
  show("live", "good");
}

// Heartbeats are not told to scripts, but a tail ends and begins again every 15 seconds.
function listen() {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => show("no answer: connecting again", "warn"), 15_000 + SILENT);
}

async function lost() {
  const refused = source.readyState === EventSource.CLOSED;
  source.close();
  let wait = 200;
  if (refused) {
    wait = 2000;
    show("cut: connecting again", "warn");
    const answer = await fetch(location.href, { headers: { "X-Background": "1" }, cache: "no-store" }).catch(() => null);
    if (source === null) return; // paused meanwhile
    if (answer?.status === 401) {
      pause();
      return show("signed out: load the page again", "bad");
    }
  }
  if (source !== null) timer = setTimeout(open, wait);
}

function open() {
  const url = new URL(tail.dataset.url, location.href);
  url.searchParams.set("after", after);
  source = new EventSource(url);
  source.addEventListener("events", add);
  source.addEventListener("away", () => show("the database is away", "warn"));
  source.addEventListener("back", () => show("live", "good"));
  source.addEventListener("error", lost);
}

function pause() {
  clearTimeout(timer);
  clearTimeout(watchdog);
  source?.close();
  source = null;
  button.textContent = "Go on";
  show("paused", "");
}

button.hidden = false;
button.addEventListener("click", () => {
  if (source !== null) return pause();
  tail.hidden = false;
  button.textContent = "Pause";
  show("connecting", "");
  open();
});

setInterval(() => { // politely: not each event
  if (fresh > 0) said.textContent = `${fresh} new events`;
  fresh = 0;
}, 10_000);
