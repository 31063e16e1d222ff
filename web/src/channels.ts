/** MIDI channels for General MIDI programs. */

export const DRUMS = 128; // the program that stands for the drum kit
export const DRUM_CHANNEL = 9;

/** Gives each program a channel of 16, the drum kit the tenth; when all are taken, the oldest one's. */
export class ChannelPool {
  private readonly channels = new Map<number, number>();

  /** The program's channel, and whether it has just been given to it. */
  channelOf(program: number): { channel: number; isNew: boolean } {
    if (program === DRUMS) return { channel: DRUM_CHANNEL, isNew: false };
    const known = this.channels.get(program);
    if (known !== undefined) return { channel: known, isNew: false };
    const channel = this.free();
    this.channels.set(program, channel);
    return { channel, isNew: true };
  }

  private free(): number {
    const taken = new Set([DRUM_CHANNEL, ...this.channels.values()]);
    for (let channel = 0; channel < 16; channel++) if (!taken.has(channel)) return channel;
    const [oldest, channel] = this.channels.entries().next().value ?? [0, 0];
    this.channels.delete(oldest);
    return channel;
  }
}
