/** From MIDI messages to notes: which begin, which end, with the sustain pedal allowed for. */

const NOTE_OFF = 0x80;
const NOTE_ON = 0x90;
const CONTROL = 0xb0;
const SUSTAIN = 64;

/** `press` makes whatever stands for a sounding note; `release` gets it back when the note ends. */
export class NoteTracker<T> {
  private readonly held = new Map<number, T>();
  private readonly sustained = new Map<number, T>();
  private readonly pedals = new Set<number>(); // channels

  constructor(
    private readonly press: (channel: number, pitch: number, velocity: number, moment: number) => T,
    private readonly release: (note: T, moment: number) => void,
  ) {}

  get count(): number {
    return this.held.size + this.sustained.size;
  }

  receive(data: readonly number[], moment: number): void {
    const [status = 0, first = 0, second = 0] = data;
    const channel = status & 0x0f;
    const kind = status & 0xf0;
    if (kind === NOTE_ON && second > 0) this.begin(channel, first, second, moment);
    else if (kind === NOTE_ON || kind === NOTE_OFF) this.lift(channel, first, moment);
    else if (kind === CONTROL && first === SUSTAIN) this.pedal(channel, second >= 64, moment);
  }

  private begin(channel: number, pitch: number, velocity: number, moment: number): void {
    this.end(this.held, key(channel, pitch), moment);
    this.end(this.sustained, key(channel, pitch), moment);
    this.held.set(key(channel, pitch), this.press(channel, pitch, velocity, moment));
  }

  private lift(channel: number, pitch: number, moment: number): void {
    const note = this.held.get(key(channel, pitch));
    if (note === undefined) return;
    if (this.pedals.has(channel)) {
      this.held.delete(key(channel, pitch));
      this.sustained.set(key(channel, pitch), note);
    } else this.end(this.held, key(channel, pitch), moment);
  }

  private pedal(channel: number, down: boolean, moment: number): void {
    if (down) this.pedals.add(channel);
    else this.pedals.delete(channel);
    if (down) return;
    for (const number of [...this.sustained.keys()]) {
      if (Math.floor(number / 128) === channel) this.end(this.sustained, number, moment);
    }
  }

  private end(notes: Map<number, T>, number: number, moment: number): void {
    const note = notes.get(number);
    if (note !== undefined) this.release(note, moment);
    notes.delete(number);
  }
}

function key(channel: number, pitch: number): number {
  return 128 * channel + pitch;
}
