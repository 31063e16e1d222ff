/**
 * The worker of a page without a server: Python compiled to WebAssembly, with the session as the server has it.
 *
 * What comes in: first the files, then requests of the page. What goes out: the messages of the session, as text.
 * See `ritornello/live/offline/host.py` for the Python side.
 */

import { Network, type Shape } from "./network";

/** Python's objects, as far as they are used here. */
interface Python {
  unpackArchive(data: ArrayBuffer, format: string, options?: object): void;
  pyimport(name: string): { Bridge: (...given: unknown[]) => Host };
  runPython(code: string): unknown;
}

interface Host {
  receive(frame: string): void;
  advance(): number;
  answer(what: string, given: Uint8Array | string | null): unknown;
}

export interface Facts {
  inputs: Shape[];
  outputs: string[];
  wheels: string[];
}

export type Order =
  | { kind: "begin"; number: number; files: Map<string, ArrayBuffer>; facts: Facts }
  | { kind: "frame"; frame: string }
  | { kind: "ask"; number: number; what: string; given: ArrayBuffer | string | null };

export type Report =
  | { kind: "frame"; frame: string }
  | { kind: "answer"; number: number; result?: unknown; error?: string };

let host: Host | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
const LONGEST_RUN = 8; // milliseconds of steps between two looks at what the page says

function report(what: Report): void {
  postMessage(what);
}

addEventListener("message", async ({ data }: MessageEvent<Order>) => {
  if (data.kind === "frame") host?.receive(data.frame);
  else {
    const { number } = data;
    try {
      const result = data.kind === "begin" ? await begin(data.files, data.facts) : ask(data.what, data.given);
      report({ kind: "answer", number, result });
    } catch (error) {
      report({ kind: "answer", number, error: lineOf(error as Error) });
    }
  }
  run();
});

/** What an error says: of Python's, the last line without the name of its class. */
function lineOf(error: Error): string {
  const line = error.message.trim().split("\n").pop() ?? "";
  return line.replace(/^[\w.]*Error: /, "");
}

function ask(what: string, given: ArrayBuffer | string | null): unknown {
  return host?.answer(what, given instanceof ArrayBuffer ? new Uint8Array(given) : given);
}

/** Lets the session go on until it waits, and calls itself again when it is due. */
function run(): void {
  clearTimeout(timer);
  const began = performance.now();
  let wait = 0;
  while (wait === 0 && performance.now() - began < LONGEST_RUN)
    wait = host?.advance() ?? Number.POSITIVE_INFINITY;
  if (wait === 0)
    channel.port2.postMessage(null); // at once, but after what has come meanwhile
  else timer = setTimeout(run, Math.max(1000 * wait, 0));
}
const channel = new MessageChannel();
channel.port1.onmessage = run;

async function begin(files: Map<string, ArrayBuffer>, facts: Facts): Promise<void> {
  const take = (name: string): ArrayBuffer => {
    const file = files.get(name);
    if (!file) throw new Error(`The page lacks the file ${name}.`);
    return file;
  };
  const load = async (name: string) => {
    const address = URL.createObjectURL(new Blob([take(name)], { type: "text/javascript" }));
    return import(/* @vite-ignore */ address);
  };
  const network = Network.build(
    (await load("ort-wasm-simd-threaded.mjs")).default,
    take("ort-wasm-simd-threaded.wasm"),
    new Uint8Array(take("model.onnx")),
    facts.inputs,
    facts.outputs,
  );
  const python = await loadPython(files, take, load);
  for (const wheel of facts.wheels) python.unpackArchive(take(wheel), "wheel");
  python.unpackArchive(take("ritornello.zip"), "zip", { extractDir: "/lib/python3.14/site-packages" });
  const built = await network;
  const bridge = python.pyimport("ritornello.live.offline.bridge");
  const step = (batch: number, arrays: (Float32Array | BigInt64Array)[]) => built.step(batch, arrays);
  const post = (frame: string) => report({ kind: "frame", frame });
  host = bridge.Bridge(new Uint8Array(take("model.json")), new Uint8Array(take("model.npz")), step, post);
}

async function loadPython(
  files: Map<string, ArrayBuffer>,
  take: (name: string) => ArrayBuffer,
  load: (name: string) => Promise<Record<string, unknown>>,
): Promise<Python> {
  const { loadPyodide } = await load("pyodide.mjs");
  const createPyodideModule = (await load("pyodide.asm.mjs")).default;
  const fetchIt = self.fetch;
  // Pyodide asks for its files by address; they are here already.
  self.fetch = async (input, init) => {
    const name =
      String(input instanceof Request ? input.url : input)
        .split(/[/?#]/)
        .pop() ?? "";
    if (!files.has(name)) return fetchIt(input, init);
    const type = name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
    return new Response(take(name), { headers: { "content-type": type } });
  };
  const begin = loadPyodide as (options: object) => Promise<Python>;
  const lockFileContents = new TextDecoder().decode(take("pyodide-lock.json"));
  return begin({ indexURL: "https://here.invalid/", createPyodideModule, lockFileContents });
}
