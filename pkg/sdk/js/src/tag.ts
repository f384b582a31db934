import { connect, type Settings } from "./client.js";

// The script tag: its attributes are the client's settings.
try {
  const script = (document.currentScript || document.querySelector("script[data-api-key]")) as HTMLScriptElement;
  const settings: Record<string, unknown> = { host: new URL(script.src).origin };
  for (const name in script.dataset) {
    const value = script.dataset[name];
    settings[name] = value != "false" && (value || true);
  }
  if (!settings.apiKey) throw "no data-api-key";
  connect(settings as unknown as Settings, "script");
} catch (error) {
  // Nothing of ours may break the page it runs in.
  console.log("specter:", error);
}
