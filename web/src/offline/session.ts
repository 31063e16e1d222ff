/** A session kept in this page: a worker with Python, for a page without a server. */

import { OffsetEstimator } from "../clock";
import type { Message, Request } from "../messages";
import { present, type Reach, type Session } from "../session";
import { texts } from "../texts";
import { loadFile, type Offline } from "./files";
import type { Order, Report } from "./worker";
import SessionWorker from "./worker?worker&inline";

const PING_EVERY = 2000; // milliseconds

interface Asked {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export class OfflineSession implements Session {
  onmessage: (message: Message) => void = () => {};
  onreach: (reach: Reach) => void = () => {};

  /** Resolves when the session is there; rejects with a line for people. */
  readonly ready: Promise<void>;
  private readonly worker = new SessionWorker();
  private readonly clock = new OffsetEstimator();
  private readonly asked: Asked[] = [];
  private begun: Asked | null = null;

  constructor(offline: Offline) {
    this.worker.onmessage = ({ data }: MessageEvent<Report>) => this.hear(data);
    this.ready = new Promise((resolve, reject) => {
      this.begun = { resolve: () => resolve(), reject };
    });
    this.load(offline).catch((error: Error) => this.begun?.reject(error));
    setInterval(() => this.ping(), PING_EVERY);
  }

  send(request: Request): void {
    this.order({ kind: "frame", frame: JSON.stringify(request) });
  }

  timeAt(moment: number): number {
    return moment + this.clock.offset;
  }

  momentAt(time: number): number {
    return time - this.clock.offset;
  }

  async download(suffix: string): Promise<Blob> {
    if (suffix !== "mid") throw new Error(texts.onlyMidi);
    return new Blob([(await this.ask("midi", "")) as Uint8Array<ArrayBuffer>], { type: "audio/midi" });
  }

  async playCall(file: Blob): Promise<void> {
    const refused = await this.ask("call", await file.arrayBuffer());
    if (refused) throw new Error(String(refused));
  }

  /** Asks the worker for something besides the messages of the session; see `bridge.py`. */
  ask(what: "call" | "midi" | "steps" | "log", given: ArrayBuffer | string): Promise<unknown> {
    const number = this.asked.length;
    this.order({ kind: "ask", number, what, given });
    return new Promise((resolve, reject) => {
      this.asked[number] = { resolve, reject };
    });
  }

  private async load({ files, ...facts }: Offline): Promise<void> {
    const loaded = await Promise.all(files.map(async (name) => [name, await loadFile(name)] as const));
    const order: Order = { kind: "begin", files: new Map(loaded), facts };
    this.worker.postMessage(order, { transfer: loaded.map(([, data]) => data) });
  }

  private order(order: Order): void {
    this.worker.postMessage(order);
  }

  private hear(report: Report): void {
    if (report.kind === "failed") this.begun?.reject(new Error(report.text));
    else if (report.kind === "answer") {
      const { resolve, reject } = this.asked[report.number] as Asked;
      if (report.error === undefined) resolve(report.result);
      else reject(new Error(report.error));
    } else this.tell(JSON.parse(report.frame));
  }

  private tell(message: Message): void {
    if (message.type === "pong") {
      this.clock.add(message.time, present(), message.now);
      return;
    }
    if (message.type === "welcome") {
      if (!message.resumed) this.clock.reset();
      this.clock.add(present() - 1, present() + 1, message.now); // until a ping says better
      for (let i = 0; i < 5; i++) setTimeout(() => this.ping(), 60 * i);
      this.onreach("there");
      this.begun?.resolve(null);
    }
    this.onmessage(message);
  }

  private ping(): void {
    this.order({ kind: "frame", frame: JSON.stringify({ type: "ping", time: present() }) });
  }
}
