/** A session in this page instead of a server: a worker that runs the server's Python. */

import { texts } from "../texts";
import type { Socket, Wire } from "../wire";
import { loadFile, type Offline, scriptAddress } from "./files";
import type { Order, Report } from "./worker";
import script from "./worker?worker&url";

interface Asked {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export class WorkerWire implements Wire {
  /** Resolves when Python runs; rejects with a line for people. */
  readonly ready: Promise<unknown>;
  private worker: Worker | null = null;
  private readonly asked: Asked[] = [];
  private socket: WorkerSocket | null = null;

  constructor(offline: Offline) {
    this.ready = this.load(offline);
    this.ready.catch(() => {});
  }

  open(): Socket {
    this.socket = new WorkerSocket((frame) =>
      this.worker?.postMessage({ kind: "frame", frame } satisfies Order),
    );
    const { socket } = this;
    this.ready.then(
      () => socket.begin(),
      () => {},
    );
    return socket;
  }

  async fetch(_: string | null, name: string, init?: RequestInit): Promise<Response> {
    const body = init?.body ? await new Response(init.body).arrayBuffer() : null;
    try {
      return new Response((await this.ask(name, body)) as BodyInit | null);
    } catch (error) {
      return new Response((error as Error).message, { status: 400 });
    }
  }

  /** Asks the worker for something besides the messages of the session; see `bridge.py`. */
  async ask(what: string, given: ArrayBuffer | string | null = null): Promise<unknown> {
    await this.ready;
    return this.order((number) => ({ kind: "ask", number, what, given }));
  }

  private async load({ files, ...facts }: Offline): Promise<unknown> {
    this.worker = new Worker(await scriptAddress(script), { type: "module" }); // Pyodide runs in no other
    this.worker.onmessage = ({ data }: MessageEvent<Report>) => this.hear(data);
    const loaded = await Promise.all(files.map(async (name) => [name, await loadFile(name)] as const));
    const data = loaded.map(([, data]) => data);
    return this.order((number) => ({ kind: "begin", number, files: new Map(loaded), facts }), data).catch(
      (error) => {
        throw new Error(texts.offlineBroken(error.message));
      },
    );
  }

  private order(make: (number: number) => Order, transfer: ArrayBuffer[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const number = this.asked.push({ resolve, reject }) - 1;
      this.worker?.postMessage(make(number), { transfer });
    });
  }

  private hear(report: Report): void {
    if (report.kind === "frame") this.socket?.hear(report.frame);
    else if (report.error === undefined) this.asked[report.number]?.resolve(report.result);
    else this.asked[report.number]?.reject(new Error(report.error));
  }
}

class WorkerSocket implements Socket {
  readyState: number = WebSocket.CONNECTING;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent<string>) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;

  constructor(private readonly write: (frame: string) => void) {}

  begin(): void {
    if (this.readyState !== WebSocket.CONNECTING) return;
    this.readyState = WebSocket.OPEN;
    this.onopen?.(new Event("open"));
  }

  hear(frame: string): void {
    if (this.readyState === WebSocket.OPEN) this.onmessage?.(new MessageEvent("message", { data: frame }));
  }

  send(text: string): void {
    if (this.readyState === WebSocket.OPEN) this.write(text);
  }

  close(): void {
    this.readyState = WebSocket.CLOSED;
  }
}
