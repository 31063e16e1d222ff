/**
 * The sound: a SoundFont, played by spessasynth in the browser's audio thread.
 *
 * Channels 0 to 15 are the player's, as they come. The model has 16 of its own, one for each program that it plays,
 * so both can hold the same key; so have notes of the player that come from a file or are played again.
 */

import { WorkletSynthesizer } from "spessasynth_lib";
import processor from "spessasynth_lib/dist/spessasynth_processor.min.js?url";
import { ChannelPool, DRUM_CHANNEL, DRUMS } from "./channels";
import { AudioClock } from "./clock";
import type { Note, Side } from "./messages";
import type { Sink } from "./scheduler";
import { present } from "./session";
import { texts } from "./texts";

const NOTE_ON = 0x90;
const NOTE_OFF = 0x80;
const PROGRAM = 0xc0;
const ALL_SOUND_OFF = [120, 123]; // control changes
const CHANNELS = 48;
const FIRST: { readonly [side in Side]: number } = { model: 16, player: 32 }; // of notes that are scheduled

export class Synth implements Sink {
  readonly context: AudioContext;
  readonly clock: AudioClock;
  /** Everything that sounds goes through here. */
  readonly output: GainNode;
  readonly ready: Promise<void>;
  private synthesizer: WorkletSynthesizer | null = null;
  private readonly pools = { player: new ChannelPool(), model: new ChannelPool() };
  private readonly gains: { [side in Side]: number } = { player: 1, model: 1 };
  private playerProgram = 0;
  private presets: readonly number[] = [];

  constructor(soundFont: string) {
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.clock = new AudioClock(this.context);
    this.output = this.context.createGain();
    this.output.connect(this.context.destination);
    this.ready = this.load(soundFont);
  }

  /** The browser lets sound begin only at a gesture; call this at each one. */
  wake(): void {
    if (this.context.state !== "running") this.context.resume().catch(() => {});
  }

  /** Seconds from what is computed now to its being heard. */
  get latency(): number {
    return Math.max(this.context.currentTime - this.clock.audioTimeAt(present()), 0);
  }

  /** A channel message of the player, now. */
  play(data: readonly number[]): void {
    this.synthesizer?.sendMessage(this.withPreset(data));
  }

  /** Says which preset of the SoundFont stands for each program. */
  setPresets(presets: readonly number[]): void {
    this.presets = presets;
    this.setPlayerProgram(this.playerProgram);
  }

  noteOn(note: Note, moment: number): void {
    const { channel, isNew } = this.channelOf(note);
    if (isNew) this.send([PROGRAM | (channel % 16), note.program], channel, moment);
    this.send([NOTE_ON | (channel % 16), note.pitch, note.velocity], channel, moment);
  }

  noteOff(note: Note, moment: number): void {
    const { channel } = this.channelOf(note);
    this.send([NOTE_OFF | (channel % 16), note.pitch, 0], channel, moment);
  }

  /** Everything falls silent. */
  silence(): void {
    this.synthesizer?.stopAll(true);
    for (let channel = 0; channel < 16; channel++) {
      for (const control of ALL_SOUND_OFF) this.play([0xb0 | channel, control, 0]);
    }
  }

  /** The instrument of the player's channels, the tenth excepted. */
  setPlayerProgram(program: number): void {
    this.playerProgram = program;
    for (let channel = 0; channel < 16; channel++) {
      if (channel === DRUM_CHANNEL) continue;
      this.synthesizer?.midiChannels[channel]?.setDrums(program === DRUMS);
      if (program !== DRUMS) this.play([PROGRAM | channel, program]);
    }
  }

  setVolume(side: Side, volume: number): void {
    this.gains[side] = volume;
    const channels = this.synthesizer?.midiChannels ?? [];
    const own = channels.slice(FIRST[side], FIRST[side] + 16);
    if (side === "player") own.push(...channels.slice(0, 16));
    for (const channel of own) channel.setSystemParameter("gain", volume);
  }

  private channelOf(note: Note): { channel: number; isNew: boolean } {
    const { channel, isNew } = this.pools[note.side].channelOf(note.program);
    return { channel: FIRST[note.side] + channel, isNew };
  }

  private withPreset(message: readonly number[]): readonly number[] {
    const [status = 0, program = 0] = message;
    return (status & 0xf0) === PROGRAM ? [status, this.presets[program] ?? program] : message;
  }

  private send(message: readonly number[], channel: number, moment: number): void {
    const offset = channel - (channel % 16);
    this.synthesizer?.sendMessage(this.withPreset(message), offset, { time: this.clock.audioTimeAt(moment) });
  }

  private async load(soundFont: string): Promise<void> {
    if (!this.context.audioWorklet) throw new Error(texts.simpleSound);
    const [bank] = await Promise.all([fetchBytes(soundFont), this.context.audioWorklet.addModule(processor)]);
    const synthesizer = new WorkletSynthesizer(this.context);
    synthesizer.connect(this.output);
    await synthesizer.soundBankManager.addSoundBank(bank, "shipped");
    await synthesizer.isReady;
    while (synthesizer.midiChannels.length < CHANNELS) synthesizer.addNewChannel();
    synthesizer.reset(); // added channels are silent drums until then
    this.synthesizer = synthesizer;
    this.setPlayerProgram(this.playerProgram);
    this.setVolume("player", this.gains.player);
    this.setVolume("model", this.gains.model);
  }
}

async function fetchBytes(address: string): Promise<ArrayBuffer> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(texts.soundMissing(answer.status));
  return answer.arrayBuffer();
}
