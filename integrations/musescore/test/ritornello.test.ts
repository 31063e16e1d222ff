/** The plug-in's module on a score in memory, with a service that runs: RITORNELLO_SERVICE, or the default address. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Piece, Track } from "../../ableton/src/service.js";
import * as ritornello from "../ritornello.mjs";
import { CHORD, DIVISION, Score } from "./score.js";

const SERVICE = process.env.RITORNELLO_SERVICE ?? "http://127.0.0.1:8766";
const Q = DIVISION;

/** What QML has of XMLHttpRequest, over fetch. */
class Request {
  onreadystatechange = () => {};
  readyState = 0;
  status = 0;
  responseText = "";
  #init: RequestInit = {};
  #url = "";
  open(method: string, url: string): void {
    this.#init.method = method;
    this.#url = url;
  }
  setRequestHeader(name: string, value: string): void {
    this.#init.headers = { ...this.#init.headers, [name]: value };
  }
  send(body?: string): void {
    if (body !== undefined) this.#init.body = body;
    fetch(this.#url, this.#init)
      .then(async (response) => {
        this.responseText = await response.text();
        this.status = response.status;
      })
      .catch(() => {})
      .then(() => {
        this.readyState = 4;
        this.onreadystatechange();
      });
  }
}

type Settings = Record<string, string>;

function duet(): Score {
  const score = new Score(Array.from({ length: 4 }, () => ({ numerator: 4, denominator: 4 })));
  score.add("Flute", [Array.from({ length: 16 }, (_, n) => [Q, [72 + (n % 5)]])], { program: 73 });
  score.add("Cello", [Array.from({ length: 4 }, (_, n) => [4 * Q, [48 + n]])], { program: 42 });
  return score;
}

const request = (score: Score, verb: string, settings: Settings = {}) =>
  ritornello.requestOf(score, verb, { bars: "4", ...settings }, DIVISION, CHORD);

function compose(
  score: Score,
  verb: string,
  settings: Settings = {},
  server = SERVICE,
): Promise<[string, Piece]> {
  return new Promise((done, failed) =>
    ritornello.compose(
      Request,
      server,
      request(score, verb, { seed: "7", ...settings }),
      (xml: string, piece: Piece) => done([xml, piece]),
      (message: string) => failed(new Error(message)),
    ),
  );
}

test("a part is a track at sounding pitch, with its voices and staves together", () => {
  const score = new Score([{ numerator: 4, denominator: 4 }]);
  const right: [number, number[]][] = [
    [Q, [60, 64]],
    [Q, []],
    [2 * Q, [67]],
  ];
  score.add("Piano", [right, [[4 * Q, [72]]], [], [], [[4 * Q, [36]]]]);
  score.add("Drums", [[[4 * Q, [38]]]], { program: 5, drums: true });
  const { music } = request(score, "harmonise").request;
  expect(music.tracks).toEqual([
    {
      name: "Piano",
      program: 0,
      drums: false,
      notes: [
        { start: 0, duration: 4 * Q, pitch: 36 },
        { start: 0, duration: Q, pitch: 60 },
        { start: 0, duration: Q, pitch: 64 },
        { start: 0, duration: 4 * Q, pitch: 72 },
        { start: 2 * Q, duration: 2 * Q, pitch: 67 },
      ],
    },
    { name: "Drums", program: 0, drums: true, notes: [{ start: 0, duration: 4 * Q, pitch: 38 }] },
  ]);
  expect(music.title).toBe("Étude");
  expect(music.ticks_per_quarter).toBe(480);
});

test("tied notes are one, triplets keep their lengths", () => {
  const score = new Score([
    { numerator: 4, denominator: 4 },
    { numerator: 4, denominator: 4 },
  ]);
  score.add("Flute", [
    [
      [3 * Q, []],
      [160, [60]],
      [160, [62]],
      [160, [64]],
      [Q, [64, 60], true],
      [3 * Q, [64], true],
    ],
  ]);
  expect(request(score, "harmonise").request.music.tracks[0].notes).toEqual([
    { start: 3 * Q, duration: 160, pitch: 60 },
    { start: 3 * Q + 160, duration: 160, pitch: 62 },
    { start: 3 * Q + 320, duration: 160 + 4 * Q, pitch: 64 },
    { start: 4 * Q, duration: Q, pitch: 60 },
  ]);
});

test("meters, tempos and keys are where they change; a pickup has its own length", () => {
  const score = new Score([
    { numerator: 3, denominator: 4, length: Q, fifths: -1 },
    { numerator: 3, denominator: 4, fifths: -1 },
    { numerator: 6, denominator: 8, tempo: 1.5, fifths: 2 },
    { numerator: 6, denominator: 8, tempo: 1.5, fifths: 2 },
  ]);
  score.add("Clarinet", [[[Q, [60]]]], { transposition: 2 });
  score.add("Flute", [
    [
      [Q, [60]],
      [3 * Q, [62]],
      [3 * Q, [64]],
      [3 * Q, [65]],
    ],
  ]);
  const { music } = request(score, "harmonise").request;
  expect(music.meters).toEqual([
    { tick: 0, numerator: 3, denominator: 4, length: Q },
    { tick: Q, numerator: 3, denominator: 4 },
    { tick: 4 * Q, numerator: 6, denominator: 8 },
  ]);
  expect(music.tempos).toEqual([
    { tick: 0, bpm: 120 },
    { tick: 4 * Q, bpm: 90 },
  ]);
  expect(music.keys).toEqual([
    { tick: 0, fifths: -1 },
    { tick: 4 * Q, fifths: 2 },
  ]);
  score.parts.pop();
  expect(request(score, "harmonise").request.music.keys).toEqual([]); // the key of a clarinet is not that of the piece
});

test("harmonise sends what is selected, infill the whole score", () => {
  const score = duet();
  score.select(4 * Q, 12 * Q, 1, 2);
  const harmonise = request(score, "harmonise", { instruments: "violin, viola" });
  expect(harmonise.verb).toBe("accompany");
  expect(harmonise.request.instruments).toEqual(["violin", "viola"]);
  expect(harmonise.request.music.tracks).toEqual([
    {
      name: "Cello",
      program: 42,
      drums: false,
      notes: [
        { start: 0, duration: 4 * Q, pitch: 49 },
        { start: 4 * Q, duration: 4 * Q, pitch: 50 },
      ],
    },
  ]);
  const infill = request(score, "infill", { model: "songs", seed: "3" });
  expect(infill.request).toMatchObject({ infill: "2-3", model: "songs", seed: 3 });
  expect(infill.request.music.tracks).toHaveLength(2);
  const going = request(score, "continue", { bars: "6" });
  expect(going.verb).toBe("compose");
  expect(going.request.bars).toBe(8);
  expect(going.request.primer.tracks).toHaveLength(1);
});

test("what a verb works on is said in words", () => {
  const score = duet();
  expect(ritornello.describe(score, "harmonise")).toBe("The whole score");
  expect(ritornello.describe(score, "infill")).toBe("Select the bars to compose anew.");
  score.select(12 * Q, null, 0, 2);
  expect(ritornello.describe(score, "infill")).toBe("Bar 4, all parts");
  score.select(5 * Q, 12 * Q, 0, 1);
  expect(ritornello.describe(score, "continue")).toBe(
    "Bars 2 to 3, the selected staves (the selection begins or ends inside a bar)",
  );
});

test("the answer is MusicXML; infill keeps the other bars", async () => {
  const score = duet();
  score.select(4 * Q, 12 * Q, 0, 2);
  const [xml, piece] = await compose(score, "infill");
  expect(xml).toContain("<score-partwise");
  expect(xml).toContain("Étude");
  const kept = (piece.tracks[0] as Track).notes.filter(
    ({ start }: { start: number }) => start < 4 * Q || start >= 12 * Q,
  );
  expect(kept.map(({ pitch }) => pitch)).toEqual([72, 73, 74, 75, 74, 75, 76, 72]);
});

test("harmonise adds parts, continue adds bars", async () => {
  const score = duet();
  const [, harmonised] = await compose(score, "harmonise");
  expect(harmonised.tracks.length).toBeGreaterThan(2);
  const [, continued] = await compose(score, "continue");
  const starts = continued.tracks.flatMap((track) => track.notes.map((note) => note.start));
  expect(Math.max(...starts)).toBeGreaterThanOrEqual(16 * continued.ticks_per_quarter);
});

test("what is wrong is said in one line", async () => {
  const score = duet();
  expect(() => request(score, "infill")).toThrow(
    "Select the bars to compose anew: click one, shift-click another.",
  );
  expect(() => request(score, "continue", { bars: "x" })).toThrow(
    'The number of bars "x" is not a whole number.',
  );
  expect(() => request(score, "harmonise", { seed: "-1" })).toThrow('The seed "-1" is not a whole number.');
  expect(() => request(new Score([{ numerator: 4, denominator: 4 }]), "harmonise")).toThrow(
    "There are no notes in these bars.",
  );
  await expect(compose(score, "harmonise", { model: "sngs" })).rejects.toThrow("sngs");
  await expect(compose(score, "harmonise", {}, "http://127.0.0.1:9/")).rejects.toThrow(
    "Ritornello does not answer at http://127.0.0.1:9. Start it in a terminal with: ritornello serve",
  );
});

test("the module uses nothing that the JavaScript of QML, ECMAScript 2016, has not", () => {
  const source = readFileSync(new URL("../ritornello.mjs", import.meta.url), "utf8");
  const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
  expect(code).not.toMatch(/\?\?|\?\.|\basync\b|\bawait\b|\{\s*\.\.\.|,\s*\.\.\.[a-z]+\s*\}|catch \{/);
});

test("the window calls functions that the module has, and its code can be parsed", () => {
  const window = readFileSync(new URL("../ritornello.qml", import.meta.url), "utf8");
  const called = [...window.matchAll(/Ritornello\.(\w+)/g)].map(([, name]) => name as string);
  expect(called.length).toBeGreaterThan(3);
  for (const name of called) expect(ritornello).toHaveProperty(name);
  const functions = [...window.matchAll(/^ {4}(function [\s\S]*?^ {4}\})/gm)].map(
    ([, code]) => code as string,
  );
  expect(functions.length).toBeGreaterThan(3);
  for (const code of functions) expect(() => new Function(code)).not.toThrow();
});
