import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const key = Buffer.from((process.env.WEBHOOK_SECRET ?? "").replace(/^whsec_/, ""), "base64");
const port = Number(process.env.PORT ?? 3000);
if (key.length === 0) {
  console.error("set WEBHOOK_SECRET");
  process.exit(1);
}

function verify(body, headers) {
  const id = headers["webhook-id"], timestamp = headers["webhook-timestamp"];
  if (!id || !(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) return false; // five minutes
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  const want = Buffer.from("v1," + createHmac("sha256", key).update(signed).digest("base64"));
  return (headers["webhook-signature"] ?? "").split(" ").some((text) => {
    const given = Buffer.from(text);
    return given.length === want.length && timingSafeEqual(given, want);
  });
}

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks); // the bytes as they came, before anything decodes them
  if (!verify(body, request.headers)) {
    response.writeHead(401).end("signature refused");
    return;
  }
  const event = JSON.parse(body);
  // Put the event away under event.event_id unless it is there already, and work on it later.
  console.log("received", event.type);
  response.writeHead(200).end();
}).listen(port, "127.0.0.1");
