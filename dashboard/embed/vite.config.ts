// The element as one file for other sites, whose name stays (so it is not among the hashed assets), and the page of examples.
import { resolve } from "node:path";
import { defineConfig } from "vite";

export default defineConfig({
  root: resolve(import.meta.dirname, ".."),
  publicDir: false,
  build: {
    outDir: "dist/page",
    emptyOutDir: false,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      checks: { pluginTimings: false },
      input: { "grandstand-match": resolve(import.meta.dirname, "element.ts"), embed: resolve(import.meta.dirname, "index.html") },
      output: { entryFileNames: ({ name }) => (name === "grandstand-match" ? "[name].js" : "assets/[name]-[hash].js") },
    },
  },
});
