/** What is played while the connection is lost, or the server is gone: it counts once, and nothing is forgotten. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SocketSession } from "../src/connection";
import type { Stored } from "../src/journal";
import type { Message } from "../src/messages";

class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = FakeSocket.OPEN;
  sent: { type: string; data?: number[]; time?: number; session?: string }[] = [];
  onopen = () => {};
  onmessage = (_event: { data: string }) => {};
  onclose = (_event: { code: number }) => {};

  constructor() {
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  hear(message: object): void {
    this.onmessage({ data: JSON.stringify(message) });
  }

  welcome(session: string, resumed: boolean, heard: number, recalled: number | null = null): void {
    this.hear({ type: "welcome", session, resumed, recalled, now: 10 });
    this.hear({ type: "journal", entries: [], dropped: [], whole: true, now: 10, heard, head: null });
  }

  get played(): number[] {
    return this.sent.filter(({ type }) => type === "midi").map(({ data }) => data?.[1] ?? -1);
  }
}

const record = { now: 10 } as Stored;
let session: SocketSession;
let told: Message["type"][];
let answer: Response;

function latest(): FakeSocket {
  return FakeSocket.all.at(-1) as FakeSocket;
}

function press(...pitches: number[]): void {
  for (const pitch of pitches) session.send({ type: "midi", time: 1, data: [0x90, pitch, 1] });
}

/** The connection is lost, and comes back. */
function reconnect(): void {
  latest().onclose({ code: 1006 });
  vi.advanceTimersByTime(5000);
  latest().onopen();
}

beforeEach(() => {
  vi.useFakeTimers();
  const kept = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
  vi.stubGlobal("location", { href: "http://127.0.0.1:8000/" });
  vi.stubGlobal("WebSocket", FakeSocket);
  answer = new Response("ok");
  vi.stubGlobal(
    "fetch",
    vi.fn(async () => answer),
  );
  FakeSocket.all = [];
  told = [];
  session = new SocketSession(null);
  session.onmessage = ({ type }) => told.push(type);
  latest().onopen();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("after a lost connection what was not accounted for is sent again, and nothing else", async () => {
  latest().welcome("one", false, 0);
  await vi.runAllTicks();
  press(60, 61, 62);
  latest().hear({ type: "journal", entries: [], dropped: [], whole: false, now: 11, heard: 1, head: null });
  expect(session.unheard.length).toBe(2);
  latest().onclose({ code: 1006 });
  press(63);
  vi.advanceTimersByTime(5000);
  latest().onopen();
  expect(latest().sent[0]).toMatchObject({ type: "hello", session: "one" });
  latest().welcome("one", true, 2);
  expect(latest().played, "61 had arrived").toEqual([62, 63]);
  latest().hear({ type: "journal", entries: [], dropped: [], whole: false, now: 12, heard: 4, head: null });
  expect(session.unheard).toEqual([]);
});

test("a server that does not know the session is given the record, and then goes on", async () => {
  latest().welcome("one", false, 0);
  await vi.runAllTicks();
  press(60);
  session.onbegin = async () => record;
  told.length = 0;
  reconnect();
  latest().welcome("two", false, 0);
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.mocked(fetch).mock.calls).toEqual([
    ["session/two/record", { method: "POST", body: JSON.stringify(record) }],
  ]);
  press(64); // meanwhile
  expect(told, "of the session that knows nothing").toEqual([]);
  latest().welcome("two", true, 0);
  expect(told).toEqual(["welcome", "journal"]);
  expect(latest().played, "60 is in the record").toEqual([64]);
});

test("a server that was started again and knows the session is given a fuller record only", async () => {
  latest().welcome("one", false, 0);
  await vi.runAllTicks();
  press(60, 61);
  latest().hear({ type: "journal", entries: [], dropped: [], whole: false, now: 11, heard: 1, head: null });
  const asked: number[] = [];
  session.onbegin = async (recalled) => {
    asked.push(recalled);
    return recalled > 5 ? null : record;
  };
  told.length = 0;
  reconnect();
  latest().welcome("one", true, 1, 6);
  await vi.advanceTimersByTimeAsync(0);
  expect(fetch).not.toHaveBeenCalled();
  expect(told).toEqual(["welcome", "journal"]);
  expect(latest().played, "61 had not arrived").toEqual([61]);
  reconnect();
  latest().welcome("one", true, 2, 5);
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.mocked(fetch).mock.calls[0]?.[0]).toBe("session/one/record");
  latest().welcome("one", true, 0, 7);
  expect(asked).toEqual([6, 5]);
  expect(told).toEqual(["welcome", "journal", "welcome", "journal"]);
  expect(latest().played, "all is in the record").toEqual([]);
});

test("what is refused is told, and the session begins anew", async () => {
  latest().welcome("one", false, 0);
  await vi.runAllTicks();
  session.onbegin = async () => record;
  answer = new Response("the record: too large", { status: 400 });
  const faults: string[] = [];
  session.onfault = (error) => faults.push(error.message);
  told.length = 0;
  reconnect();
  latest().welcome("two", false, 0);
  await vi.advanceTimersByTimeAsync(10);
  expect(faults).toEqual(["the record: too large"]);
  expect(told).toEqual(["welcome", "journal"]);
  press(65);
  expect(latest().played).toEqual([65]);
});
