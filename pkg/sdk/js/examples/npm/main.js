import { init } from "@draftlabs/specter";

const specter = init({
  apiKey: "spk_your_key",
  host: "https://specter.example.com",
  release: "1.4.0",
  // The last word on every signal: change it, or drop it.
  beforeSend: (signal) => (signal.payload.path === "/internal" ? null : signal),
});

specter.track("example_opened", { kind: "npm" });
document.querySelector("#buy").addEventListener("click", () => specter.track("cta_click", { plan: "pro" }));
