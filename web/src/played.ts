/** What was played, to be read: a line for each phrase of a side, in the settings, and read out if that is asked for. */

import { DRUMS } from "./channels";
import { element, make } from "./dom";
import { pitchName } from "./keys";
import type { Note, Side } from "./messages";
import type { Record } from "./record";
import { settings } from "./settings";
import { onLanguage, texts } from "./texts";

const REST = 1.2; // seconds of rest that end a phrase
const LONGEST = 24; // notes of one phrase
const TOGETHER = 0.04; // seconds within which notes are one chord
const LINES = 12;
const LOOKED_AT = 300; // notes from the end of the record
const LOOK_EVERY = 700; // milliseconds

export interface Phrase {
  side: Side;
  notes: Note[];
}

/** The phrases in notes that are in order of their starts: what one side plays without a rest. */
export function phrasesOf(notes: readonly Note[]): Phrase[] {
  const phrases: Phrase[] = [];
  const open = new Map<Side, Phrase>();
  for (const note of notes) {
    const phrase = open.get(note.side);
    const last = phrase?.notes.at(-1);
    if (phrase && last && !isOver(phrase, note.start)) phrase.notes.push(note);
    else {
      const begun = { side: note.side, notes: [note] };
      open.set(note.side, begun);
      phrases.push(begun);
    }
  }
  return phrases;
}

/** Whether nothing is added to a phrase any more at a time. */
export function isOver({ notes }: Phrase, time: number): boolean {
  const end = Math.max(...notes.map((note) => note.end ?? Number.POSITIVE_INFINITY));
  return notes.length >= LONGEST || time > end + REST;
}

/** A phrase in words, such as "C4 E4+G4"; drums are counted. */
export function wordsOf({ notes }: Phrase): string {
  const words: string[] = [];
  let drums = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (const note of notes) {
    if (note.program === DRUMS) drums++;
    else if (note.start - last < TOGETHER && words.length > 0)
      words.push(`${words.pop()}+${pitchName(note.pitch)}`);
    else words.push(pitchName(note.pitch));
    if (note.program !== DRUMS) last = note.start;
  }
  return [...words, ...(drums > 0 ? [texts.drumBeats(drums)] : [])].join(" ");
}

export class Played {
  private shown = "";
  private readOut = Number.NEGATIVE_INFINITY; // start of the last phrase that was read out

  /** now: the time of the session. */
  constructor(
    private readonly record: Record,
    private readonly now: () => number,
  ) {
    onLanguage(() => this.show());
    setInterval(() => this.show(), LOOK_EVERY);
  }

  private show(): void {
    const now = this.now();
    const begun = this.record.notes.slice(-LOOKED_AT).filter((note) => note.start <= now);
    const done = phrasesOf(begun).filter((phrase) => isOver(phrase, now));
    const lines = done.slice(-LINES).map((phrase) => lineOf(phrase));
    element("played-none").hidden = lines.length > 0;
    if (lines.join("\n") !== this.shown) {
      this.shown = lines.join("\n");
      element("played").replaceChildren(...lines.map((line) => make("li", line)));
    }
    const latest = done.at(-1);
    const start = latest?.notes[0]?.start ?? this.readOut;
    if (latest && start !== this.readOut && settings.readOut)
      element("read-out").textContent = lineOf(latest);
    this.readOut = start;
  }
}

function lineOf(phrase: Phrase): string {
  return `${phrase.side === "player" ? texts.you : texts.model}: ${wordsOf(phrase)}`;
}
