// What npm would publish, tried as its users would: packed, unpacked into another project, imported
// both ways, and type-checked.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";

const root = resolve(import.meta.dirname, "../..");
const entries = ["index", "node", "react", "vue"];
let project;

const run = (command, args, cwd = project) => {
  try {
    return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")}\n${error.stdout}\n${error.stderr}`);
  }
};

before(() => {
  project = mkdtempSync(join(tmpdir(), "specter-package-"));
  run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", project], root);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const target = join(project, "node_modules/@draftlabs/specter");
  mkdirSync(target, { recursive: true });
  run("tar", ["-xzf", `draftlabs-specter-${version}.tgz`, "--strip-components=1", "-C", target]);
  for (const name of ["react", "react-dom", "vue", "@vue", "@types", "csstype", "scheduler", "undici-types"]) {
    symlinkSync(join(root, "node_modules", name), join(project, "node_modules", name));
  }
});
after(() => rmSync(project, { recursive: true, force: true }));

test("the package holds what it should and nothing else", () => {
  const [{ files, unpackedSize }] = JSON.parse(run("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], root));
  const wanted = ["LICENSE", "README.md", "package.json", "dist/specter.iife.js"];
  for (const entry of entries) wanted.push(`dist/${entry}.js`, `dist/${entry}.cjs`);
  for (const name of [...entries, "deployments", "types", "webhook"]) wanted.push(`dist/${name}.d.ts`, `dist/${name}.d.cts`);
  assert.deepEqual(files.map(({ path }) => path).sort(), wanted.sort());
  assert.ok(unpackedSize < 120_000, String(unpackedSize));
});

test("it depends on nothing", () => {
  const { dependencies = {}, exports, sideEffects } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.deepEqual(dependencies, {});
  assert.deepEqual(sideEffects, ["./dist/specter.iife.js"]);
  for (const entry of Object.values(exports).filter((entry) => typeof entry == "object")) {
    assert.deepEqual(Object.keys(entry), ["import", "require"]);
    assert.deepEqual([Object.keys(entry.import), Object.keys(entry.require)], [["types", "default"], ["types", "default"]]);
  }
});

const body = `
  for (const client of [browser.init({ apiKey: "spk_x" })]) {
    client.track("a"); client.identify(1); client.page(); client.captureError(new Error("x")); client.optOut(); client.reset();
    await client.flush(); await client.shutdown();
  }
  assert(typeof node.init == "function" && typeof node.verifyWebhook == "function" && typeof node.deployments == "function" && typeof node.reportDeploy == "function");
  const html = renderToString(createElement(react.SpecterProvider, { options: { apiKey: "spk_x" } }, createElement(function Page() {
    react.useTrack()("rendered"); react.useSpecter().track("rendered");
    return "page";
  })));
  assert(html == "page", html);
  const app = createSSRApp({ setup() { vue.useTrack()("rendered"); return () => "page"; } }).use(vue.createSpecter({ apiKey: "spk_x" }));
  assert(await renderVue(app) == "page");
`;

test("it is imported as ESM and renders where there is no page", () => {
  writeFileSync(join(project, "esm.mjs"), `
    import assert from "node:assert/strict";
    import { createElement } from "react"; import { renderToString } from "react-dom/server";
    import { createSSRApp } from "vue"; import { renderToString as renderVue } from "vue/server-renderer";
    import * as browser from "@draftlabs/specter"; import * as node from "@draftlabs/specter/node";
    import * as react from "@draftlabs/specter/react"; import * as vue from "@draftlabs/specter/vue";
    ${body}`);
  run(process.execPath, ["esm.mjs"]);
});

test("it is required as CommonJS", () => {
  writeFileSync(join(project, "cjs.cjs"), `
    const assert = require("node:assert/strict");
    const { createElement } = require("react"); const { renderToString } = require("react-dom/server");
    const { createSSRApp } = require("vue"); const { renderToString: renderVue } = require("vue/server-renderer");
    const browser = require("@draftlabs/specter"), node = require("@draftlabs/specter/node");
    const react = require("@draftlabs/specter/react"), vue = require("@draftlabs/specter/vue");
    (async () => { ${body} })().catch((error) => { console.error(error); process.exit(1); });`);
  run(process.execPath, ["cjs.cjs"]);
});

test("its types fit both kinds of modules, and refuse what is wrong", () => {
  const use = `
    const options: Options = { apiKey: "spk_x", host: "https://h", contextId: "c", autoTrack: { deadClicks: true }, consent: "pending", respectPrivacySignals: true,
      batchSize: 1, flushIntervalMs: 1, maxQueue: 1, sampleRate: 0.5, sanitizeUrl: (url) => url, beforeSend: (signal) => (signal.payload.x ? null : signal),
      captureOnLocalhost: true, onError: (error) => error.message, debug: true, persistQueue: false, ingestPath: "/collect" };
    const client: Specter = init(options);
    client.track("a", { b: 1 }, { contextId: "c", id: "i", timestamp: new Date() });
    const flushed: Promise<void> = client.flush();
    window.specter?.track?.("a");
    // @ts-expect-error a key is needed
    init({});
    // @ts-expect-error a type is a string
    client.track(1);
    // @ts-expect-error there are three
    client.setConsent("maybe");
    const provider = SpecterProvider({ options, children: null });
    // @ts-expect-error a client or options
    SpecterProvider({});
    const boundary = new SpecterErrorBoundary({ fallback: (error, retry) => (retry(), String(error)) });
    const plugin = createSpecter(options);
    const server = serve({ apiKey: "spk_x", host: "https://h" });
    const clean: Promise<boolean> = server.shutdown(100);
    // @ts-expect-error a server has no origin to fall back to
    serve({ apiKey: "spk_x" });
    const event = verifyWebhook<{ type: string }>({ body: "", headers: {}, secret: "whsec_" }).type.length;
    export { flushed, provider, boundary, plugin, clean, event };`;
  const imports = `
    import { init, type Options, type Specter } from "@draftlabs/specter";
    import { init as serve, verifyWebhook } from "@draftlabs/specter/node";
    import { SpecterErrorBoundary, SpecterProvider } from "@draftlabs/specter/react";
    import { createSpecter } from "@draftlabs/specter/vue";`;
  for (const name of ["esm.mts", "cjs.cts"]) writeFileSync(join(project, name), imports + use);
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const common = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--lib", "es2022,dom", "--types", "node"];
  run(process.execPath, [tsc, ...common, "--module", "node16", "esm.mts", "cjs.cts"]);
  run(process.execPath, [tsc, ...common, "--module", "esnext", "--moduleResolution", "bundler", "esm.mts"]);
});

test("the plain script defines Specter", () => {
  const script = readFileSync(join(project, "node_modules/@draftlabs/specter/dist/specter.iife.js"), "utf8");
  const { init } = new Function(script + "; return Specter;")();
  init({ apiKey: "spk_x" }).track("a");
});
