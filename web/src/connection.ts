/** A session kept by the server that gave us this page, or by a worker of it: a socket that comes back when it is lost. */

import { OffsetEstimator } from "./clock";
import type { Stored } from "./journal";
import type { Message, Request, Welcome } from "./messages";
import { present, type Reach, type Session } from "./session";
import { texts } from "./texts";
import { type Socket, server, type Wire } from "./wire";

const TOKEN = "ritornello-session"; // in sessionStorage: one session a tab
const FIRST_RETRY = 250; // milliseconds, doubled at each failure
const LAST_RETRY = 4000;
const PING_EVERY = 2000;
const PINGS_AT_FIRST = 5; // close together, so that the clock is right before the first note
const SILENCE = 7000; // milliseconds without an answer after which the connection counts as lost
const REFUSED = 1008; // the code of a connection whose greeting cannot be accepted
const OVER = 4000; // the code of a connection whose session has ended, or goes on in another window
const MOST_UNSENT = 4096; // what is asked for while the connection is down, and sent when it is back
const MOST_UNHEARD = 200_000; // likewise what is played

type Midi = Extract<Request, { type: "midi" }>;

export class SocketSession implements Session {
  onmessage: (message: Message) => void = () => {};
  onreach: (reach: Reach) => void = () => {};
  /** Called when what was kept could not be given back. */
  onfault: (error: Error) => void = () => {};

  onbegin: (recalled: number) => Promise<Stored | null> = async () => null;
  /** The player's messages that the session has not accounted for, sent or not. */
  readonly unheard: Midi[] = [];

  private heardBefore: number | null = null; // how many messages are accounted for, which are not in `unheard`
  private held: Message[] | null = null; // of a session that is to go on from a record
  private begun: string | null = null; // its token, until it has the record: a reload meanwhile gives it to another
  private socket: Socket | null = null;
  private welcomed = false;
  private isOver = false;
  private retry = FIRST_RETRY;
  private unsent: Request[] = [];
  private heard = 0;
  private readonly clock = new OffsetEstimator();

  /** model: its name, for a new session; null for the server's first. */
  constructor(
    private model: string | null,
    private readonly wire: Wire = server,
  ) {
    this.open();
    setInterval(() => this.keepAlive(), PING_EVERY);
  }

  /** Seconds that a message takes to the server and back. */
  get delay(): number {
    return this.clock.delay;
  }

  send(request: Request): void {
    if (request.type === "midi" && this.unheard.length < MOST_UNHEARD) this.unheard.push(request);
    if (this.welcomed) this.write(request);
    else if (request.type === "midi")
      return; // it is in `unheard`
    else if (this.unsent.length < MOST_UNSENT) this.unsent.push(request);
    if (this.isOver) this.open(); // what is asked for begins a new session
  }

  get name(): string | null {
    return sessionStorage.getItem(TOKEN);
  }

  beginAnew(): void {
    sessionStorage.removeItem(TOKEN);
    this.unsent = [];
    this.unheard.splice(0);
    const left = this.socket;
    this.socket = null; // so that its close event means nothing
    this.welcomed = false;
    left?.close();
    this.open();
  }

  timeAt(moment: number): number {
    return moment + this.clock.offset;
  }

  momentAt(time: number): number {
    return time - this.clock.offset;
  }

  async download(suffix: string): Promise<Blob> {
    return (await this.fetch(`session.${suffix}`)).blob();
  }

  async giveBack(record: Stored): Promise<void> {
    this.held ??= [];
    this.welcomed = false;
    this.unheard.splice(0); // the record has it
    this.heardBefore = 0;
    try {
      await this.fetch("record", { method: "POST", body: JSON.stringify(record) });
    } catch (error) {
      const held = this.held ?? [];
      this.held = null;
      for (const message of held) this.take(message);
      throw error;
    }
  }

  async playCall(file: Blob): Promise<void> {
    await this.fetch("call", { method: "POST", body: file });
  }

  private async fetch(name: string, init?: RequestInit): Promise<Response> {
    const answer = await this.wire.fetch(this.begun ?? this.name, name, init).catch(() => {
      throw new Error(texts.serverAway);
    });
    if (!answer.ok) throw new Error((await answer.text()) || texts.serverRefused(answer.status));
    return answer;
  }

  private open(): void {
    this.isOver = false;
    const socket = this.wire.open();
    socket.onopen = () => this.greet();
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = (event) => this.lose(socket, event.code);
    this.socket = socket;
  }

  private greet(): void {
    this.heard = performance.now();
    this.write({ type: "hello", session: sessionStorage.getItem(TOKEN), model: this.model });
  }

  private hear(message: Message): void {
    this.heard = performance.now();
    if (message.type === "pong") {
      this.clock.add(message.time, present(), message.now);
      return;
    }
    const isNew = message.type === "welcome" && (!message.resumed || message.recalled !== null);
    if (isNew && !this.held) this.begin(message);
    else if (this.held && !(message.type === "welcome" && message.resumed)) this.held.push(message);
    else this.take(message);
  }

  /** A session that knows nothing, or less than this page: it goes on from the record that was kept, if there is one. */
  private async begin(welcome: Welcome): Promise<void> {
    this.held = [welcome];
    this.begun = welcome.session;
    const record = await this.onbegin(welcome.recalled ?? 0);
    if (record) return this.giveBack(record).catch((error: Error) => this.onfault(error));
    const held = this.held ?? [];
    this.held = null;
    for (const message of held) this.take(message);
  }

  private take(message: Message): void {
    if (message.type === "welcome") this.settle(message);
    else if (message.type === "journal") this.account(message.heard, message.whole);
    this.onmessage(message);
  }

  private settle({ session, resumed, recalled, now }: Welcome): void {
    const isOtherClock = !resumed || recalled !== null;
    sessionStorage.setItem(TOKEN, session);
    this.begun = null;
    const before = this.clock.offset;
    if (isOtherClock) this.clock.reset();
    this.clock.add(present() - SILENCE / 1000, present() + SILENCE / 1000, now); // until a ping says better
    if (!resumed)
      this.unheard.splice(0); // it was played on another clock
    else if (isOtherClock) for (const played of this.unheard) played.time += this.clock.offset - before;
    if (!resumed) this.heardBefore = 0;
    this.held = null;
    for (let i = 0; i < PINGS_AT_FIRST; i++) setTimeout(() => this.ping(), 60 * i);
    this.retry = FIRST_RETRY;
  }

  /** Forgets what the session has accounted for; `isFirst` on a new connection, where the rest is sent (again). */
  private account(heard: number, isFirst: boolean): void {
    this.unheard.splice(0, Math.max(0, heard - (this.heardBefore ?? heard)));
    this.heardBefore = heard;
    if (!isFirst) return;
    this.welcomed = true;
    for (const played of this.unheard) this.write(played);
    for (const request of this.unsent.splice(0)) this.write(request);
    this.onreach("there");
  }

  private lose(socket: Socket, code?: number): void {
    if (socket !== this.socket) return;
    this.isOver = code === OVER;
    if (this.welcomed || this.isOver) this.onreach(this.isOver ? "over" : "lost");
    const isRefused = code === REFUSED && !this.welcomed;
    if (isRefused) this.model = null; // perhaps it is not offered any more
    if (isRefused || this.isOver) sessionStorage.removeItem(TOKEN);
    this.socket = null;
    this.held = null;
    this.welcomed = false;
    if (!this.isOver) setTimeout(() => this.open(), this.retry);
    this.retry = Math.min(2 * this.retry, LAST_RETRY);
  }

  private keepAlive(): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    if (performance.now() - this.heard > SILENCE + PING_EVERY) {
      const silent = this.socket;
      silent.close();
      this.lose(silent); // its own close event may take a minute
    } else this.ping();
  }

  private ping(): void {
    if (this.welcomed) this.write({ type: "ping", time: present() });
  }

  private write(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
