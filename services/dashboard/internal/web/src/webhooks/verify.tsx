import { useState } from "react";
import { CopyButton } from "../parts/copy-button";
import { Card } from "../parts/ui";

// Each is complete: it runs as it stands, with the secret in WEBHOOK_SECRET.
const snippets = {
  Go: `package main

import (
	"io"
	"log"
	"net/http"
	"os"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func main() {
	hook, err := webhooks.NewWebhook(os.Getenv("WEBHOOK_SECRET")) // whsec_…
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /hooks", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20)) // the raw bytes are what is signed
		if err != nil || hook.Verify(body, r.Header) != nil {
			http.Error(w, "not from Specter", http.StatusUnauthorized)
			return
		}
		// Drop what you have seen: r.Header.Get("webhook-id")
		log.Printf("%s", body)
		w.WriteHeader(http.StatusNoContent) // within 15 s; do long work afterwards
	})
	log.Fatal(http.ListenAndServe(":3000", nil))
}`,
  Node: `import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const key = Buffer.from(process.env.WEBHOOK_SECRET.replace("whsec_", ""), "base64");

function verify(headers, body) {
  const id = headers["webhook-id"];
  const sent = headers["webhook-timestamp"];
  if (!id || !(Math.abs(Date.now() / 1000 - Number(sent)) < 300)) return false;
  const want = createHmac("sha256", key).update(\`\${id}.\${sent}.\`).update(body).digest();
  // While a secret is being rotated there are two signatures: one must match.
  return String(headers["webhook-signature"]).split(" ").some((signature) => {
    const [version, text = ""] = signature.split(",");
    const got = Buffer.from(text, "base64");
    return version === "v1" && got.length === want.length && timingSafeEqual(got, want);
  });
}

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks); // the raw bytes are what is signed
  if (!verify(request.headers, body)) return response.writeHead(401).end();
  // Drop what you have seen: request.headers["webhook-id"]
  console.log(body.toString());
  response.writeHead(204).end(); // within 15 s; do long work afterwards
}).listen(3000);`,
  Python: `import base64, hashlib, hmac, os, time
from http.server import BaseHTTPRequestHandler, HTTPServer

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))


def verify(headers, body: bytes) -> bool:
    msg_id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not msg_id or not sent.isdigit() or abs(time.time() - int(sent)) > 300:
        return False
    mac = hmac.new(KEY, f"{msg_id}.{sent}.".encode() + body, hashlib.sha256).digest()
    want = "v1," + base64.b64encode(mac).decode()
    # While a secret is being rotated there are two signatures: one must match.
    return any(hmac.compare_digest(got, want) for got in headers.get("webhook-signature", "").split())


class Hooks(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))  # the raw bytes are what is signed
        ok = verify(self.headers, body)
        self.send_response(204 if ok else 401)  # within 15 s; do long work afterwards
        self.end_headers()
        if ok:
            print(self.headers["webhook-id"], body.decode())  # drop ids that you have seen


HTTPServer(("", 3000), Hooks).serve_forever()`,
} as const;

type Language = keyof typeof snippets;
const languages = Object.keys(snippets) as Language[];

/** How a receiver finds out that a request is Specter's. */
export function VerifyCard() {
  const [language, setLanguage] = useState<Language>("Go");
  return (
    <Card label="Verify requests">
      <h2 className="mb-1 font-semibold">Verify requests</h2>
      <p className="mb-3 text-sm text-soft">
        Requests are signed as Standard Webhooks: HMAC-SHA256 over webhook-id, webhook-timestamp and the raw body. The same event always carries the same webhook-id.
      </p>
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <div role="group" aria-label="Language" className="flex gap-1">
          {languages.map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={language === name}
              onClick={() => setLanguage(name)}
              className={`cursor-pointer rounded-lg border px-3 py-1 text-sm ${language === name ? "border-accent text-accent" : "border-line text-soft hover:text-ink"}`}
            >
              {name}
            </button>
          ))}
        </div>
        <CopyButton key={language} text={snippets[language]} />
      </div>
      <pre tabIndex={0} aria-label={`A receiver in ${language}`} className="max-h-96 overflow-auto rounded-lg border border-line bg-ground p-3 text-xs">
        {snippets[language]}
      </pre>
      <p className="mt-2 text-xs text-soft">
        On your own machine: <code>specter webhooks listen --forward-to http://localhost:3000/hooks</code>
      </p>
    </Card>
  );
}
