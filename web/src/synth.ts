/**
 * The sound: a SoundFont, played by spessasynth in the browser's audio thread; a simple one until it is loaded.
 *
 * Channels 0 to 15 are the player's, as they come. The model has 16 of its own, one for each program that it plays,
 * so both can hold the same key; so have notes of the player that come from a file or are played again.
 */

import { WorkletSynthesizer } from "spessasynth_lib";
import processor from "spessasynth_lib/dist/spessasynth_processor.min.js?url";
import { ChannelPool, DRUM_CHANNEL, DRUMS } from "./channels";
import { AudioClock } from "./clock";
import type { Note, Side } from "./messages";
import { addressOf } from "./offline/files";
import type { Sink } from "./scheduler";
import { present } from "./session";
import { SimpleSynth } from "./simple-synth";
import { texts } from "./texts";

const NOTE_ON = 0x90;
const NOTE_OFF = 0x80;
const PROGRAM = 0xc0;
const ALL_SOUND_OFF = [120, 123]; // control changes
const SUSTAIN = 64;
const WAKING = 400; // milliseconds
const CHANNELS = 48;
const FIRST: { readonly [side in Side]: number } = { model: 16, player: 32 }; // of notes that are scheduled

export class Synth implements Sink {
  readonly context: AudioContext;
  readonly clock: AudioClock;
  /** Everything that sounds goes through here. */
  readonly output: GainNode;
  readonly ready: Promise<void>;
  /** How much of the SoundFont is here, 0 to 1; null when it is loaded, or cannot be. */
  loaded: number | null = 0;
  /** Called when `loaded` or `isAsleep` changed. */
  onchange: () => void = () => {};
  private readonly simple: SimpleSynth;
  private readonly sustained = new Set<string>(); // notes of the simple sound that the pedal holds
  private isPedalDown = false;
  private isMissed = false; // something was to sound before the browser allowed it
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
    this.context.onstatechange = () => this.onchange();
    this.simple = new SimpleSynth(this.context, this.output);
    const failed = this.context.audioWorklet ? "soundBroken" : "simpleSound";
    this.ready = this.load(soundFont).then(
      () => this.settle(),
      (error) => {
        this.settle();
        throw new Error(texts[failed], { cause: error });
      },
    );
  }

  /** Whether something was to sound, and the browser waits for a gesture. */
  get isAsleep(): boolean {
    return this.isMissed && this.context.state === "suspended";
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
    this.playSimply(data);
    this.synthesizer?.sendMessage(this.withPreset(data));
  }

  /** Says which preset of the SoundFont stands for each program. */
  setPresets(presets: readonly number[]): void {
    this.presets = presets;
    this.setPlayerProgram(this.playerProgram);
  }

  noteOn(note: Note, moment: number): void {
    this.expectSound();
    if (!this.synthesizer) {
      const [volume, time] = [this.gains[note.side], this.clock.audioTimeAt(moment)];
      this.simple.noteOn(`${note.number}`, note.pitch, note.velocity, note.program === DRUMS, volume, time);
      return;
    }
    const { channel, isNew } = this.channelOf(note);
    if (isNew) this.send([PROGRAM | (channel % 16), note.program], channel, moment);
    this.send([NOTE_ON | (channel % 16), note.pitch, note.velocity], channel, moment);
  }

  noteOff(note: Note, moment: number): void {
    const begunSimply = this.simple.noteOff(`${note.number}`, this.clock.audioTimeAt(moment));
    if (begunSimply || !this.synthesizer) return;
    const { channel } = this.channelOf(note);
    this.send([NOTE_OFF | (channel % 16), note.pitch, 0], channel, moment);
  }

  /** Everything falls silent. */
  silence(): void {
    this.simple.silence();
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

  /** Plays a channel message of the player by the simple sound: notes and the pedal. */
  private playSimply([status = 0, number = 0, value = 0]: readonly number[]): void {
    const [kind, name, time] = [status & 0xf0, `${status & 0x0f} ${number}`, this.context.currentTime];
    if (kind === 0xb0 && number === SUSTAIN) {
      this.isPedalDown = value >= 64;
      if (this.isPedalDown) return;
      for (const held of this.sustained) this.simple.noteOff(held, time);
      this.sustained.clear();
    } else if (kind === NOTE_ON && value > 0) {
      this.expectSound();
      this.sustained.delete(name);
      const isDrum = (status & 0x0f) === DRUM_CHANNEL || this.playerProgram === DRUMS;
      if (!this.synthesizer) this.simple.noteOn(name, number, value, isDrum, this.gains.player, time);
    } else if (kind === NOTE_ON || kind === NOTE_OFF) {
      if (this.isPedalDown) this.sustained.add(name);
      else this.simple.noteOff(name, time);
    }
  }

  private settle(): void {
    this.loaded = null;
    this.onchange();
  }

  private expectSound(): void {
    if (this.context.state !== "suspended") return;
    this.isMissed = true;
    setTimeout(() => this.onchange(), WAKING); // by then a gesture has woken it
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
    const loading = this.fetchBytes(await addressOf(soundFont, "application/octet-stream"));
    const module = await addressOf(processor, "text/javascript");
    const [bank] = await Promise.all([loading, this.context.audioWorklet.addModule(module)]);
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

  private async fetchBytes(address: string): Promise<ArrayBuffer> {
    const answer = await fetch(address, { priority: "low" }); // the session's messages go first
    if (!answer.ok || !answer.body) throw new Error(`status ${answer.status}`);
    const all = Number(answer.headers.get("content-length"));
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let length = 0;
    for (const reader = answer.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return new Blob(parts).arrayBuffer();
      length += value.length;
      parts.push(value);
      this.loaded = all > 0 ? Math.min(length / all, 1) : 0;
      this.onchange();
    }
  }
}
