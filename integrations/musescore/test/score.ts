/**
 * A score in memory with those parts of MuseScore's plug-in API that the plug-in uses, as its reference describes them:
 * Score, Part, Measure, Segment, Selection, Cursor, Chord and Note. Times are ticks, 480 to a quarter note.
 */

export const DIVISION = 480;
export const CHORD = 93;
const REST = 25;

type Fraction = { numerator: number; denominator: number; ticks: number };
type Note = { pitch: number; tieBack: object | null; tpc1: number; tpc2: number };
type Element = { type: number; actualDuration: Fraction; notes: Note[] };
type Segment = { tick: number };
type Measure = {
  firstSegment: Segment;
  timesigActual: Fraction;
  timesigNominal: Fraction;
  nextMeasure: Measure | null;
};
type Part = {
  partName: string;
  midiProgram: number;
  hasDrumStaff: boolean;
  startTrack: number;
  endTrack: number;
};
type Bar = { numerator: number; denominator: number; length?: number; tempo?: number; fifths?: number };

const fraction = (numerator: number, denominator: number): Fraction => ({
  numerator,
  denominator,
  ticks: (4 * DIVISION * numerator) / denominator,
});

/** It stands on the chords and rests of one track, as `filter` says by default. */
class Cursor {
  track = 0;
  #at = 0;
  constructor(private readonly score: Score) {}
  get #found(): [number, Element] | undefined {
    return (this.score.tracks[this.track] ?? [])[this.#at];
  }
  get segment(): Segment | null {
    return this.#found ? { tick: this.#found[0] } : null;
  }
  get tick(): number {
    return this.#found?.[0] ?? 0;
  }
  get element(): Element | null {
    return this.#found?.[1] ?? null;
  }
  get tempo(): number {
    return this.score.barAt(this.tick).tempo ?? 2;
  }
  get keySignature(): number {
    return this.score.barAt(this.tick).fifths ?? 0;
  }
  rewind(mode: number): void {
    if (mode !== 0) throw new Error("only SCORE_START");
    this.#at = 0;
  }
  rewindToTick(tick: number): void {
    this.#at = (this.score.tracks[this.track] ?? []).findIndex(([start]) => start >= tick);
  }
  next(): boolean {
    this.#at++;
    return this.#found !== undefined;
  }
}

export class Score {
  title = "Étude";
  tracks: [number, Element][][] = [];
  parts: Part[] = [];
  selection: {
    isRange: boolean;
    startSegment?: Segment;
    endSegment?: Segment | null;
    startStaff: number;
    endStaff: number;
  } = { isRange: false, startStaff: 0, endStaff: 0 };
  firstMeasure: Measure | null = null;
  #bars: (Bar & { tick: number })[] = [];

  constructor(bars: Bar[]) {
    let tick = 0;
    let before: Measure | null = null;
    for (const bar of bars) {
      const nominal = fraction(bar.numerator, bar.denominator);
      const actual = bar.length === undefined ? nominal : fraction(bar.length / DIVISION, 4);
      const measure: Measure = {
        firstSegment: { tick },
        timesigActual: actual,
        timesigNominal: nominal,
        nextMeasure: null,
      };
      if (before) before.nextMeasure = measure;
      this.firstMeasure ??= measure;
      this.#bars.push({ ...bar, tick });
      before = measure;
      tick += actual.ticks;
    }
  }

  get nstaves(): number {
    return this.tracks.length / 4;
  }

  newCursor(): Cursor {
    return new Cursor(this);
  }

  barAt(tick: number): Bar {
    return this.#bars.findLast((bar) => bar.tick <= tick) ?? { numerator: 4, denominator: 4 };
  }

  /** Add a part; `voices` are those of its staves, four each, of chords: duration in ticks, pitches, tied or not. */
  add(
    name: string,
    voices: [number, number[], boolean?][][],
    { program = 0, drums = false, transposition = 0 } = {},
  ): void {
    const staves = Math.ceil(voices.length / 4);
    const startTrack = this.tracks.length;
    for (let voice = 0; voice < 4 * staves; voice++) {
      let tick = 0;
      this.tracks.push(
        (voices[voice] ?? []).map(([ticks, pitches, isTied]) => {
          const notes = pitches.map((pitch) => ({
            pitch,
            tieBack: isTied ? {} : null,
            tpc1: 14,
            tpc2: 14 + transposition,
          }));
          const element = {
            type: notes.length ? CHORD : REST,
            actualDuration: fraction(ticks / DIVISION, 4),
            notes,
          };
          tick += ticks;
          return [tick - ticks, element];
        }),
      );
    }
    this.parts.push({
      partName: name,
      midiProgram: program,
      hasDrumStaff: drums,
      startTrack,
      endTrack: this.tracks.length,
    });
  }

  /** Select from the tick `from` to that of `to`, or to the end, in staves from 0. */
  select(from: number, to: number | null, startStaff: number, endStaff: number): void {
    const endSegment = to === null ? null : { tick: to };
    this.selection = { isRange: true, startSegment: { tick: from }, endSegment, startStaff, endStaff };
  }
}
