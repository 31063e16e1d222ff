import { beforeEach, expect, test } from "vitest";
import type { Config } from "../src/messages";
import { readSettings, recallConfig, remember } from "../src/settings";

const OFFERED = { tempo: 100, meter: "4/4", temperature: 0.9 } as unknown as Config;

beforeEach(() => remember({ config: {}, base: {} }));

test("what was chosen is chosen again", () => {
  recallConfig(OFFERED);
  remember({ config: { tempo: 80, meter: "3/4" } });
  expect(recallConfig(OFFERED)).toEqual({ tempo: 80, meter: "3/4" });
});

test("what the command line asks for counts more", () => {
  recallConfig(OFFERED);
  remember({ config: { tempo: 80, temperature: 0.5 } });
  expect(recallConfig({ ...OFFERED, tempo: 140 })).toEqual({ temperature: 0.5 });
});

test("what the server does not know any more is forgotten", () => {
  recallConfig(OFFERED);
  remember({ config: { tempo: 80, gone: "C3" } });
  expect(recallConfig(OFFERED)).toEqual({ tempo: 80 });
});

test.each([
  ['{"mutedInputs": 5, "octave": 3}', { octave: 3 }, ["mutedInputs"]],
  ['{"volumes": null}', {}, ["volumes"]],
  ['{"volumes": {"player": 1, "model": 1, "metronome": "loud"}}', {}, ["volumes"]],
  ['{"config": null, "base": [], "model": 1}', {}, ["config", "base", "model"]],
  ['{"octave": 4.5}', {}, ["octave"]],
  ['{"octave": 99, "language": {}}', {}, ["octave", "language"]],
  ['{"unknown": 1, "toString": 2}', {}, []],
  ["[1]", {}, ["ritornello"]],
  ["{", {}, ["ritornello"]],
])("of stored settings, what makes no sense is left out: %s", (text, kept, dropped) => {
  expect(readSettings(text)).toEqual({ kept, dropped });
});
