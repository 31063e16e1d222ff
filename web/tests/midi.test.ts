/** The MIDI file that the page makes of a record has what Python's has (`tests/live/test_stored.py` writes both). */

import { BasicMIDI } from "spessasynth_core";
import { expect, test } from "vitest";
import type { Stored } from "../src/journal";
import { midiOf } from "../src/midi";
import made from "./records.json";

type Events = (number | number[])[][];

function eventsOf(bytes: Uint8Array<ArrayBuffer>): { division: number; tracks: Events[] } {
  const midi = BasicMIDI.fromArrayBuffer(bytes.buffer);
  const tracks = midi.tracks.map((track) => {
    const events = [...track.events].filter(({ statusByte }) => statusByte !== 0x2f);
    return events.map(({ ticks, statusByte, data }) => [ticks, statusByte, [...data]]);
  });
  return { division: midi.timeDivision, tracks };
}

test.each(made.files.map((file, i) => [i, file] as const))("record %i", (_, { record, midi }) => {
  const expected = eventsOf(Uint8Array.from(atob(midi), (letter) => letter.charCodeAt(0)));
  const found = eventsOf(midiOf(record as unknown as Stored, made.programs));
  expect(found.division).toBe(expected.division);
  expect(found.tracks.length).toBe(expected.tracks.length);
  found.tracks.forEach((track, i) => {
    expect(sorted(track)).toEqual(sorted(expected.tracks[i] ?? []));
  });
});

/** Events of one tick may stand in another order, but ends of notes before their begins. */
function sorted(events: Events): Events {
  const key = ([tick, status, data]: Events[number]) =>
    [String(tick).padStart(12), String(status).padStart(4), String(data)].join();
  return [...events].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
