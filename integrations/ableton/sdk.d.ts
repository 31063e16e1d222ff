/**
 * The part of Ableton's Extensions SDK, API version 1.0.0, that this extension uses, as its reference describes it.
 *
 * Ableton gives the SDK to testers of Live 12.4.5 and does not let it be passed on, and it is in no registry. The tests
 * are made on these types; `npm run build` takes those of the SDK.
 */

export type ApiVersion = "1.0.0";

export interface ActivationContext {
  hostApiVersion: string;
}

export interface Handle {
  id: bigint;
}

/** Times in beats of the arrangement; a beat is a quarter note. */
export interface ArrangementSelection {
  time_selection_start: number;
  time_selection_end: number;
  selected_lanes: Handle[];
}

/** Times in beats of the clip. */
export type NoteDescription = {
  pitch: number;
  startTime: number;
  duration: number;
  velocity?: number;
  muted?: boolean;
  probability?: number;
  velocityDeviation?: number;
  releaseVelocity?: number;
  selected?: boolean;
};

export class DataModelObject<Version extends ApiVersion> {
  readonly handle: Handle;
  get parent(): DataModelObject<Version> | null;
}

export class Device<Version extends ApiVersion> extends DataModelObject<Version> {}
export class DrumRack<Version extends ApiVersion> extends Device<Version> {}

export class Clip<Version extends ApiVersion> extends DataModelObject<Version> {
  get name(): string;
  set name(value: string);
  get startTime(): number;
  get endTime(): number;
  get startMarker(): number;
  get looping(): boolean;
  get loopStart(): number;
  get loopEnd(): number;
}

export class MidiClip<Version extends ApiVersion> extends Clip<Version> {
  get notes(): NoteDescription[];
  set notes(value: NoteDescription[]);
}

export class ClipSlot<Version extends ApiVersion> extends DataModelObject<Version> {
  get clip(): Clip<Version> | null;
  createMidiClip(length: number): Promise<MidiClip<Version>>;
}

export class TakeLane<Version extends ApiVersion> extends DataModelObject<Version> {}

export class Track<Version extends ApiVersion> extends DataModelObject<Version> {
  get name(): string;
  set name(value: string);
  get devices(): Device<Version>[];
  get clipSlots(): ClipSlot<Version>[];
  get arrangementClips(): Clip<Version>[];
}

export class MidiTrack<Version extends ApiVersion> extends Track<Version> {
  createMidiClip(startTime: number, duration: number): Promise<MidiClip<Version>>;
}

export class Scene<Version extends ApiVersion> extends DataModelObject<Version> {
  get signatureNumerator(): number;
  get signatureDenominator(): number;
}

export class Song<Version extends ApiVersion> extends DataModelObject<Version> {
  get tempo(): number;
  get scenes(): Scene<Version>[];
  createMidiTrack(): Promise<MidiTrack<Version>>;
}

export class Application<Version extends ApiVersion> extends DataModelObject<Version> {
  get song(): Song<Version>;
}

export interface ExtensionContext<Version extends ApiVersion> {
  application: Application<Version>;
  commands: { registerCommand(id: string, callback: (...args: unknown[]) => void): void };
  environment: { get storageDirectory(): string | undefined };
  ui: {
    registerContextMenuAction(
      scope: "MidiClip" | "MidiTrack.ArrangementSelection",
      title: string,
      commandId: string,
    ): Promise<() => Promise<void>>;
    showModalDialog(url: string, width: number, height: number): Promise<string>;
    withinProgressDialog(
      text: string,
      options: { progress?: number },
      callback: (
        update: (text: string, progress?: number) => Promise<void>,
        abortSignal: AbortSignal,
      ) => Promise<unknown>,
    ): Promise<unknown>;
  };
  getObjectFromHandle<T extends DataModelObject<Version>>(handle: Handle, type: new (...args: never) => T): T;
  /** One step of undo; `fn` must be synchronous. */
  withinTransaction<T>(fn: () => T): T;
}

export function initialize<Version extends ApiVersion>(
  activation: ActivationContext,
  version: Version,
): ExtensionContext<Version>;
