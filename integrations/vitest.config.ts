import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: { alias: { "@ableton-extensions/sdk": here("ableton/test/sdk.ts") } },
  test: { include: ["*/test/*.test.ts"], testTimeout: 60_000 },
});
