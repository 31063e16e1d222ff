/** The beats of a tempo, and their clicks. */

import type { Tempo } from "./messages";

export interface Beat {
  time: number;
  isBarLine: boolean;
  bar: number; // counted from the tempo's first bar line, 0
}

export function beatSeconds(tempo: Tempo): number {
  return ((60 / tempo.quarters_per_minute) * 4) / tempo.meter[1];
}

/** The beats at `from` and after, before `to`. */
export function beatsBetween(tempo: Tempo, from: number, to: number): Beat[] {
  const beat = beatSeconds(tempo);
  const beats: Beat[] = [];
  for (let i = Math.ceil((from - tempo.bar_line) / beat - 1e-6); tempo.bar_line + i * beat < to; i++) {
    const bar = Math.floor(i / tempo.meter[0]);
    beats.push({ time: tempo.bar_line + i * beat, isBarLine: i === bar * tempo.meter[0], bar });
  }
  return beats;
}

const HIGH = 1760; // Hz, on the bar line
const LOW = 1175;
const JUMP = 5; // seconds, more than is ever scheduled ahead
const DECAY = 0.045; // seconds

/** Clicks on the sound card: a short, soft tone for each beat. */
export class Metronome {
  private readonly output: GainNode;
  private done = Number.NEGATIVE_INFINITY; // the time up to which beats were scheduled

  constructor(
    private readonly context: AudioContext,
    destination: AudioNode,
  ) {
    this.output = context.createGain();
    this.output.connect(destination);
  }

  set volume(volume: number) {
    this.output.gain.value = volume;
  }

  /** Schedules the beats between two times that were not yet; `audioTime` says when each is to be heard. */
  advance(tempo: Tempo, from: number, to: number, audioTime: (time: number) => number): void {
    if (this.done > to + JUMP) this.done = from; // the clock has gone back
    const begin = Math.max(from, this.done);
    for (const beat of beatsBetween(tempo, begin, to)) this.click(audioTime(beat.time), beat.isBarLine);
    this.done = Math.max(to, begin);
  }

  private click(at: number, isBarLine: boolean): void {
    const start = Math.max(at, this.context.currentTime);
    const tone = new OscillatorNode(this.context, { frequency: isBarLine ? HIGH : LOW, type: "triangle" });
    const shape = new GainNode(this.context, { gain: 0 });
    shape.gain.setValueAtTime(isBarLine ? 0.5 : 0.32, start);
    shape.gain.exponentialRampToValueAtTime(0.001, start + DECAY);
    tone.connect(shape).connect(this.output);
    tone.start(start);
    tone.stop(start + DECAY);
  }
}
