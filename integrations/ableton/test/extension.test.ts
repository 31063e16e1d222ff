/** The extension in a Live Set in memory, with a service that runs: RITORNELLO_SERVICE, or the default address. */

import { mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NoteDescription } from "@ableton-extensions/sdk";
import { beforeEach, describe, expect, test } from "vitest";
import { activate } from "../src/extension.js";
import * as sdk from "./sdk.js";

const SERVICE = process.env.RITORNELLO_SERVICE ?? "http://127.0.0.1:8766";

let live: ReturnType<typeof sdk.newLive>;
let clip: sdk.MidiClip;
let settings: Record<string, string>;

const melody = (quarters: number): NoteDescription[] =>
  Array.from({ length: quarters }, (_, n) => ({
    pitch: 60 + (n % 7),
    startTime: n,
    duration: 0.95,
    velocity: 70 + n,
    probability: 0.5,
  }));

/** Return what a page of the extension sends when the user enters `settings` and presses its button. */
function fill(html: string): string {
  if (!html.includes("<input")) return "{}";
  const fields = [...html.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]);
  return JSON.stringify({ ...Object.fromEntries(fields), ...settings });
}

const choose = (id: string, argument: unknown) =>
  (live.commands.get(id) as (argument: unknown) => Promise<void>)(argument);

const outside = (notes: NoteDescription[], from: number, to: number) =>
  notes.filter((note) => note.startTime < from || note.startTime >= to);

const lastPage = () => live.pages.at(-1) ?? "";

beforeEach(() => {
  live = sdk.newLive();
  live.storageDirectory = mkdtempSync(join(tmpdir(), "ritornello-"));
  live.fill = fill;
  settings = { server: SERVICE, model: "", seed: "7" };
  const track = live.add(new sdk.MidiTrack());
  track.name = "Lead";
  clip = live.add(new sdk.MidiClip(8, 24));
  clip.parent = track;
  track.arrangementClips.push(clip);
  clip.notes = melody(16);
  live.steps = 0;
  activate({ hostApiVersion: "1.0.0" });
});

test("the menus of MIDI clips and of time selections have the verbs", () => {
  expect(live.menu.map(({ scope, title }) => `${scope}: ${title}`)).toEqual([
    "MidiClip: Ritornello: Infill Bars...",
    "MidiClip: Ritornello: Vary...",
    "MidiClip: Ritornello: Accompany...",
    "MidiTrack.ArrangementSelection: Ritornello: Infill Time Selection...",
  ]);
});

describe("infill", () => {
  test("changes the bars that are asked for, in one step of undo", async () => {
    const before = clip.notes;
    settings.bars = "2-3";
    await choose("ritornello.infill", clip.handle);
    expect(live.pages).toHaveLength(1);
    expect(outside(clip.notes, 4, 12)).toEqual(outside(before, 4, 12));
    expect(clip.notes.length).toBeGreaterThan(8);
    expect(clip.notes).not.toEqual(before);
    expect(live.steps).toBe(1);
  });

  test("makes the same notes for the same seed", async () => {
    const made: NoteDescription[][] = [];
    for (const seed of ["7", "7", "8"]) {
      clip.notes = melody(16);
      settings = { ...settings, seed, bars: "2-3" };
      await choose("ritornello.infill", clip.handle);
      made.push(clip.notes);
    }
    expect(made[0]).toEqual(made[1]);
    expect(made[0]).not.toEqual(made[2]);
  });

  test("offers the bars that have selected notes", async () => {
    clip.notes = melody(16).map((note) => ({ ...note, selected: note.startTime >= 5 && note.startTime < 9 }));
    await choose("ritornello.infill", clip.handle);
    expect(live.pages[0]).toContain('name="bars" value="2-3"');
  });

  test("offers the bars of the time selection, in the clip", async () => {
    const selection = {
      time_selection_start: 12,
      time_selection_end: 16,
      selected_lanes: [clip.parent?.handle],
    };
    const before = clip.notes;
    await choose("ritornello.infillSelection", selection);
    expect(live.pages[0]).toContain('name="bars" value="2"');
    expect(outside(clip.notes, 4, 8)).toEqual(outside(before, 4, 8));
  });

  test("keeps muted notes and those that do not sound", async () => {
    clip.startMarker = 4;
    clip.loopStart = 4;
    const hidden = { pitch: 30, startTime: 1, duration: 1 };
    const muted = { pitch: 31, startTime: 9, duration: 1, muted: true };
    clip.notes = [...melody(16).slice(4), hidden, muted];
    settings.bars = "1-2";
    await choose("ritornello.infill", clip.handle);
    expect(clip.notes).toContainEqual(hidden);
    expect(clip.notes).toContainEqual(muted);
    expect(outside(clip.notes, 4, 12)).toEqual([...melody(16).slice(12), hidden]);
  });

  test("counts bars in the meter of the scene", async () => {
    const slot = (clip.parent as sdk.MidiTrack).clipSlots[1] as sdk.ClipSlot;
    const session = live.add(new sdk.MidiClip(0, 12));
    session.parent = slot;
    slot.clip = session;
    session.notes = melody(12);
    const scene = live.application.song.scenes[1] as sdk.Scene;
    scene.signatureNumerator = 3;
    scene.signatureDenominator = 4;
    settings.bars = "4";
    await choose("ritornello.infill", session.handle);
    expect(live.pages).toHaveLength(1);
    expect(live.pages[0]).toContain('name="meter" value="3/4"');
    expect(outside(session.notes, 9, 12)).toEqual(melody(9));
  });
});

test("vary changes a share of the bars", async () => {
  settings.share = "0,5";
  await choose("ritornello.vary", clip.handle);
  const bar = (notes: NoteDescription[], n: number) =>
    JSON.stringify(notes.filter(({ startTime }) => startTime >= 4 * n && startTime < 4 * n + 4));
  const same = [0, 1, 2, 3].filter((n) => bar(clip.notes, n) === bar(melody(16), n));
  expect(same).toHaveLength(2);
  expect(live.steps).toBe(1);
});

describe("accompany", () => {
  test("adds tracks at the same time and leaves the clip", async () => {
    await choose("ritornello.accompany", clip.handle);
    expect(clip.notes).toEqual(melody(16));
    const added = live.application.song.tracks;
    expect(added.length).toBeGreaterThan(0);
    for (const track of added) {
      const made = track.arrangementClips[0] as sdk.MidiClip;
      expect(track.name).not.toBe("");
      expect([made.startTime, made.endTime]).toEqual([8, 24]);
      expect(made.notes.length).toBeGreaterThan(0);
    }
    expect(live.steps).toBe(3);
  });

  test("adds clips in the scene of a session clip", async () => {
    const slot = (clip.parent as sdk.MidiTrack).clipSlots[1] as sdk.ClipSlot;
    const session = live.add(new sdk.MidiClip(0, 16));
    session.parent = slot;
    slot.clip = session;
    session.notes = melody(16);
    await choose("ritornello.accompany", session.handle);
    for (const track of live.application.song.tracks) {
      expect(track.clipSlots.map((each) => each.clip !== null)).toEqual([false, true]);
    }
  });
});

describe("what is wrong is said in one line, and nothing changes", () => {
  test.each([
    ["infill", { bars: "5" }, "The clip has no bar 5: it has 4."],
    ["infill", { bars: "x" }, "&#34;x&#34; are no bars: write for instance 2-3 or 2,5-6."],
    ["infill", { meter: "3/5" }, "&#34;3/5&#34; is no meter: write for instance 3/4."],
    ["infill", { seed: "1.5" }, "The seed cannot be &#34;1.5&#34;."],
    ["infill", { program: "0" }, "The General MIDI program cannot be &#34;0&#34;."],
    ["vary", { share: "" }, "The share of bars cannot be &#34;&#34;."],
    [
      "vary",
      { meter: "3/4" },
      "The clip begins or ends inside bar 6. Let it begin and end at bar lines, or choose other bars.",
    ],
    [
      "vary",
      { server: "http://127.0.0.1:9" },
      "Ritornello does not answer at http://127.0.0.1:9. Start it in a terminal with: ritornello serve",
    ],
    ["accompany", { model: "sngs" }, "sngs"],
    ["accompany", { instruments: "kazooo" }, "kazooo"],
  ])("%s %j", async (verb, wrong, message) => {
    Object.assign(settings, wrong);
    await choose(`ritornello.${verb}`, clip.handle);
    expect(lastPage()).toContain(message);
    expect(lastPage()).not.toContain("<input");
    expect(clip.notes).toEqual(melody(16));
    expect(live.steps).toBe(0);
  });

  test("an empty clip", async () => {
    clip.notes = [];
    await choose("ritornello.vary", clip.handle);
    expect(lastPage()).toContain("The clip has no notes that sound.");
  });

  test("a time selection without a MIDI clip", async () => {
    const selection = {
      time_selection_start: 0,
      time_selection_end: 4,
      selected_lanes: [clip.parent?.handle],
    };
    await choose("ritornello.infillSelection", selection);
    expect(lastPage()).toContain("There is no MIDI clip in the time selection.");
  });

  test("something else that answers at the address", async () => {
    const other = createServer((_, response) => response.end("<html>")).listen(0);
    settings.server = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    await choose("ritornello.vary", clip.handle);
    other.close();
    expect(lastPage()).toContain("is not Ritornello.");
  });
});

test("Cancel changes nothing, in the form and while it composes", async () => {
  live.fill = () => "";
  await choose("ritornello.vary", clip.handle);
  live.fill = fill;
  live.abort.abort();
  await choose("ritornello.vary", clip.handle);
  expect(live.pages).toHaveLength(2);
  expect(live.steps).toBe(0);
});

test("settings are kept, but not those of a clip", async () => {
  Object.assign(settings, { share: "0.5", program: "34", meter: "2/4" });
  await choose("ritornello.vary", clip.handle);
  await choose("ritornello.vary", clip.handle);
  expect(lastPage()).toContain('name="program" value="34"');
  expect(lastPage()).toContain('name="share" value="0.5"');
  expect(lastPage()).toContain('name="meter" value="4/4"');
  expect(lastPage()).toContain('name="seed" value=""');
});

test("a pitched track is no drum kit, a drum rack is", async () => {
  const bodies: string[] = [];
  const listener = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      bodies.push(body);
      response.end("{}");
    });
  }).listen(0);
  settings.server = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`;
  await choose("ritornello.vary", clip.handle);
  (clip.parent as sdk.MidiTrack).devices = [new sdk.DrumRack()];
  await choose("ritornello.vary", clip.handle);
  listener.close();
  expect(bodies.map((body) => JSON.parse(body).music.tracks[0].drums)).toEqual([false, true]);
  const { music } = JSON.parse(bodies[0] ?? "");
  expect(music.tracks[0].notes[1]).toEqual({ start: 960, duration: 912, pitch: 61, velocity: 71 });
  expect(music.meters).toEqual([{ tick: 0, numerator: 4, denominator: 4 }]);
});
