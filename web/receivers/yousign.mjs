import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = process.env.WEBHOOK_SECRET;
const port = Number(process.env.PORT ?? 3000);
const signatures = ["x-yousign-signature-256", "x-hookrouter-signature-next", "x-hookrouter-signature-previous"];
if (!secret) {
  console.error("set WEBHOOK_SECRET");
  process.exit(1);
}

function verify(body, headers) {
  const want = Buffer.from("sha256=" + createHmac("sha256", secret).update(body).digest("hex"));
  return signatures.some((name) => {
    const given = Buffer.from(headers[name] ?? "");
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
  console.log("received", event.event_name);
  response.writeHead(200).end();
}).listen(port, "127.0.0.1");
