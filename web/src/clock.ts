/** Three clocks (the session's, the browser's, the sound card's) and what lies between them. */

const TREMBLE = 0.02; // seconds by which clocks may drift apart within the exchanges that are kept

interface Sample {
  delay: number;
  offset: number;
}

/**
 * The difference between the session's clock and the browser's, from questions and answers.
 *
 * The answer of a fast exchange says most: the error is at most half of what the exchange took (Cristian 1989,
 * "Probabilistic clock synchronization"). So the fastest of the last ones counts.
 */
export class OffsetEstimator {
  private samples: Sample[] = [];

  constructor(private readonly kept = 16) {}

  /** Seconds to be added to a moment to get the session's time. */
  get offset(): number {
    return this.fastest.offset;
  }

  /** Seconds that the fastest exchange took, there and back. */
  get delay(): number {
    return this.fastest.delay;
  }

  /**
   * Takes in an exchange: asked and answered at these moments, the session's time in the answer. An exchange that
   * cannot agree with the ones before, by the errors that they may have, says that a clock has jumped: then it alone
   * counts.
   */
  add(asked: number, answered: number, time: number): void {
    const sample = { delay: answered - asked, offset: time - (asked + answered) / 2 };
    const apart = Math.abs(sample.offset - this.offset);
    if (apart > (sample.delay + this.delay) / 2 + TREMBLE) this.samples = [];
    this.samples.push(sample);
    this.samples = this.samples.slice(-this.kept);
  }

  reset(): void {
    this.samples = [];
  }

  private get fastest(): Sample {
    const none = { delay: Number.POSITIVE_INFINITY, offset: 0 };
    return this.samples.reduce((best, sample) => (sample.delay < best.delay ? sample : best), none);
  }
}

const JUMP = 0.05; // seconds; further off, the estimate starts anew (the computer slept, the device changed)
const FOLLOW = 0.05; // share of a smaller difference that is taken over at each look

/**
 * From moments to the time of an AudioContext, such that what is scheduled there is *heard* at the moment.
 *
 * `getOutputTimestamp` says which time is leaving the loudspeaker now, so the output's delay is allowed for. Its
 * readings tremble; the estimate follows them slowly.
 */
export class AudioClock {
  private offset: number | null = null;

  constructor(private readonly context: AudioContext) {}

  audioTimeAt(moment: number): number {
    return moment + (this.offset ?? this.reading());
  }

  /** Looks at the clocks again; to be called several times a second. */
  follow(): void {
    const reading = this.reading();
    const known = this.offset;
    const near = known !== null && Math.abs(reading - known) < JUMP;
    this.offset = near ? known + FOLLOW * (reading - known) : reading;
  }

  private reading(): number {
    const { contextTime = 0, performanceTime = 0 } = this.context.getOutputTimestamp();
    if (performanceTime > 0) return contextTime - performanceTime / 1000;
    return this.context.currentTime - performance.now() / 1000;
  }
}
