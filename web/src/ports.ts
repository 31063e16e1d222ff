/**
 * Real MIDI ports, through Web MIDI: every input plays, one output may sound. Ports come and go while we run.
 *
 * Not every browser has Web MIDI, and a person may refuse it; then `problem` says so, and the page goes on with
 * mouse, touch and computer keyboard.
 */

import { ChannelPool } from "./channels";
import { FloodGuard } from "./flood";
import type { Note } from "./messages";
import type { Sink } from "./scheduler";
import { present } from "./session";
import { texts } from "./texts";

export interface Port {
  id: string;
  name: string;
}

const SYSTEM = 0xf0; // status bytes from here on are not channel messages

export class Ports implements Sink {
  /** Called with a channel message of an input, and its moment. */
  onmessage: (data: Uint8Array, input: string, moment: number) => void = () => {};
  /** Called when an input is not heard any more: nobody will release its keys. */
  onsilence: (input: string) => void = () => {};
  /** Called when an input floods, with its name, and when it is heard again. */
  onflood: (name: string, isOver: boolean) => void = () => {};
  /** Called when ports came or went, or when the problem became known. */
  onchange: () => void = () => {};
  problem: string | null = null;
  outputId: string | null = null;
  private readonly muted: Set<string>;
  private access: MIDIAccess | null = null;
  private isAsked = false;
  private readonly pool = new ChannelPool();
  private readonly guard = new FloodGuard();

  /** muted: inputs that are not listened to. */
  constructor(muted: readonly string[] = []) {
    this.muted = new Set(muted);
  }

  /** Asks for the ports, once; the browser may ask the person. */
  async open(): Promise<void> {
    if (this.isAsked) return;
    this.isAsked = true;
    try {
      if (!navigator.requestMIDIAccess) throw new Error("missing");
      this.access = await navigator.requestMIDIAccess();
      this.access.onstatechange = ({ port }) => {
        if (port?.state === "disconnected") this.onsilence(port.id);
        this.listen();
      };
      this.listen();
    } catch (error) {
      this.problem = explain(error);
      this.onchange();
    }
  }

  get inputs(): Port[] {
    return list(this.access?.inputs);
  }

  get outputs(): Port[] {
    return list(this.access?.outputs);
  }

  /** The chosen output, while it is there. */
  get output(): MIDIOutput | null {
    return (this.outputId && this.access?.outputs.get(this.outputId)) || null;
  }

  noteOn(note: Note, moment: number): void {
    const { channel, isNew } = this.pool.channelOf(note.program);
    if (isNew) this.send([0xc0 | channel, note.program], moment);
    this.send([0x90 | channel, note.pitch, note.velocity], moment);
  }

  noteOff(note: Note, moment: number): void {
    const { channel } = this.pool.channelOf(note.program);
    this.send([0x80 | channel, note.pitch, 0], moment);
  }

  send(data: Iterable<number>, moment: number): void {
    if (this.output?.state === "connected") this.output.send([...data], Math.max(moment, present()) * 1000);
  }

  silence(): void {
    for (let channel = 0; channel < 16; channel++) this.send([0xb0 | channel, 123, 0], present());
  }

  isMuted(input: string): boolean {
    return this.muted.has(input);
  }

  /** Listens to an input, or does not. Returns the inputs that are not listened to. */
  mute(input: string, muted: boolean): string[] {
    muted ? this.muted.add(input) : this.muted.delete(input);
    if (muted) this.onsilence(input);
    return [...this.muted];
  }

  private listen(): void {
    for (const input of this.access?.inputs.values() ?? []) {
      input.onmidimessage = (event) => this.hear(input, event);
    }
    this.onchange();
  }

  private hear({ id, name }: MIDIInput, event: MIDIMessageEvent): void {
    const status = event.data?.[0] ?? 0;
    if (!event.data || status < 0x80 || status >= SYSTEM || this.muted.has(id)) return;
    if (!this.passes(id, name ?? texts.midiPort)) return;
    const moment = event.timeStamp ? event.timeStamp / 1000 : present(); // some drivers give no time
    this.onmessage(event.data, id, Math.min(moment, present()));
  }

  private passes(id: string, name: string): boolean {
    const verdict = this.guard.judge(id, present());
    if (verdict === "begins" || verdict === "back") this.onflood(name, verdict === "back");
    if (verdict === "begins") this.onsilence(id);
    return verdict === "heard" || verdict === "back";
  }
}

function list(ports: MIDIInputMap | MIDIOutputMap | undefined): Port[] {
  const present = [...(ports?.values() ?? [])].filter((port) => port.state === "connected");
  return present.map((port) => ({ id: port.id, name: port.name ?? texts.midiPort }));
}

function explain(error: unknown): string {
  const refused = error instanceof DOMException && /NotAllowed|Security/.test(error.name);
  return refused ? texts.midiRefused : texts.midiMissing;
}
