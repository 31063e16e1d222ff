import { expect, test } from "vitest";
import { DRUMS } from "../src/channels";
import { isOver, phrasesOf, wordsOf } from "../src/played";
import { makeNote } from "./build";

function play(side: "player" | "model", start: number, pitch: number, program = 0) {
  return makeNote({ side, start, end: start + 0.4, pitch, program });
}

test("a phrase is what one side plays without a rest, also while the other plays", () => {
  const notes = [
    play("player", 0, 60),
    play("model", 0.2, 48),
    play("player", 0.5, 64),
    play("player", 4, 67),
    play("model", 4, 50),
  ];
  expect(phrasesOf(notes).map((phrase) => [phrase.side, wordsOf(phrase)])).toEqual([
    ["player", "C4 E4"],
    ["model", "C3"],
    ["player", "G4"],
    ["model", "D3"],
  ]);
});

test("notes that begin together are a chord, and drums are counted", () => {
  const notes = [
    play("model", 1, 60),
    play("model", 1.01, 36, DRUMS),
    play("model", 1.02, 64),
    play("model", 2, 70),
  ];
  const [phrase] = phrasesOf(notes);
  expect(phrase && wordsOf(phrase)).toBe("C4+E4 B♭4 1 drum beat");
});

test("a phrase is over after a rest, and not while a key is held", () => {
  const [phrase] = phrasesOf([play("player", 0, 60)]);
  expect(phrase && [isOver(phrase, 1), isOver(phrase, 2)]).toEqual([false, true]);
  expect(isOver({ side: "player", notes: [makeNote({ end: null })] }, 99)).toBe(false);
});
