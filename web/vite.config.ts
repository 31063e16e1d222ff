/** Builds the page into the Python package, with the licences of what is bundled beside it. */

import { readFileSync } from "node:fs";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const BUNDLED = ["idb", "spessasynth_lib", "spessasynth_core", "stb-vorbis"];

function read(path: string): string {
  return readFileSync(new URL(`node_modules/${path}`, import.meta.url), "utf-8");
}

function notice(name: string): string {
  const { version, license } = JSON.parse(read(`${name}/package.json`));
  return `${name} ${version} (${license})\n\n${read(`${name}/LICENSE`)}\n`;
}

const licences: Plugin = {
  name: "licences",
  generateBundle() {
    const rule = `\n${"-".repeat(80)}\n\n`;
    this.emitFile({ type: "asset", fileName: "licences.txt", source: BUNDLED.map(notice).join(rule) });
  },
};

// The server of `ritornello jam --port 8765`, while the page is being worked on.
const server = "http://127.0.0.1:8765";

export default defineConfig({
  base: "./",
  plugins: [licences],
  worker: { format: "es" },
  build: {
    outDir: "../src/ritornello/live/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the synthesiser's worklet has to be a file of its own
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
  },
  test: { css: true },
  server: {
    host: "127.0.0.1",
    proxy: {
      "/live": { target: server, ws: true },
      "/session": server,
      "/soundfont.sf3": server,
    },
  },
});
