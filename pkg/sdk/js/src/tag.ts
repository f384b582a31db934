import { connect, type Settings } from "./client.js";

// The script tag: its attributes are the client's settings.
try {
  const script = (document.currentScript || document.querySelector("script[data-api-key]")) as HTMLScriptElement;
  const settings: Record<string, unknown> = { host: new URL(script.src).origin };
  for (const name in script.dataset) {
    settings[name] = script.dataset[name] != "false" && (script.dataset[name] || true);
  }
  if (!settings.apiKey) throw "no data-api-key";
  connect(settings as unknown as Settings);
} catch (error) {
  // Nothing of ours may break the page it runs in.
  console.log("specter:", error);
}
