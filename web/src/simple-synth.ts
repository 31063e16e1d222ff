/**
 * A simple sound that needs no download: it plays until the SoundFont is there, and where there is none.
 *
 * Each note is one oscillator, which begins at zero, so without a click, and dies away like a string; a drum is a short burst of noise.
 */

const PARTIALS = [0, 1, 0.42, 0.2, 0.1, 0.06, 0.03]; // strengths, from the fundamental on
const LOUDEST = 0.22; // of one note
const RELEASE = 0.08; // seconds
const DECAY = 1.6; // seconds to about a third, at middle C; higher tones die sooner
const DRUM_DECAY = 0.05;
const FADED = 6; // decays after which nothing is heard
const MOST = 48; // notes at once; the oldest gives way

interface Voice {
  source: AudioScheduledSourceNode;
  gain: GainNode;
}

export class SimpleSynth {
  private readonly voices = new Map<string, Voice>();
  private readonly wave: PeriodicWave;
  private readonly noise: AudioBuffer;

  constructor(
    private readonly context: AudioContext,
    private readonly output: AudioNode,
  ) {
    this.wave = context.createPeriodicWave(new Float32Array(PARTIALS.length), new Float32Array(PARTIALS));
    this.noise = context.createBuffer(1, context.sampleRate / 2, context.sampleRate);
    const samples = this.noise.getChannelData(0);
    for (let i = 0; i < samples.length; i++) samples[i] = 2 * Math.random() - 1;
  }

  /** Begins a note, called `name` until it ends, at a time of the sound card. volume: 1 is as it is. */
  noteOn(name: string, pitch: number, velocity: number, isDrum: boolean, volume: number, time: number): void {
    this.noteOff(name, time);
    const start = Math.max(time, this.context.currentTime);
    const decay = isDrum ? DRUM_DECAY : DECAY * 2 ** ((60 - pitch) / 24);
    // One event only: a late one counts from the present, and of two late ones only the second would.
    const gain = new GainNode(this.context, { gain: volume * LOUDEST * (velocity / 127) ** 2 });
    gain.gain.setTargetAtTime(0, start, decay);
    const source = isDrum ? this.makeNoise(pitch) : this.makeTone(pitch);
    source.connect(gain).connect(this.output);
    source.start(start);
    source.stop(start + FADED * decay);
    const voice = { source, gain };
    source.onended = () => {
      gain.disconnect();
      if (this.voices.get(name) === voice) this.voices.delete(name);
    };
    this.voices.set(name, voice);
    const [oldest = name] = this.voices.keys();
    if (this.voices.size > MOST) this.noteOff(oldest, this.context.currentTime);
  }

  /** Ends a note, and returns whether there was one. */
  noteOff(name: string, time: number): boolean {
    const voice = this.voices.get(name);
    if (!voice) return false;
    this.voices.delete(name);
    const end = Math.max(time, this.context.currentTime);
    voice.gain.gain.setTargetAtTime(0, end, RELEASE / 3);
    voice.source.stop(end + 2 * RELEASE);
    return true;
  }

  silence(): void {
    for (const name of [...this.voices.keys()]) this.noteOff(name, this.context.currentTime);
  }

  private makeTone(pitch: number): OscillatorNode {
    return new OscillatorNode(this.context, {
      periodicWave: this.wave,
      frequency: 440 * 2 ** ((pitch - 69) / 12),
    });
  }

  private makeNoise(pitch: number): AudioBufferSourceNode {
    return new AudioBufferSourceNode(this.context, {
      buffer: this.noise,
      playbackRate: 2 ** ((pitch - 42) / 12),
    });
  }
}
