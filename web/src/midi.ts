/**
 * A record as a MIDI file, made in the page: what `record_to_score` and the writer of MIDI files make of it in Python.
 *
 * A track has the notes of one side, channel and program, and of one model. The tempo map follows the beats, on a grid
 * so fine that every time is right within a tick.
 */

import { BasicMIDI, MIDIMessage, type MIDIMessageType, MIDITrack } from "spessasynth_core";
import { DRUM_CHANNEL, DRUMS } from "./channels";
import type { ControlRow, NoteRow, Row, Stored, TempoRow, TurnRow } from "./journal";

const TICKS = 960; // a quarter
const DEFAULT_TEMPO = 500_000; // microseconds a quarter
const [TEXT, NAME, MARKER, TEMPO, METER, KEY, PORT] = [0x01, 0x03, 0x06, 0x51, 0x58, 0x59, 0x21];
const MARKERS: { readonly [turn: string]: string } = { player: "you", model: "the model", both: "both" };
const MELODIC = [...Array(16).keys()].filter((channel) => channel !== DRUM_CHANNEL);

/** The order at one tick: ends of notes, names and signs, controls, programs, begins of notes. */
enum Rank {
  Off,
  Meta,
  Control,
  Program,
  On,
}

interface Segment {
  since: number;
  until: number;
  first: number;
  stop: number;
}

/** The segments of the log, in order, whose entries count. */
function pathOf(rows: readonly Row[]): Segment[] {
  const backs = rows.filter((row) => row[0] === "back");
  const path: Segment[] = [];
  let [until, stop] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (;;) {
    const back = backs.findLast((row) => row[1] < stop);
    path.unshift({ since: back?.[2] ?? 0, until, first: (back?.[1] ?? -1) + 1, stop });
    if (!back) return path;
    [, , , until, stop] = back;
  }
}

/** What counts in a record, on the clock of the piece: without what lies between segments. */
class Piece {
  readonly notes: { row: NoteRow; start: number; end: number; model: string }[] = [];
  readonly controls: ControlRow[] = [];
  turns: TurnRow[] = [];
  tempos: TempoRow[] = [];

  constructor({ entries, now }: Stored) {
    let length = 0;
    let place = 0;
    let model = "";
    for (const { since, until, first, stop } of pathOf(entries)) {
      const by = length - since;
      while ((entries[place]?.[1] ?? Number.POSITIVE_INFINITY) < first) place++;
      for (; place < entries.length; place++) {
        const row = entries[place] as Row;
        if (row[1] >= stop) break;
        if (row[0] === "model") model = row[2];
        else if (row[0] === "note" && row[3] < until) {
          const end = Math.max(row[3], Math.min(until, row[4] ?? now));
          this.notes.push({ row, start: row[3] + by, end: end + by, model });
        } else if (row[0] === "control" && row[2] < until) this.controls.push(at(row, 2, by));
        else if (row[0] === "turn" && row[3] < until) this.turns.push(at(row, 3, by));
        else if (row[0] === "tempo" && row[2] < until) this.tempos.push(at(row, 2, by));
      }
      length += until - since;
    }
    const last = this.notes.reduce((latest, { end }) => Math.max(latest, end), 0);
    this.turns = this.turns.filter(([, , , start]) => start <= last); // a turn in which nothing was played
    const heard = this.tempos.filter(([, , line]) => line <= last);
    this.tempos = heard.length > 0 ? heard : this.tempos.slice(0, 1);
  }
}

/** A row with its time, which stands at `place`, moved. */
function at<Kind extends Row>(row: Kind, place: number, by: number): Kind {
  return row.with(place, (row[place] as number) + by) as Kind;
}

/** From seconds to ticks, by a tempo map. */
class Clock {
  private readonly changes = [{ tick: 0, seconds: 0, micros: DEFAULT_TEMPO }];

  constructor(private readonly origin: number) {}

  tickAt(time: number): number {
    const seconds = Math.max(0, time - this.origin);
    let [low, high] = [0, this.changes.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.changes[middle]?.seconds ?? 0) <= seconds) low = middle;
      else high = middle;
    }
    const change = this.changes[low];
    return change ? roundToEven(change.tick + ((seconds - change.seconds) * 1e6 * TICKS) / change.micros) : 0;
  }

  /** Sets the tempo from a tick on that is not before the last one. */
  set(tick: number, micros: number): void {
    const last = this.changes.at(-1);
    if (!last) return;
    const seconds = last.seconds + ((tick - last.tick) * last.micros) / TICKS / 1e6;
    if (tick === last.tick) this.changes.pop();
    this.changes.push({ tick, seconds, micros });
  }
}

/** Rounds as Python does, so that both files have the same ticks. */
function roundToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** The MIDI file of a record. `programs`: General MIDI's names. */
export function midiOf(stored: Stored, programs: readonly string[]): Uint8Array<ArrayBuffer> {
  const piece = new Piece(stored);
  const begins = [...piece.notes.map(({ start }) => start), ...piece.tempos.map((row) => row[2])];
  const origin = begins.reduce((first, time) => Math.min(first, time), Number.POSITIVE_INFINITY);
  const clock = new Clock(Number.isFinite(origin) ? origin : 0);
  const midi = new BasicMIDI();
  midi.format = 1;
  midi.timeDivision = TICKS;
  midi.tracks.push(makeTrack(conductorEvents(piece, stored, clock))); // sets the clock's tempos
  const parts = new Map<string, Placed[]>();
  for (const note of piece.notes) {
    const part = partOf(note);
    parts.set(part, parts.get(part) ?? []);
    parts.get(part)?.push(note);
  }
  const tracks = [...parts.values()].map((notes) => ({
    notes,
    program: notes[0]?.row[8] ?? 0,
    controls: piece.controls.filter((row) => isHeardBy(row, notes)),
  }));
  const places = assignChannels(tracks);
  const seen = new Set<number>();
  tracks.forEach(({ notes, controls }, i) => {
    const place = places[i] ?? 0;
    const own = seen.has(place) ? [] : controls; // those of a channel are the same, and hold for all of it
    seen.add(place);
    midi.tracks.push(makeTrack(trackEvents(notes, own, place, clock, programs)));
  });
  return new Uint8Array(midi.writeMIDI());
}

type Placed = Piece["notes"][number];

function partOf({ row: [, , side, , , , , channel, program], model }: Placed): string {
  return JSON.stringify([side === "model" ? model : null, channel, program]);
}

function isHeardBy(control: ControlRow, [note]: readonly Placed[]): boolean {
  return note?.row[2] === "player" && note.row[7] === control[3];
}

/**
 * The place of each track: 16 times its port, and its channel.
 *
 * Every program gets a channel, and while channels are left every further track one of its own. After that, tracks of
 * one program and the same controls share theirs; with other controls they get the channel of the program on a further
 * port. So do drum kits, all on channel 10.
 */
function assignChannels(tracks: readonly { program: number; controls: readonly ControlRow[] }[]): number[] {
  const melodic = [...new Set(tracks.map(({ program }) => program).filter((program) => program !== DRUMS))];
  const size = MELODIC.length;
  const homes = melodic.map((_, i) => 16 * Math.floor(i / size) + (MELODIC[i % size] ?? 0));
  const free = MELODIC.slice(melodic.length);
  const taken = new Set(homes);
  const entered = new Set<number>();
  const found = new Map<string, number>(); // by sound
  let kits = 0;
  return tracks.map(({ program, controls }) => {
    const sound = JSON.stringify([program, controls]);
    let place = homes[melodic.indexOf(program)] ?? DRUM_CHANNEL;
    if (program === DRUMS) place = found.get(sound) ?? 16 * kits++ + DRUM_CHANNEL;
    else if (entered.has(program)) {
      const other = free.shift() ?? found.get(sound);
      if (other === undefined) while (taken.has(place)) place += 16;
      place = other ?? place;
    }
    entered.add(program);
    taken.add(place);
    if (!found.has(sound)) found.set(sound, place);
    return place;
  });
}

interface Event {
  tick: number;
  rank: Rank;
  status: number;
  data: ArrayLike<number>;
}

function meta(tick: number, status: number, content: ArrayLike<number> | string): Event {
  const data = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { tick, rank: Rank.Meta, status, data };
}

/** Title, recipe, turns, tempos, meters and key; sets the tempos of the clock. */
function conductorEvents(piece: Piece, { recipe, key }: Stored, clock: Clock): Event[] {
  const models = [...new Set(piece.notes.filter(({ row }) => row[2] === "model").map(({ model }) => model))];
  const title = ["A jam", models.join(" and ")].filter(Boolean).join(" with ");
  const signs = new Map<number, Event[]>();
  for (const [, , line, tempo, [numerator, denominator]] of piece.tempos.sort((a, b) => a[2] - b[2])) {
    const tick = clock.tickAt(line);
    const micros = Math.max(1, roundToEven(60e6 / tempo));
    clock.set(tick, micros);
    const clicks = Math.max(1, Math.floor(96 / denominator)); // MIDI clocks, 24 to a quarter, in one beat
    signs.set(tick, [
      meta(tick, TEMPO, [micros >> 16, (micros >> 8) & 255, micros & 255]),
      meta(tick, METER, [numerator, Math.log2(denominator), clicks, 8]),
    ]);
  }
  const turns = piece.turns
    .filter(([, , turn]) => turn in MARKERS)
    .map(([, , turn, start, , number]) => meta(clock.tickAt(start), MARKER, `${MARKERS[turn]} ${number}`));
  return [
    meta(0, NAME, title),
    ...(recipe ? [meta(0, TEXT, recipe)] : []),
    ...turns,
    ...[...signs.values()].flat(),
    ...(key ? [meta(0, KEY, [key[0] & 255, Number(key[1])])] : []),
  ];
}

function trackEvents(
  notes: readonly Placed[],
  controls: readonly ControlRow[],
  place: number,
  clock: Clock,
  programs: readonly string[],
): Event[] {
  const [channel, port] = [place % 16, Math.floor(place / 16)];
  const side = notes[0]?.row[2] === "model" ? capitalized(notes[0].model) : "You";
  const program = notes[0]?.row[8] ?? 0;
  const instrument = program === DRUMS ? "drums" : programs[program];
  const events = [meta(0, NAME, `${side}: ${instrument}`)];
  if (port > 0) events.push(meta(0, PORT, [port]));
  const first = notes.reduce((least, { start }) => Math.min(least, clock.tickAt(start)), Number.MAX_VALUE);
  const banks = new Set(controls.filter(isBankSelect).map((row) => clock.tickAt(row[2])));
  if (![...banks].some((tick) => tick <= first)) banks.add(0);
  for (const tick of banks) // a bank has no effect without a program after it
    events.push({
      tick,
      rank: Rank.Program,
      status: 0xc0 | channel,
      data: [program === DRUMS ? 0 : program],
    });
  for (const [, , time, , kind, number, value] of controls) {
    const data =
      kind === 0xe0 ? [value + 8192, (value + 8192) >> 7] : kind === 0xd0 ? [value] : [number, value];
    const bytes = data.map((byte) => byte & 127);
    events.push({ tick: clock.tickAt(time), rank: Rank.Control, status: kind | channel, data: bytes });
  }
  for (const { row, start, end } of notes) {
    const [, , , , , pitch, velocity] = row;
    const tick = clock.tickAt(start);
    const stop = Math.max(tick + 1, clock.tickAt(end));
    events.push({ tick, rank: Rank.On, status: 0x90 | channel, data: [pitch, velocity] });
    events.push({ tick: stop, rank: Rank.Off, status: 0x80 | channel, data: [pitch, 64] });
  }
  return events;
}

function isBankSelect([, , , , kind, number]: ControlRow): boolean {
  return kind === 0xb0 && (number === 0 || number === 32);
}

/** As Python's `capitalize`. */
function capitalized(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1).toLowerCase();
}

function makeTrack(events: Event[]): MIDITrack {
  const track = new MIDITrack();
  events.sort((a, b) => a.tick - b.tick || a.rank - b.rank);
  for (const { tick, status, data } of events)
    track.pushEvent(new MIDIMessage(tick, status as MIDIMessageType, Uint8Array.from(data)));
  return track;
}
