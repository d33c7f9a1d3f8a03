// “Try it”: sends a request to this server, and shows the answer. Credentials stay in this page.

import { copyButton } from "./copy.js";

const $ = (id) => document.getElementById(id);
const SIGN_IN = "/api/fabric/subscribers/tokens";

export function offerTrying() {
  for (const form of document.querySelectorAll("form[data-method]")) {
    useRealAddress(form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit(form).catch((error) => say(form, `Not sent: ${error.message}`));
    });
  }
  $("sign-in")?.addEventListener("click", (event) => signIn(event.target.form).catch((error) => say(event.target.form, error.message)));
  $("credentials").querySelector("form").addEventListener("submit", (event) => event.preventDefault());
}

// Examples have a made-up address; a development server has one that exists.
function useRealAddress(form) {
  const { exampleAddress, address } = $("credentials").querySelector("form").dataset;
  const body = form.elements.namedItem("body");
  if (address !== undefined && body !== null) body.value = body.value.replaceAll(exampleAddress, address);
}

async function submit(form) {
  const request = read(form);
  if (request === null) return;
  if ("destructive" in form.dataset && !(await confirmed(request))) {
    say(form, "Not sent.");
    return;
  }
  await send(form, request);
}

// Returns the request that the form describes; null: something is missing, which the form then says.
function read(form) {
  const headers = new Headers();
  if (!authorize(form, headers)) return null;
  let path = form.dataset.path;
  const query = new URLSearchParams();
  for (const input of form.querySelectorAll("[data-in]")) {
    const value = input.value.trim();
    if (input.dataset.in === "path") path = path.replace(`{${input.name}}`, encodeURIComponent(value));
    else if (value !== "" && input.dataset.in === "query") query.append(input.name, value);
    else if (value !== "") headers.set(input.name, value);
  }
  const url = new URL(path, location.origin);
  // A value such as «..» would make it the path of another operation.
  if (url.pathname !== path) throw new Error("a path parameter is not valid");
  url.search = query.toString();
  const body = form.elements.namedItem("body")?.value;
  if (body !== undefined) headers.set("Content-Type", "application/json");
  return { method: form.dataset.method, url, headers, body };
}

function authorize(form, headers) {
  const kind = form.elements.namedItem("credentials")?.value ?? "none";
  const needed = { basic: [$("project"), $("api-token")], bearer: [$("sat")], none: [] }[kind];
  const missing = needed.find((input) => input.value.trim() === "");
  if (missing !== undefined) {
    $("credentials").open = true;
    missing.focus();
    say(form, `Enter the ${missing.labels[0].textContent} under “Credentials”, then send again.`);
    return false;
  }
  const [first, second] = needed.map((input) => input.value.trim());
  if (kind === "basic") headers.set("Authorization", `Basic ${base64(`${first}:${second}`)}`);
  if (kind === "bearer") headers.set("Authorization", `Bearer ${first}`);
  return true;
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function confirmed({ method, url }) {
  const dialog = $("ask");
  $("ask-request").textContent = `${method} ${url.pathname}${url.search}`;
  dialog.returnValue = "cancel";
  dialog.showModal();
  dialog.querySelector("[value=cancel]").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "send"), { once: true });
  });
}

async function send(form, { method, url, headers, body }) {
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  say(form, "Sending…");
  try {
    const began = performance.now();
    const answer = await call(method, url, headers, body);
    const text = await answer.text();
    const milliseconds = Math.max(1, Math.round(performance.now() - began));
    say(form, "");
    show(form.parentElement.querySelector(".answer"), { method, url, answer, text, milliseconds });
  } catch {
    say(form, "No answer: the server cannot be reached.");
  } finally {
    button.disabled = false;
  }
}

// `omit`: else a browser would ask for credentials itself after a 401.
function call(method, url, headers, body) {
  return fetch(url, {
    method, headers, body, mode: "same-origin", credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer",
  });
}

function show(place, { method, url, answer, text, milliseconds }) {
  const value = parsed(text);
  const line = element("p", "outcome");
  const status = element("strong", answer.ok ? "good" : "bad");
  status.textContent = `${answer.status} ${answer.statusText}`.trim();
  const request = element("code");
  request.textContent = `${method} ${url.pathname}${url.search}`;
  line.append(status, ` in ${milliseconds} ms `, request);
  const headers = [...answer.headers].map(([name, content]) => `${name}: ${content}`).join("\n");
  place.replaceChildren(line, block("Headers", headers));
  if (text !== "") place.append(block("Body", value === undefined ? text : JSON.stringify(value, null, 2)));
  if (answer.ok && typeof value?.token === "string" && value.token.startsWith("ey")) place.append(useButton(value.token));
  place.hidden = false;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function block(name, text) {
  const section = element("div"), copyable = element("div", "copyable");
  const title = element("h4"), pre = element("pre"), code = element("code");
  title.textContent = name;
  pre.tabIndex = 0;
  pre.setAttribute("aria-label", name);
  code.textContent = text;
  pre.append(code);
  copyable.append(pre, copyButton(`Copy the ${name.toLowerCase()}`));
  section.append(title, copyable);
  return section;
}

function useButton(token) {
  const line = element("p", "send"), button = element("button");
  button.type = "button";
  button.textContent = "Use this token as the SAT";
  button.addEventListener("click", () => {
    $("sat").value = token;
    button.textContent = "It is the SAT of this page now";
    button.disabled = true;
  });
  line.append(button);
  return line;
}

async function signIn(form) {
  const headers = new Headers({ "Content-Type": "application/json" });
  headers.set("Authorization", `Basic ${base64(`${$("project").value.trim()}:${$("api-token").value.trim()}`)}`);
  const body = JSON.stringify({ reference: "alice@example.com" });
  const answer = await call("POST", new URL(SIGN_IN, location.origin), headers, body);
  if (!answer.ok) throw new Error(`Refused: ${answer.status}.`);
  $("sat").value = (await answer.json()).token;
  say(form, "Signed in. The SAT is filled in.");
}

function say(form, text) {
  form.querySelector(".progress").textContent = text;
}

function element(name, className = "") {
  const made = document.createElement(name);
  made.className = className;
  return made;
}
