// Parts of a page that go on: an element with an id and `data-live="SECONDS"` is replaced by what
// the server shows now. And the values of plots, at the pointer.

async function refresh(id) {
  const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Background": "1" }, cache: "no-store" });
  if (answer.status === 401) location.reload(); // the session is over
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById(id), shown = document.getElementById(id);
  if (fresh === null || shown === null || shown.contains(document.activeElement)) return;
  const open = [...shown.querySelectorAll("details")].map((one) => one.open);
  fresh.querySelectorAll("details").forEach((one, number) => { one.open = open[number] ?? one.open; });
  hide();
  shown.replaceChildren(...fresh.childNodes);
}

for (const element of document.querySelectorAll("[data-live]")) {
  setInterval(() => {
    if (!document.hidden) refresh(element.id).catch(() => {}); // the server is away: try again
  }, Number(element.dataset.live) * 1000);
}

const tip = document.createElement("div");
tip.className = "plot-tip";
tip.hidden = true;
document.body.append(tip);

function hide() {
  tip.hidden = true;
}

document.addEventListener("pointermove", (event) => {
  const step = event.target.closest?.(".plot-step");
  if (step == null) return hide();
  const title = step.querySelector("title");
  if (title !== null) { // the browser's own would come late, and a second time
    step.dataset.text = title.textContent;
    title.remove();
  }
  tip.textContent = step.dataset.text;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - width - 4))}px`;
  tip.style.top = `${Math.max(4, event.clientY - height - 12)}px`;
});
addEventListener("scroll", hide, { passive: true });
