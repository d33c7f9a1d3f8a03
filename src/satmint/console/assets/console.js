// What pages gain with JavaScript: buttons that copy, and times that go on. Pages work without it.

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

function relative(at, now) {
  const distance = Math.abs(now - at);
  if (distance < 5) return at <= now ? "just now" : "now";
  const [unit, length] = UNITS.find(([, seconds]) => distance >= seconds);
  const text = `${Math.floor(distance / length)} ${unit}`;
  return at <= now ? `${text} ago` : `in ${text}`;
}

// The server's clock counts, not this machine's: times are counted on from those in the page.
const server = Number(document.documentElement.dataset.now);
const opened = performance.now();

function tick() {
  const now = Math.floor(server + (performance.now() - opened) / 1000);
  for (const element of document.querySelectorAll("time[data-at]")) {
    const at = Number(element.dataset.at);
    if (Math.abs(now - at) > 60 * 86400) continue;
    const text = relative(at, now);
    if (element.textContent !== text) element.textContent = text;
  }
}

setInterval(tick, 10_000);

const said = document.getElementById("said");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button === null) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("done");
  if (said !== null) said.textContent = "Copied.";
  setTimeout(() => button.classList.remove("done"), 1500);
});

// Copying needs JavaScript and a secure context, so the buttons are shown only then.
function revealButtons(root) {
  if (navigator.clipboard === undefined) return;
  for (const button of root.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
}

revealButtons(document);
new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) if (node instanceof Element) revealButtons(node);
  }
}).observe(document.body, { childList: true, subtree: true });

// A form is sent once.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  for (const button of event.target.querySelectorAll("button")) {
    setTimeout(() => { button.disabled = true; });
  }
});
// A page that the browser has kept shows its buttons as they were.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("form button:disabled")) button.disabled = false;
});
