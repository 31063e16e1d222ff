/**
 * The network of a model on ONNX Runtime for WebAssembly, one step at a time, while the caller waits.
 *
 * ONNX Runtime's own JavaScript answers a step by a promise, for which Python cannot wait in every browser. Its
 * WebAssembly module, in the build for one thread on the CPU, computes at once: so its C interface is called here.
 * The package is taken by its digest, so the interface is the one that this was written for.
 */

interface Runtime {
  HEAPU8: Uint8Array<ArrayBuffer>;
  _malloc(size: number): number;
  stackSave(): number;
  stackRestore(stack: number): void;
  stackAlloc(size: number): number;
  setValue(address: number, value: number, type: string): void;
  getValue(address: number, type: string): number;
  UTF8ToString(address: number): string;
  stringToUTF8(text: string, address: number, length: number): void;
  lengthBytesUTF8(text: string): number;
  _free(address: number): void;
  _OrtInit(threads: number, logging: number): number;
  _OrtCreateSessionOptions(...options: (number | boolean)[]): number;
  _OrtCreateSession(data: number, length: number, options: number): number | Promise<number>;
  _OrtCreateTensor(
    type: number,
    data: number,
    length: number,
    sizes: number,
    rank: number,
    place: number,
  ): number;
  _OrtReleaseTensor(tensor: number): number;
  _OrtGetTensorData(tensor: number, type: number, data: number, sizes: number, rank: number): number;
  _OrtFree(address: number): number;
  _OrtRun(...options: number[]): number;
  _OrtGetLastError(code: number, message: number): number;
}

/** A tensor that goes in: its numbers in a flat array, and its sizes without the first, which is the batch. */
export interface Shape {
  name: string;
  sizes: number[];
}

const ERRORS_ONLY = 3;
const ALL_OPTIMISATIONS = 99;
const SEQUENTIAL = 0;
const CPU = 1;
const TYPES = { float32: 1, int64: 7 };

export class Network {
  private constructor(
    private readonly runtime: Runtime,
    private readonly session: number,
    private readonly inputs: readonly Shape[],
    private readonly outputs: readonly string[],
    private readonly names: ReadonlyMap<string, number>,
  ) {}

  /** Builds the network. factory: the default export of ONNX Runtime's module, whose WebAssembly is `binary`. */
  static async build(
    factory: (options: object) => Promise<Runtime>,
    binary: ArrayBuffer,
    model: Uint8Array,
    inputs: readonly Shape[],
    outputs: readonly string[],
  ): Promise<Network> {
    const runtime = await factory({ numThreads: 1, wasmBinary: binary, locateFile: (name: string) => name });
    check(runtime, runtime._OrtInit(1, ERRORS_ONLY) === 0);
    const options = runtime._OrtCreateSessionOptions(
      ALL_OPTIMISATIONS, true, true, SEQUENTIAL, false, 0, 0, ERRORS_ONLY, 0, 0,
    ); // biome-ignore format: one line of C
    check(runtime, options !== 0);
    const data = runtime._malloc(model.length);
    runtime.HEAPU8.set(model, data);
    const session = await runtime._OrtCreateSession(data, model.length, options);
    runtime._free(data);
    check(runtime, session !== 0);
    const names = [...inputs.map(({ name }) => name), ...outputs].map(
      (name) => [name, text(runtime, name)] as const,
    );
    return new Network(runtime, session, inputs, outputs, new Map(names));
  }

  /** Does one step of a batch: the numbers of all inputs in, flat; those of all outputs back. */
  step(batch: number, arrays: readonly (Float32Array | BigInt64Array)[]): Float32Array[] {
    const { runtime } = this;
    const stack = runtime.stackSave();
    const held: number[] = [];
    const tensors: number[] = [];
    try {
      for (const [i, { sizes }] of this.inputs.entries()) {
        const array = arrays[i] as Float32Array | BigInt64Array;
        const data = runtime._malloc(array.byteLength);
        held.push(data);
        runtime.HEAPU8.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), data);
        const type = array instanceof BigInt64Array ? TYPES.int64 : TYPES.float32;
        const shape = this.list([batch, ...sizes]);
        const tensor = runtime._OrtCreateTensor(type, data, array.byteLength, shape, sizes.length + 1, CPU);
        check(runtime, tensor !== 0);
        tensors.push(tensor);
      }
      const count = this.outputs.length;
      const results = this.list(this.outputs.map(() => 0));
      const given = this.list(this.inputs.map(({ name }) => this.names.get(name) ?? 0));
      const wanted = this.list(this.outputs.map((name) => this.names.get(name) ?? 0));
      const code = runtime._OrtRun(
        this.session,
        given,
        this.list(tensors),
        tensors.length,
        wanted,
        count,
        results,
        0,
      );
      check(runtime, code === 0);
      return this.outputs.map((_, i) => this.take(runtime.getValue(results + 4 * i, "*")));
    } finally {
      for (const tensor of tensors) runtime._OrtReleaseTensor(tensor);
      for (const address of held) runtime._free(address);
      runtime.stackRestore(stack);
    }
  }

  /** The numbers of an output, which is given up. */
  private take(tensor: number): Float32Array {
    const { runtime } = this;
    const about = runtime.stackAlloc(16);
    check(runtime, runtime._OrtGetTensorData(tensor, about, about + 4, about + 8, about + 12) === 0);
    const [data, sizes, rank] = [4, 8, 12].map((by) => runtime.getValue(about + by, "*")) as [
      number,
      number,
      number,
    ];
    let length = 1;
    for (let i = 0; i < rank; i++) length *= runtime.getValue(sizes + 4 * i, "i32");
    const copy = runtime.HEAPU8.slice(data, data + 4 * length);
    runtime._OrtFree(sizes);
    runtime._OrtReleaseTensor(tensor);
    return new Float32Array(copy.buffer);
  }

  /** An array of 32-bit numbers on the stack. */
  private list(numbers: readonly number[]): number {
    const address = this.runtime.stackAlloc(4 * numbers.length);
    for (const [i, number] of numbers.entries()) this.runtime.setValue(address + 4 * i, number, "i32");
    return address;
  }
}

function text(runtime: Runtime, content: string): number {
  const length = runtime.lengthBytesUTF8(content) + 1;
  const address = runtime._malloc(length);
  runtime.stringToUTF8(content, address, length);
  return address;
}

function check(runtime: Runtime, isRight: boolean): void {
  if (isRight) return;
  const about = runtime.stackAlloc(8);
  runtime._OrtGetLastError(about, about + 4);
  const message = runtime.getValue(about + 4, "*");
  throw new Error(`ONNX Runtime: ${message ? runtime.UTF8ToString(message) : "unknown error"}`);
}
