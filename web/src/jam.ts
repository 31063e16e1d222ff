/**
 * The page at play: what comes from the session, from the hands and from the clock, and where it goes.
 *
 * Read in order: `session`, `messages`, `record`, `scheduler`, `synth`, then this. `main` puts it together.
 */

import { DRUM_CHANNEL, DRUMS } from "./channels";
import type { Controls } from "./controls";
import { element, prefersReducedMotion, toast } from "./dom";
import type { Keeper } from "./keeper";
import type { Latency } from "./latency";
import { keepsBeat, type Message, type Note, type Tempo, type Welcome } from "./messages";
import { Metronome } from "./metronome";
import type { Outlet } from "./outlet";
import type { Piano } from "./piano";
import { Record } from "./record";
import { Replay } from "./replay";
import type { Roll } from "./roll";
import { Scheduler } from "./scheduler";
import { present, type Session } from "./session";
import { recallConfig, remember, settings } from "./settings";
import type { Synth } from "./synth";
import { onLanguage, texts } from "./texts";
import { NoteTracker } from "./tracker";
import { TurnBar } from "./turn";
import { View } from "./view";

const LOOK_EVERY = 30; // milliseconds between looks at what is due
const HORIZON = 0.12; // seconds that are scheduled ahead
const HORIZON_HIDDEN = 1.6; // a hidden page is woken only once a second
const LINGER = 2; // seconds that the stage still flows when nothing happens any more
const STILL = 0.25; // seconds between pictures of a stage that stands still

export interface Parts {
  session: Session;
  synth: Synth;
  outlet: Outlet;
  controls: Controls;
  piano: Piano;
  roll: Roll;
  latency: Latency;
  keeper: Keeper;
}

export class Jam {
  readonly record = new Record();
  readonly replay: Replay;
  readonly metronome: Metronome;
  /** Called when the list of bookmarks changed. */
  onbookmarks: () => void = () => {};
  private readonly scheduler: Scheduler;
  private readonly tracker: NoteTracker<Note>;
  private readonly turnBar = new TurnBar();
  private readonly view = new View();
  private instruments: string[] = [];
  private lastBusy = Number.NEGATIVE_INFINITY; // moments
  private heard: Tempo | null = null;
  private lastDrawn = Number.NEGATIVE_INFINITY;

  constructor(private readonly parts: Parts) {
    const { session, synth, outlet } = parts;
    this.scheduler = new Scheduler(outlet);
    this.replay = new Replay(outlet);
    this.metronome = new Metronome(synth.context, synth.output);
    this.tracker = new NoteTracker(
      (channel, pitch, velocity, moment) =>
        this.record.press(session.timeAt(moment), channel, pitch, velocity, this.programOf(channel)),
      (note, moment) => this.record.release(note, session.timeAt(moment)),
    );
    session.onmessage = (message) => this.hear(message);
    onLanguage(() => this.settle());
    setInterval(() => this.look(), LOOK_EVERY);
    requestAnimationFrame(() => this.picture());
  }

  /** The player plays a channel message. `thru` if it may go on to a MIDI output. */
  play(data: number[], moment: number, thru: boolean): void {
    const { session, outlet, latency, synth } = this.parts;
    outlet.play(data, moment, thru);
    session.send({ type: "midi", time: session.timeAt(moment), data });
    this.tracker.receive(data, moment);
    if ((data[0] ?? 0) < 0x90 || (data[0] ?? 0) >= 0xa0 || data[2] === 0) return;
    document.body.classList.remove("empty");
    this.replay.stop(present()); // the note begins the session, or is part of it
    if (synth.context.state === "running") latency.addKey(present() - moment + synth.latency);
  }

  toggle(): void {
    this.replay.stop(present());
    this.parts.session.send({ type: this.record.running ? "stop" : "start" });
  }

  toggleReplay(): void {
    if (this.replay.active) this.replay.stop(present());
    else if (this.record.notes.length === 0) toast(texts.nothingPlayed);
    else {
      if (this.record.running) this.parts.session.send({ type: "stop" });
      this.replay.start(this.record, present());
    }
  }

  panic(): void {
    this.replay.stop(present());
    this.scheduler.clear(present());
    this.parts.outlet.silence();
    this.parts.session.send({ type: "panic" });
  }

  /** Looks at other times of the record, while nothing plays. */
  scroll(pixels: number): void {
    this.view.scroll(this.parts.roll.secondsAcross(pixels), this.record.end);
    this.lastDrawn = Number.NEGATIVE_INFINITY;
  }

  private get program(): number {
    return this.parts.controls.program(this.instruments);
  }

  programOf(channel: number): number {
    return channel === DRUM_CHANNEL ? DRUMS : this.program;
  }

  private hear(message: Message): void {
    const { controls, keeper } = this.parts;
    keeper.take(message);
    if (message.type === "welcome") this.begin(message);
    else if (message.type === "turn") this.record.setTurn(message);
    else if (message.type === "notes") this.schedule(this.record.add(message.notes), message.held);
    else if (message.type === "cancel") this.cancel(message.numbers, message.at);
    else if (message.type === "tempo") this.setTempo(message);
    else if (message.type === "config") controls.show(message.config);
    else if (message.type === "model") controls.showModel(message.name);
    else if (message.type === "loading") controls.showLoading(message.name);
    else if (message.type === "bookmark") this.record.bookmarks.push(message);
    else if (message.type === "history") this.rewrite(message.notes, message.bookmarks);
    else if (message.type === "harmony") this.record.setHarmony(message);
    else if (message.type === "loop") showLoop(message.is_on);
    else if (message.type === "latency") this.measure(message);
    else if (message.type === "error" && message.fields) controls.refuse(message.fields, message.text);
    else if (message.type === "remark" || message.type === "error") toast(message.text, message.type);
    this.settle(message.type);
  }

  private setTempo(tempo: Tempo): void {
    this.record.setTempo(tempo);
    this.heard = tempo.steady ? this.heard : tempo;
  }

  private measure(message: Extract<Message, { type: "latency" }>): void {
    const { latency, session } = this.parts;
    latency.addAnswer(message);
    if (latency.key !== null) session.send({ type: "latency", seconds: latency.key });
  }

  /** What follows from what was heard. */
  private settle(type?: Message["type"]): void {
    if (type === "welcome" || type === "config" || type === "model")
      this.parts.synth.setPlayerProgram(this.program);
    if (type === "welcome" || type === "bookmark" || type === "history") this.onbookmarks();
    this.parts.controls.showHeard(this.heard?.quarters_per_minute ?? null);
    const { running, notes } = this.record;
    const start = element("start");
    start.ariaLabel = running ? texts.stop : texts.start;
    document.body.classList.toggle("running", running);
    document.body.classList.toggle("answered", running && this.record.answered);
    document.body.classList.toggle("empty", notes.length === 0 && !running);
    this.lastBusy = present();
  }

  private begin(welcome: Welcome): void {
    const { controls, session, synth } = this.parts;
    this.instruments = welcome.instruments;
    synth.setPresets(welcome.presets);
    controls.offer(welcome);
    const wasRunning = this.record.running;
    if (!welcome.resumed) this.forget();
    this.record.setTurn(welcome.turn);
    if (welcome.tempo) this.setTempo(welcome.tempo);
    showLoop(welcome.loop);
    this.rewrite(welcome.notes, welcome.bookmarks);
    const isOffered = welcome.models.some(({ name }) => name === settings.model);
    if (!isOffered) remember({ model: null });
    if (welcome.recalled !== null && wasRunning) session.send({ type: "start" }); // the server began anew
    if (welcome.resumed) return;
    const config = { ...recallConfig(welcome.config) };
    if (!keepsBeat({ ...welcome.config, ...config })) delete config.tempo; // it would be expected of the player
    if (Object.keys(config).length > 0) session.send({ type: "configure", config });
  }

  /** Clears the page, for another session on another clock. */
  forget(): void {
    this.replay.stop(present());
    this.scheduler.clear(present());
    this.record.clear();
    this.heard = null;
  }

  private rewrite(notes: Note[], bookmarks: Welcome["bookmarks"]): void {
    const kept = new Set(notes.map((note) => note.number));
    for (const { number } of this.record.notes)
      if (!kept.has(number)) this.scheduler.cancel(number, present());
    this.record.replace(notes, bookmarks);
    const now = this.parts.session.timeAt(present());
    this.schedule(notes.filter((note) => (note.end ?? 0) > now));
  }

  private schedule(notes: Note[], held: Readonly<{ [number: number]: number }> = {}): void {
    const { session } = this.parts;
    for (const note of notes) {
      if (note.end === null) continue;
      this.scheduler.add(note, session.momentAt(note.start), session.momentAt(held[note.number] ?? note.end));
    }
    this.look(); // the first may be due already
  }

  private cancel(numbers: number[], at: number): void {
    this.record.cancel(numbers, at);
    for (const number of numbers) this.scheduler.cancel(number, this.parts.session.momentAt(at));
  }

  private look(): void {
    const { synth } = this.parts;
    const moment = present();
    const horizon = document.hidden ? HORIZON_HIDDEN : HORIZON;
    synth.clock.follow();
    this.scheduler.advance(moment, horizon);
    this.replay.advance(moment, horizon);
    this.tick(moment, horizon);
  }

  private tick(moment: number, horizon: number): void {
    const { session, synth } = this.parts;
    const time = session.timeAt(moment);
    const tempo = this.record.tempoAt(time + horizon);
    if (!this.record.running || !tempo?.steady) return;
    const audioTime = (beat: number) => synth.clock.audioTimeAt(session.momentAt(beat));
    this.metronome.advance(tempo, Math.max(time, tempo.bar_line), time + horizon, audioTime);
  }

  private picture(): void {
    requestAnimationFrame(() => this.picture());
    const moment = present();
    const busy = this.record.running || this.tracker.count > 0 || this.scheduler.busy || this.replay.active;
    if (busy) this.lastBusy = moment;
    const active = moment - this.lastBusy < LINGER;
    if (!active && moment - this.lastDrawn < STILL) return;
    this.lastDrawn = moment;
    this.draw(moment, active);
  }

  private draw(moment: number, active: boolean): void {
    const { session, piano, roll } = this.parts;
    const now = session.timeAt(moment);
    const time = this.replay.active ? this.replay.timeAt(moment) : now;
    const flowing = !prefersReducedMotion();
    roll.draw(this.record, this.view.at(time, active, flowing), flowing);
    piano.light(this.record.sounding(time));
    this.turnBar.show(this.record.turnAt(now), this.record.tempoAt(now), now);
  }
}

function showLoop(isOn: boolean): void {
  element("loop").ariaPressed = String(isOn);
}
