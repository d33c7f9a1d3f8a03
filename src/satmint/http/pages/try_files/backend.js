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
  }, "Issues a token for Ada that is bound to her browser’s key and can be renewed."),

  guest: (seconds) => call("POST", "/api/fabric/guests/tokens", {
    allowed_addresses: [address], expire_at: inSeconds(seconds),
  }, "Issues a token for a user without an account, for one address."),

  async invite(seconds) {
    const host = await call("POST", "/api/fabric/subscribers/tokens", {
      reference: "ada@example.com", display_name: "Ada",
    }, "Creates the subscriber Ada, who invites.");
    const path = `/api/fabric/resources/subscribers/${host.subscriber_id}/addresses`;
    const [mine] = (await call("GET", path, undefined, "Lists Ada’s addresses.")).data;
    return call("POST", "/api/fabric/subscriber/invites", {
      address_id: mine.id, expires_at: inSeconds(seconds),
    }, "Issues a token for Ada’s invitee.");
  },
};

export const embedToken = c2cToken;

export const inside = async (token) => {
  const said = await call("POST", "/api/satmint/tokens/introspect", { token }, "Introspects the token.");
  return said.active ? said : null;
};
export const revokeSession = (token) =>
  call("POST", "/api/satmint/tokens/revoke", { token }, "Revokes the session and all its tokens.");
export const revokeKey = (subscriber, key) =>
  call("DELETE", `/api/satmint/subscribers/${subscriber}/sessions?fingerprint=${key}`, undefined,
    "Revokes every session that is bound to this key.");
