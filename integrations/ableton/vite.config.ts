import { defineConfig } from "vite";

/** Live runs one CommonJS file in its own Node 22. */
export default defineConfig({
  build: {
    outDir: "dist",
    target: "node22",
    minify: false,
    lib: { entry: "src/extension.ts", formats: ["cjs"], fileName: () => "extension.cjs" },
    rollupOptions: { external: [/^node:/] },
  },
});
