/** Where scheduled notes go: the synthesiser of the page, a MIDI output, or both. */

import type { Note } from "./messages";
import type { Ports } from "./ports";
import type { Sink } from "./scheduler";
import { settings } from "./settings";
import type { Synth } from "./synth";

export class Outlet implements Sink {
  constructor(
    private readonly synth: Synth,
    private readonly ports: Ports,
  ) {}

  /** Whether the page itself makes the sound: always, unless an output does it instead. */
  get soundsHere(): boolean {
    return settings.soundHere || this.ports.output === null;
  }

  noteOn(note: Note, moment: number): void {
    if (this.soundsHere) this.synth.noteOn(note, moment);
    this.ports.noteOn(note, moment);
  }

  noteOff(note: Note, moment: number): void {
    this.synth.noteOff(note, moment); // also of a note that began before the choice changed
    this.ports.noteOff(note, moment);
  }

  /** A message of the player, sounding at once. `thru` if it may go on to the output as well. */
  play(data: number[], moment: number, thru: boolean): void {
    if (this.soundsHere) this.synth.play(data);
    if (thru) this.ports.send(data, moment);
  }

  silence(): void {
    this.synth.silence();
    this.ports.silence();
  }
}
