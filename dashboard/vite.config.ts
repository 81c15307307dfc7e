import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  build: {
    // Put into its place by scripts/place.mjs when it is whole.
    outDir: "dist/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    // Read by the gateway, which tells browsers what an address needs before they have read the page.
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
    // How long plugins take is of no interest to who builds the page, and differs with the machine.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: { proxy: { "/v1": { target: "http://localhost:8080", ws: true } } },
  // Node 20 has a WebSocket for those who ask for it.
  test: { execArgv: ["--experimental-websocket"], include: ["client/test/**/*.test.ts", "embed/**/*.test.ts", "src/**/*.test.{ts,tsx}"], environment: "node" },
});
