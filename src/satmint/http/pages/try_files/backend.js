// What a customer's own web application would do. It has the API token; browsers never see that.

const { project, apiToken, c2cToken, address } = document.getElementById("demo").dataset;
const basic = `Basic ${btoa(`${project}:${apiToken}`)}`;

async function call(method, path, body, note) {
  const answer = await fetch(path, {
    method, note, lane: "backend",
    headers: { Authorization: basic, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const said = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Error(said.errors?.[0].message ?? said.error);
  return said;
}

const inSeconds = (seconds) => (seconds === null ? undefined : Math.floor(Date.now() / 1000) + seconds);

// Make a token, bound to the key of that thumbprint, that lives for `seconds`; null: two hours.
export const signIn = {
  user: (seconds, fingerprint) => call("POST", "/api/fabric/subscribers/tokens", {
    reference: "ada@example.com", display_name: "Ada", fingerprint, scope: "sat:refresh",
    expire_at: inSeconds(seconds),
  }, "A token for Ada that names her browser’s key, and lets her renew it."),

  guest: (seconds) => call("POST", "/api/fabric/guests/tokens", {
    allowed_addresses: [address], expire_at: inSeconds(seconds),
  }, "A token for somebody who has no account, good for one address."),

  async invite(seconds) {
    const host = await call("POST", "/api/fabric/subscribers/tokens", {
      reference: "ada@example.com", display_name: "Ada",
    }, "Ada is there, so that she can invite.");
    const path = `/api/fabric/resources/subscribers/${host.subscriber_id}/addresses`;
    const [mine] = (await call("GET", path, undefined, "Where Ada can be reached.")).data;
    return call("POST", "/api/fabric/subscriber/invites", {
      address_id: mine.id, expires_at: inSeconds(seconds),
    }, "A token for whoever Ada asked to come.");
  },
};

export const embedToken = c2cToken;

export const inside = async (token) => {
  const said = await call("POST", "/api/satmint/tokens/introspect", { token }, "What does it say?");
  return said.active ? said : null;
};
export const revokeSession = (token) =>
  call("POST", "/api/satmint/tokens/revoke", { token }, "The session ends, with all of its tokens.");
export const revokeKey = (subscriber, key) =>
  call("DELETE", `/api/satmint/subscribers/${subscriber}/sessions?fingerprint=${key}`, undefined,
    "Every session that is bound to this key ends.");
