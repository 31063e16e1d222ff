/**
 * Ritornello for Ableton Live: right-click a MIDI clip, and a model that `ritornello serve` holds composes in it.
 *
 * Infill and vary are one step of undo. Accompany adds tracks with a clip each; adding a track takes time, so Live
 * keeps a step for the tracks, one for the clips and one for the notes.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type ActivationContext,
  type ArrangementSelection,
  ClipSlot,
  DataModelObject,
  DrumRack,
  type ExtensionContext,
  type Handle,
  initialize,
  MidiClip,
  MidiTrack,
  TakeLane,
} from "@ableton-extensions/sdk";
import {
  barsOf,
  changed,
  checkFilled,
  type Meter,
  parseBars,
  selectedBars,
  soundingRegion,
  toDescriptions,
  toPiece,
} from "./clip.js";
import { type Field, formPage, messagePage } from "./form.js";
import { compose, type Piece, Refusal, type Request, type Verb } from "./service.js";

type Context = ExtensionContext<"1.0.0">;
type Target = { clip: MidiClip<"1.0.0">; from?: number; to?: number };
type Settings = Record<string, string>;

const TITLES: Record<Verb, string> = {
  infill: "Ritornello: Infill Bars...",
  vary: "Ritornello: Vary...",
  accompany: "Ritornello: Accompany...",
};

export function activate(activation: ActivationContext): void {
  const context = initialize(activation, "1.0.0");
  const register = (
    id: string,
    scope: "MidiClip" | "MidiTrack.ArrangementSelection",
    title: string,
    run: (argument: unknown) => Promise<void>,
  ) => {
    context.commands.registerCommand(id, (argument) => told(context, () => run(argument)));
    void context.ui.registerContextMenuAction(scope, title, id);
  };
  for (const verb of ["infill", "vary", "accompany"] as const) {
    register(`ritornello.${verb}`, "MidiClip", TITLES[verb], (argument) =>
      perform(context, verb, {
        clip: context.getObjectFromHandle(argument as Handle, MidiClip),
      }),
    );
  }
  register(
    "ritornello.infillSelection",
    "MidiTrack.ArrangementSelection",
    "Ritornello: Infill Time Selection...",
    (argument) => perform(context, "infill", findTarget(context, argument as ArrangementSelection)),
  );
}

/** Run, and tell the user what is refused or goes wrong. */
async function told(context: Context, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Refusal)) console.error(error);
    await context.ui.showModalDialog(messagePage((error as Error).message), 360, 140);
  }
}

/** Return the one MIDI clip under a time selection, and the selected times of the clip. */
function findTarget(context: Context, selection: ArrangementSelection): Target {
  const start = Number(selection.time_selection_start);
  const end = Number(selection.time_selection_end);
  const clips = selection.selected_lanes
    .map((handle) => context.getObjectFromHandle(handle, DataModelObject))
    .filter((lane) => lane instanceof MidiTrack)
    .flatMap((track) => track.arrangementClips)
    .filter((clip) => Number(clip.startTime) < end && Number(clip.endTime) > start);
  const clip = clips[0];
  if (!(clip instanceof MidiClip)) throw new Refusal("There is no MIDI clip in the time selection.");
  if (clips.length > 1) throw new Refusal("Select a time inside one MIDI clip.");
  if (end <= start) throw new Refusal("No time is selected. Select the bars to compose anew.");
  const shift = Number(clip.startMarker) - Number(clip.startTime);
  return { clip, from: start + shift, to: end + shift };
}

/** Return the track of a clip, and its place in the session; null for a clip of the arrangement. */
function placeOf(clip: MidiClip<"1.0.0">): { track: MidiTrack<"1.0.0">; slot: number | null } {
  const parent = clip.parent;
  const above = parent instanceof ClipSlot || parent instanceof TakeLane ? parent.parent : parent;
  if (!(above instanceof MidiTrack)) throw new Refusal("The clip is on no MIDI track.");
  if (!(parent instanceof ClipSlot)) return { track: above, slot: null };
  return { track: above, slot: above.clipSlots.findIndex((slot) => slot.handle.id === parent.handle.id) };
}

/** Return the meter of a scene; the SDK does not tell that of the song. */
function guessMeter(context: Context, slot: number | null): Meter {
  const scene = context.application.song.scenes[slot ?? 0];
  const [numerator, denominator] = [Number(scene?.signatureNumerator), Number(scene?.signatureDenominator)];
  return numerator > 0 && denominator > 0 ? { numerator, denominator } : { numerator: 4, denominator: 4 };
}

function parseMeter(text: string): Meter {
  const [, numerator, denominator] = text.match(/^\s*(\d{1,2})\s*\/\s*(1|2|4|8|16|32)\s*$/) ?? [];
  if (!Number(numerator)) throw new Refusal(`"${text}" is no meter: write for instance 3/4.`);
  return { numerator: Number(numerator), denominator: Number(denominator) };
}

function toNumber(text: string, what: string, isAllowed: (value: number) => boolean): number {
  const value = text.trim() === "" ? Number.NaN : Number(text.replace(",", "."));
  if (!isAllowed(value)) throw new Refusal(`The ${what} cannot be "${text}".`);
  return value;
}

async function perform(context: Context, verb: Verb, { clip, from, to }: Target): Promise<void> {
  const { track, slot } = placeOf(clip);
  const guessed = guessMeter(context, slot);
  const guessedRegion = soundingRegion(clip, guessed);
  const bars =
    from === undefined || to === undefined
      ? selectedBars(guessedRegion, clip.notes)
      : barsOf(guessedRegion, from, to);
  const settings = await ask(context, verb, {
    bars,
    meter: `${guessed.numerator}/${guessed.denominator}`,
  });
  if (!settings) return;

  const meter = parseMeter(settings.meter ?? "");
  const region = soundingRegion(clip, meter);
  const notes = clip.notes;
  const isProgram = (value: number) => Number.isInteger(value) && value >= 1 && value <= 128;
  const piece = toPiece(region, notes, meter, Number(context.application.song.tempo), {
    name: track.name,
    program: toNumber(settings.program ?? "", "General MIDI program", isProgram) - 1,
    drums: track.devices.some((device) => device instanceof DrumRack),
  });
  const request: Request = { music: piece };
  if (settings.model) request.model = settings.model;
  if (settings.seed) request.seed = toNumber(settings.seed, "seed", Number.isSafeInteger);
  const every = Array.from({ length: region.bars }, (_, index) => index + 1);
  const open = verb === "infill" ? parseBars(settings.bars ?? "") : new Set(every);
  if (verb === "infill") request.infill = settings.bars ?? "";
  if (verb === "vary") {
    request.vary = toNumber(settings.share ?? "", "share of bars", (value) => value > 0 && value <= 1);
  }
  if (verb === "accompany") {
    if (region.origin < region.from - 1e-3) throw new Refusal("Let the clip begin at a bar line.");
    const instruments = (settings.instruments ?? "").split(",").map((each) => each.trim());
    if (instruments[0]) request.instruments = instruments;
  } else {
    checkFilled(region, open);
  }

  const composed = await composeShown(context, settings.server ?? "", verb, request);
  if (!composed) return;
  if (verb === "accompany") {
    const start = slot === null ? Number(clip.startTime) : null;
    await addTracks(context, composed, slot, start, region.to - region.origin);
  } else {
    context.withinTransaction(() => {
      clip.notes = changed(region, notes, composed, open);
    });
  }
}

/** Compose while Live shows its progress dialog; undefined if the user cancels there. */
async function composeShown(
  context: Context,
  server: string,
  verb: Verb,
  request: Request,
): Promise<Piece | undefined> {
  let problem: unknown;
  const piece = await context.ui.withinProgressDialog("Ritornello composes", {}, async (_, signal) => {
    try {
      return await compose(server, verb, request, signal);
    } catch (error) {
      problem = signal.aborted ? undefined : error;
      return undefined;
    }
  });
  if (problem) throw problem;
  return piece as Piece | undefined;
}

/** Add a track with a clip for each part that the model added, in the same scene or at the same time. */
async function addTracks(
  context: Context,
  composed: Piece,
  slot: number | null,
  start: number | null,
  length: number,
): Promise<void> {
  const added = composed.tracks.slice(1).filter((track) => track.notes.length > 0);
  if (added.length === 0) throw new Refusal("The model added no notes. Try another seed.");
  const song = context.application.song;
  const tracks = await Promise.all(context.withinTransaction(() => added.map(() => song.createMidiTrack())));
  const clips = await Promise.all(
    context.withinTransaction(() =>
      tracks.map((track) => {
        const free = slot === null ? undefined : track.clipSlots[slot];
        return free ? free.createMidiClip(length) : track.createMidiClip(start ?? 0, length);
      }),
    ),
  );
  context.withinTransaction(() => {
    added.forEach((part, index) => {
      const [track, clip] = [tracks[index], clips[index]];
      if (!track || !clip) return;
      track.name = part.name;
      clip.notes = toDescriptions(composed, part.notes, 0);
    });
  });
}

const SHARE: Field = { name: "share", label: "Share of bars to vary", value: "0.3" };
const INSTRUMENTS: Field = { name: "instruments", label: "Instruments", value: "", hint: "any" };
const COMMON: Field[] = [
  { name: "program", label: "The clip sounds like General MIDI program (1 to 128)", value: "1" },
  { name: "model", label: "Model", value: "songs" },
  { name: "seed", label: "Seed", value: "", hint: "any" },
  { name: "server", label: "Server", value: "http://127.0.0.1:8766" },
];

/** Return what the user sets; null for Cancel. What was set last is offered, but not what belongs to the clip. */
async function ask(
  context: Context,
  verb: Verb,
  clip: { bars: string; meter: string },
): Promise<Settings | null> {
  const path = join(context.environment.storageDirectory ?? ".", "settings.json");
  const kept = readSettings(path);
  const own: Field[] = {
    infill: [{ name: "bars", label: "Bars to compose anew", value: clip.bars, hint: "2-3" }],
    vary: [SHARE],
    accompany: [INSTRUMENTS],
  }[verb];
  const meter: Field = { name: "meter", label: "Meter", value: clip.meter };
  const fields = [...own, meter, ...COMMON].map((field) =>
    ["bars", "meter", "seed"].includes(field.name)
      ? field
      : { ...field, value: kept[field.name] ?? field.value },
  );
  const answer = await context.ui.showModalDialog(
    formPage(fields, verb[0]?.toUpperCase() + verb.slice(1)),
    380,
    75 + 50 * fields.length,
  );
  if (!answer) return null;
  const settings = JSON.parse(answer) as Settings;
  if (context.environment.storageDirectory) writeFileSync(path, JSON.stringify({ ...kept, ...settings }));
  return settings;
}

function readSettings(path: string): Settings {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Settings;
  } catch {
    return {}; // nothing was kept yet
  }
}
