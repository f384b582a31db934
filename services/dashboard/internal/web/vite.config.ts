import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `npm run dev` talks to a running `specter up`; the build is embedded in the
// dashboard service, which serves it with a strict Content-Security-Policy —
// so nothing may be inlined.
export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: {
    alias: { "@contract": new URL("../../../../proto/gen/ts/dashboard.ts", import.meta.url).pathname },
  },
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, emptyOutDir: true, sourcemap: false },
  server: { proxy: { "/api": "http://127.0.0.1:8080", "/s.js": "http://127.0.0.1:8080" } },
});
