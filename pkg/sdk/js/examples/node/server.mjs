// A shop's server that tells Specter of every order. It listens on $PORT (3000 without it).
import { createServer } from "node:http";
import { init, verifyWebhook, WebhookError } from "@draftlabs/specter/node";

const specter = init({
  apiKey: process.env.SPECTER_INGEST_KEY ?? "spk_your_key",
  host: process.env.SPECTER_URL ?? "https://specter.example.com",
  release: "1.4.0",
  onError: (error) => console.error("specter:", error.message),
});

const secret = process.env.SPECTER_WEBHOOK_SECRET;
if (!secret) throw new Error("set SPECTER_WEBHOOK_SECRET to the endpoint's secret, whsec_…");

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const server = createServer(async (request, response) => {
  if (request.method === "POST" && request.url === "/orders") {
    specter.track("order_paid", { total: 49 }, { userId: 7, sessionId: request.headers["x-session"] });
    response.writeHead(201).end();
  } else if (request.method === "POST" && request.url === "/webhooks/specter") {
    try {
      const event = verifyWebhook({ body: await read(request), headers: request.headers, secret });
      console.log("webhook", event.type);
      response.writeHead(204).end();
    } catch (error) {
      response.writeHead(error instanceof WebhookError ? 400 : 500).end();
    }
  } else {
    response.writeHead(404).end();
  }
});
server.listen(process.env.PORT ?? 3000, "127.0.0.1", () => console.log("listening on", server.address().port));

// What waits is sent before the process ends.
for (const name of ["SIGINT", "SIGTERM"]) {
  process.once(name, () => {
    server.close();
    specter.shutdown().then((clean) => process.exit(clean ? 0 : 1));
  });
}
