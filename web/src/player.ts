/**
 * What the player holds, from all sources: pointers, computer keys, MIDI inputs.
 *
 * Several sources may hold one key; it is released when the last one lets go. A source that vanishes, or a window
 * that loses its focus, releases what it held. Everything goes on as MIDI messages, each with its moment.
 */

const NOTE_OFF = 0x80;
const NOTE_ON = 0x90;
const CONTROL = 0xb0;
const SUSTAIN = 64;

export class Player {
  /** Called with each message that goes out, and where it came from. */
  onmessage: (data: number[], moment: number, source: string) => void = () => {};
  private readonly holders = new Map<number, Set<string>>(); // by channel and pitch

  press(pitch: number, velocity: number, source: string, moment: number, channel = 0): void {
    const holders = this.holders.get(key(channel, pitch)) ?? new Set();
    this.holders.set(key(channel, pitch), holders.add(source));
    this.onmessage([NOTE_ON | channel, pitch, velocity], moment, source);
  }

  release(pitch: number, source: string, moment: number, channel = 0): void {
    const holders = this.holders.get(key(channel, pitch));
    if (!holders?.delete(source) || holders.size > 0) return;
    this.holders.delete(key(channel, pitch));
    this.onmessage([NOTE_OFF | channel, pitch, 0], moment, source);
  }

  /** Takes a channel message of a MIDI input. */
  receive(data: Uint8Array, source: string, moment: number): void {
    const [status = 0, pitch = 0, velocity = 0] = data;
    const channel = status & 0x0f;
    const kind = status & 0xf0;
    if (kind === NOTE_ON && velocity > 0) this.press(pitch, velocity, source, moment, channel);
    else if (kind === NOTE_ON || kind === NOTE_OFF) this.release(pitch, source, moment, channel);
    else this.onmessage([...data], moment, source);
  }

  /** Releases what the sources hold whose name begins so; all, if none is given. */
  releaseAll(moment: number, prefix = ""): void {
    for (const [held, holders] of [...this.holders]) {
      for (const source of [...holders]) {
        if (source.startsWith(prefix)) this.release(held % 128, source, moment, Math.floor(held / 128));
      }
    }
    if (prefix === "") this.onmessage([CONTROL, SUSTAIN, 0], moment, prefix);
  }
}

function key(channel: number, pitch: number): number {
  return 128 * channel + pitch;
}
