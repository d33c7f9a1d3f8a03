// The search of the index: it filters the list that the page already has, and asks no server.

const MIN_CODE_LENGTH = 3;
const MAX_FIELDS = 4;

// The anchors of operations and groups on the former single page lead to the pages that have them now.
export function followAnchors() {
  const follow = () => {
    const anchor = location.hash.slice(1);
    const found = document.getElementById(anchor) ?? document.getElementById(anchor.replace(/-(example|answer)$/, ""));
    if (found?.dataset.page) location.replace(found.dataset.page + location.hash);
    if (anchor === "search") document.getElementById("search").focus();
  };
  addEventListener("hashchange", follow);
  follow();
}

export function offerSearch(input) {
  const operations = [...document.querySelectorAll(".operations li")].map(describe);
  const codes = [...document.querySelectorAll("#codes li")];
  const sections = [...document.querySelectorAll(".listed")];
  const found = document.getElementById("found");
  const all = found.textContent;

  const search = () => {
    const terms = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const operation of operations) show(operation, terms);
    const isCode = (line) => terms.length > 0 && terms.every((term) => term.length >= MIN_CODE_LENGTH && line.dataset.code.includes(term));
    for (const line of codes) line.hidden = !isCode(line);
    for (const section of sections) section.hidden = section.querySelector("li:not([hidden])") === null;
    if (terms.length === 0) document.getElementById("codes").hidden = true;
    document.body.classList.toggle("searching", terms.length > 0);
    found.textContent = terms.length === 0 ? all : summary(count(operations.map(({ line }) => line)), count(codes));
  };

  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { input.value = ""; search(); }
    if (event.key === "Enter") links()[0]?.click();
    if (event.key === "ArrowDown") move(event, links()[0]);
  });
  document.querySelector("main").addEventListener("keydown", (event) => {
    const at = links().indexOf(document.activeElement);
    if (at < 0) return;
    if (event.key === "ArrowDown") move(event, links()[at + 1]);
    if (event.key === "ArrowUp") move(event, links()[at - 1] ?? input);
  });
  search(); // a browser may restore what was typed before
}

function describe(line) {
  const { group, fields, codes } = line.dataset;
  return {
    line,
    text: `${line.textContent} ${group} ${line.id}`.toLowerCase(),
    fields: fields.split(" ").filter(Boolean),
    codes: codes.split(" "),
  };
}

// A term is found in an operation's own text, in the names of its fields, or as a whole error code.
function show({ line, text, fields, codes }, terms) {
  const fits = (term) => text.includes(term) || codes.includes(term) || fields.some((field) => field.toLowerCase().includes(term));
  line.hidden = !terms.every(fits);
  line.querySelector(".hits")?.remove();
  if (line.hidden || terms.length === 0) return;
  const named = fields.filter((field) => terms.some((term) => !text.includes(term) && field.toLowerCase().includes(term)));
  const hits = [...named.slice(0, MAX_FIELDS), ...codes.filter((code) => terms.includes(code))];
  if (hits.length > 0) line.append(list(hits));
}

function list(hits) {
  const element = document.createElement("span");
  element.className = "hits";
  for (const hit of hits) {
    const code = document.createElement("code");
    code.textContent = hit;
    element.append(code);
  }
  return element;
}

function summary(operations, codes) {
  if (operations + codes === 0) return "Nothing found. Try a part of a path, such as “addresses”, or of a field.";
  const parts = [`${operations} ${operations === 1 ? "operation" : "operations"}`];
  if (codes > 0) parts.push(`${codes} ${codes === 1 ? "error code" : "error codes"}`);
  return parts.join(", ");
}

const count = (lines) => lines.filter((line) => !line.hidden).length;
const links = () => [...document.querySelectorAll(".listed:not([hidden]) li:not([hidden]) > a")];

function move(event, element) {
  event.preventDefault();
  element?.focus();
}
