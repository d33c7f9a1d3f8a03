// Usage: node same_answers.mjs URL PROJECT API_TOKEN
// The steps of `test_same_answers.py`, and the text of each answer, as an array of [step, text].
const [url, project, apiToken] = process.argv.slice(2);
const headers = {
  authorization: `Basic ${btoa(`${project}:${apiToken}`)}`,
  "content-type": "application/json",
};
const steps = [];

async function step(name, method, path, body) {
  const options = { method, headers, body: body && JSON.stringify(body) };
  const response = await fetch(`${url}/api/${path}`, options);
  const text = await response.text();
  steps.push([name, response.ok ? text : `${response.status} ${text}`]);
  return text ? JSON.parse(text) : {};
}

const rooms = "fabric/resources/conference_rooms";
const subscribers = "fabric/resources/subscribers";
const tokens = "fabric/subscribers/tokens";

const room = await step("room", "POST", rooms, {
  name: "same_room",
  display_name: "Gleich",
  enable_room_previews: true,
});
const places = await step("room's addresses", "GET", `fabric/resources/conference_room/${room.id}/addresses`);
const address = places.data[0].id;
const click = await step("click-to-call", "POST", "satmint/c2c-tokens", {
  address_id: address,
  name: "same",
});
const subscriber = await step("subscriber", "POST", subscribers, {
  email: "same@example.com",
  display_name: "Gleich",
});
const own = await step("own addresses", "GET", `${subscribers}/${subscriber.id}/addresses`);
let pair = await step("issue", "POST", tokens, { reference: "same@example.com" });
const refresh = (name, { refresh_token }) =>
  step(name, "POST", `${tokens}/refresh`, { refresh_token });
pair = await refresh("refresh", pair);
const guest = await step("guest", "POST", "fabric/guests/tokens", { allowed_addresses: [address] });
await step("invite", "POST", "fabric/subscriber/invites", { address_id: own.data[0].id });
await step("embed", "POST", "fabric/embeds/tokens", { token: click.token });
await step("revoke", "POST", "satmint/tokens/revoke", { token: pair.token });
await refresh("revoked", pair);
await step("rooms", "GET", "fabric/resources?type=video_room&display_name=Gleich");
const byName = "fabric/addresses?display_name=Gleich&sort_by=name&page_size=1";
const page = await step("page 0", "GET", byName);
await step("page 1", "GET", `fabric/addresses${new URL(page.links.next).search}`);
await step("addresses", "GET", "fabric/addresses?type=room&name=same_room");
await step("update", "PUT", `${rooms}/${room.id}`, { description: "Süd" });
await step("resource", "GET", `fabric/resources/${room.id}`);
await step("no such layout", "PUT", `${rooms}/${room.id}`, { layout: "6up", quality: "4k" });
await step("room deleted", "DELETE", `${rooms}/${room.id}`);
await refresh("guest of it", guest);
await step("no room", "GET", `${rooms}/${room.id}`);
await step("subscriber deleted", "DELETE", `fabric/resources/${subscriber.id}`);
await step("click-to-call deleted", "DELETE", `satmint/c2c-tokens/${click.id}`);
await step("nothing left", "GET", "fabric/resources?display_name=Gleich");
console.log(JSON.stringify(steps));
