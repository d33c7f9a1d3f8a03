// The list of what happened, newest first; and what each thing means.

import { asClock } from "./picture.js";

const LANES = { backend: "backend", browser: "browser", socket: "socket", page: "you", sdk: "SDK" };
const LONGEST = 200;
const MEANING = {
  "GET /api/fabric/subscriber/info": "Reads the subscriber and the scope of the token.",
  "POST /api/fabric/subscriber/devices/token": "Exchanges the SAT and a proof of the key for a token bound to the key.",
  "POST /api/fabric/subscriber/devices/refresh": "Exchanges the old token and a new proof of the key for a new token.",
  "POST /api/fabric/embeds/tokens": "Exchanges the page’s Click-to-Call token for a SAT. This operation is public.",
  "RPC signalwire.reauthenticate": "The open connection continues with the new token.",
  "RPC subscriber.online": "The subscriber is online and can be called.",
  "EVENT signalwire.authorization.state": "State for resuming the session.",
};

function meaning(told) {
  if (told.what === "signalwire.connect") {
    return told.params?.authorization_state ? "Resumes the session with the authorization state." : "Authenticates with the token.";
  }
  return MEANING[`${told.verb} ${told.what}`] ?? "";
}

function part(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

export class Story {
  #list = document.getElementById("events");
  #said = document.getElementById("said");
  #lines = new WeakMap();
  #began = 0;
  #last = null;

  begin(at) {
    this.#began = at;
    this.#last = null;
    this.#list.replaceChildren();
  }

  // Say it to those who do not look, too.
  announce(text) {
    this.#said.textContent = text;
  }

  add(told) {
    if (this.#again(told)) return;
    const line = document.createElement("li");
    this.#lines.set(told, line);
    this.#write(line, told);
    this.#list.prepend(line);
    this.#list.querySelector(".empty")?.remove();
    if (this.#list.children.length > LONGEST) this.#list.lastElementChild.remove();
  }

  update(told) {
    const line = this.#lines.get(told);
    if (line !== undefined) this.#write(line, told);
  }

  // Whether it is but one more of what came last.
  #again(told) {
    const last = this.#last;
    if (told.verb === "EVENT" && last?.verb === "EVENT" && last.what === told.what) {
      last.times = (last.times ?? 1) + 1;
      last.outcome = `× ${last.times}`;
      this.update(last);
      return true;
    }
    this.#last = told;
    return false;
  }

  #write(line, told) {
    const note = [told.note || meaning(told), told.cause && `Cause: ${told.cause}.`].filter(Boolean).join(" ");
    const route = part("span", "what", "");
    route.append(part("span", `method ${told.verb.toLowerCase()}`, told.verb), " ", part("code", "", told.what));
    line.dataset.tone = told.tone;
    line.dataset.lane = told.lane;
    line.replaceChildren(
      part("span", "when", asClock((told.at - this.#began) / 1000)),
      part("span", "lane", LANES[told.lane]),
      route,
      part("span", "outcome", told.outcome),
      part("span", "note", note),
    );
  }
}
