// Usage: node fetch.mjs URL CA_FILE PROJECT API_TOKEN, with NODE_EXTRA_CA_CERTS set to CA_FILE.
const [url, , project, apiToken] = process.argv.slice(2);
const headers = {
  authorization: `Basic ${btoa(`${project}:${apiToken}`)}`,
  "content-type": "application/json",
};
const answers = [];

async function post(step, path, body, options = {}) {
  const where = `${url}/api/fabric/subscribers/tokens${path}`;
  const response = await fetch(where, { method: "POST", headers, body, ...options });
  const answer = await response.json();
  answers.push({ step, status: response.status, body: answer });
  return answer.refresh_token;
}

let token = await post("issue", "", JSON.stringify({ reference: "node@example.com" }));
for (let round = 0; round < 3; round++) {
  token = await post("refresh", "/refresh", JSON.stringify({ refresh_token: token }));
}
const stream = new Blob([JSON.stringify({ refresh_token: token })]).stream();
await post("stream", "/refresh", stream, { duplex: "half" });
console.log(JSON.stringify(answers));
