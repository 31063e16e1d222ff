/** Beats, what is left of a turn, and channels. */

import { expect, test } from "vitest";
import { ChannelPool, DRUM_CHANNEL, DRUMS } from "../src/channels";
import { beatsBetween } from "../src/metronome";
import { remaining } from "../src/turn";
import { makeTempo } from "./build";

test("beats lie on a grid from the bar line, in both directions", () => {
  const beats = beatsBetween(makeTempo(), 8.9, 12.1);
  expect(beats.map((beat) => beat.time)).toEqual([9, 9.5, 10, 10.5, 11, 11.5, 12]);
  expect(beats.filter((beat) => beat.isBarLine).map((beat) => beat.time)).toEqual([10, 12]);
});

test("looking piece by piece finds each beat once", () => {
  const tempo = makeTempo({ quarters_per_minute: 97, meter: [6, 8] });
  const found = [];
  for (let i = 0; i < 400; i++) found.push(...beatsBetween(tempo, 10 + i * 0.03, 10 + (i + 1) * 0.03));
  expect(found.map((beat) => beat.time)).toEqual(beatsBetween(tempo, 10, 22).map((beat) => beat.time));
});

test("what is left of a turn, in seconds or in beats", () => {
  const turn = { turn: "model", start: 10, end: 14, number: 1 } as const;
  expect(remaining(turn, null, 11)).toEqual({ share: 0.75, words: "3.0 s" });
  expect(remaining(turn, makeTempo(), 11.1).words).toBe("6 beats");
  expect(remaining(turn, makeTempo(), 13.6).words).toBe("1 beat");
  expect(remaining(turn, null, 20).share).toBe(0);
  expect(remaining({ ...turn, end: null }, null, 11)).toEqual({ share: 1, words: "" });
});

test("each program has a channel of its own, the drum kit the tenth", () => {
  const pool = new ChannelPool();
  expect(pool.channelOf(DRUMS)).toEqual({ channel: DRUM_CHANNEL, isNew: false });
  const channels = [...Array(15).keys()].map((program) => pool.channelOf(program));
  expect(new Set(channels.map(({ channel }) => channel)).size).toBe(15);
  expect(channels.every(({ channel, isNew }) => isNew && channel !== DRUM_CHANNEL)).toBe(true);
  expect(pool.channelOf(3)).toEqual({ channel: channels[3]?.channel, isNew: false });
  expect(pool.channelOf(99)).toEqual({ channel: channels[0]?.channel, isNew: true });
});
