/** A Live Set in memory, with the classes of the SDK as their types say. */

import type * as Sdk from "@ableton-extensions/sdk";

type V = "1.0.0";
let handles = 0n;

export class DataModelObject implements Sdk.DataModelObject<V> {
  readonly handle: Sdk.Handle = { id: handles++ };
  parent: DataModelObject | null = null;
}

export class Device extends DataModelObject implements Sdk.Device<V> {}
export class DrumRack extends Device implements Sdk.DrumRack<V> {}
export class TakeLane extends DataModelObject implements Sdk.TakeLane<V> {}

export class Clip extends DataModelObject implements Sdk.Clip<V> {
  name = "";
  startMarker = 0;
  looping = false;
  loopStart = 0;
  constructor(
    readonly startTime: number,
    readonly endTime: number,
  ) {
    super();
  }
  get loopEnd(): number {
    return this.startMarker + this.endTime - this.startTime;
  }
}

export class MidiClip extends Clip implements Sdk.MidiClip<V> {
  #notes: Sdk.NoteDescription[] = [];
  get notes(): Sdk.NoteDescription[] {
    return structuredClone(this.#notes); // Live hands out values, not its own notes
  }
  set notes(value: Sdk.NoteDescription[]) {
    live.changed();
    this.#notes = structuredClone(value);
  }
}

export class ClipSlot extends DataModelObject implements Sdk.ClipSlot<V> {
  clip: Clip | null = null;
  async createMidiClip(length: number): Promise<MidiClip> {
    live.changed();
    const clip = new MidiClip(0, length);
    clip.parent = this;
    this.clip = clip;
    return clip;
  }
}

export class Track extends DataModelObject implements Sdk.Track<V> {
  name = "";
  devices: Device[] = [];
  clipSlots: ClipSlot[] = [];
  arrangementClips: Clip[] = [];
  constructor(slots = 2) {
    super();
    for (let n = 0; n < slots; n++) {
      const slot = new ClipSlot();
      slot.parent = this;
      this.clipSlots.push(slot);
    }
  }
}

export class MidiTrack extends Track implements Sdk.MidiTrack<V> {
  async createMidiClip(startTime: number, duration: number): Promise<MidiClip> {
    live.changed();
    const clip = new MidiClip(startTime, startTime + duration);
    clip.parent = this;
    this.arrangementClips.push(clip);
    return clip;
  }
}

export class AudioTrack extends Track {}

export class Scene extends DataModelObject implements Sdk.Scene<V> {
  signatureNumerator = -1; // not set, as in a new Set
  signatureDenominator = -1;
}

export class Song extends DataModelObject implements Sdk.Song<V> {
  tempo = 120;
  scenes = [new Scene(), new Scene()];
  tracks: Track[] = [];
  async createMidiTrack(): Promise<MidiTrack> {
    live.changed();
    const track = new MidiTrack();
    this.tracks.push(track);
    return track;
  }
}

export class Application extends DataModelObject implements Sdk.Application<V> {
  song = new Song();
}

/** What Live does around an extension; `fill` answers a dialog, `abort` cancels the progress dialog. */
class Live {
  application = new Application();
  commands = new Map<string, (...args: unknown[]) => void>();
  menu: { scope: string; title: string; id: string }[] = [];
  objects: DataModelObject[] = [];
  pages: string[] = [];
  steps = 0;
  #depth = 0;
  fill: (html: string) => string = () => "";
  abort = new AbortController();
  storageDirectory: string | undefined;
  finished: Promise<unknown> = Promise.resolve();

  changed(): void {
    if (this.#depth === 0) this.steps++;
  }

  transaction<T>(fn: () => T): T {
    this.#depth++;
    try {
      const result = fn();
      if (result instanceof Promise) throw new Error("a transaction must be synchronous");
      return result;
    } finally {
      this.#depth--;
      this.steps++;
    }
  }

  add<T extends DataModelObject>(object: T): T {
    this.objects.push(object);
    return object;
  }
}

export let live = new Live();

export function newLive(): Live {
  live = new Live();
  return live;
}

export function initialize(_: Sdk.ActivationContext, version: V): Sdk.ExtensionContext<V> {
  if (version !== "1.0.0") throw new Error(`unknown version ${version}`);
  return {
    application: live.application,
    commands: { registerCommand: (id, callback) => void live.commands.set(id, callback) },
    environment: {
      get storageDirectory() {
        return live.storageDirectory;
      },
    },
    ui: {
      async registerContextMenuAction(scope, title, id) {
        live.menu.push({ scope, title, id });
        return async () => {};
      },
      async showModalDialog(url, width, height) {
        if (!(width > 0 && height > 0)) throw new Error("no size");
        const html = decodeURIComponent(url.replace("data:text/html,", ""));
        live.pages.push(html);
        return live.fill(html);
      },
      withinProgressDialog: (_text, _options, callback) => callback(async () => {}, live.abort.signal),
    },
    getObjectFromHandle(handle, type) {
      const found = live.objects.find((object) => object.handle.id === handle.id);
      if (!(found instanceof type)) throw new Error("Invalid object reference");
      return found as InstanceType<typeof type>;
    },
    withinTransaction: (fn) => live.transaction(fn),
  };
}
