/** A session kept by the server that gave us this page: a WebSocket that comes back when it is lost. */

import { OffsetEstimator } from "./clock";
import type { Message, Request } from "./messages";
import { present, type Reach, type Session } from "./session";
import { texts } from "./texts";

const TOKEN = "ritornello-session"; // in sessionStorage: one session a tab
const FIRST_RETRY = 250; // milliseconds, doubled at each failure
const LAST_RETRY = 4000;
const PING_EVERY = 2000;
const PINGS_AT_FIRST = 5; // close together, so that the clock is right before the first note
const SILENCE = 7000; // milliseconds without an answer after which the connection counts as lost
const REFUSED = 1008; // the code of a connection whose greeting cannot be accepted
const OVER = 4000; // the code of a connection whose session has ended, or goes on in another window
const MOST_UNSENT = 4096; // what is played while the connection is down, and sent when it is back

export class SocketSession implements Session {
  onmessage: (message: Message) => void = () => {};
  onreach: (reach: Reach) => void = () => {};

  private socket: WebSocket | null = null;
  private welcomed = false;
  private isOver = false;
  private retry = FIRST_RETRY;
  private unsent: Request[] = [];
  private heard = 0;
  private readonly clock = new OffsetEstimator();

  /** model: its name, for a new session; null for the server's first. */
  constructor(private model: string | null) {
    this.open();
    setInterval(() => this.keepAlive(), PING_EVERY);
  }

  /** Seconds that a message takes to the server and back. */
  get delay(): number {
    return this.clock.delay;
  }

  send(request: Request): void {
    if (this.welcomed) this.write(request);
    else if (this.unsent.length < MOST_UNSENT) this.unsent.push(request);
    if (this.isOver) this.open(); // what is asked for begins a new session
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

  async playCall(file: Blob): Promise<void> {
    await this.fetch("call", { method: "POST", body: file });
  }

  private async fetch(name: string, init?: RequestInit): Promise<Response> {
    const answer = await fetch(`session/${sessionStorage.getItem(TOKEN)}/${name}`, init).catch(() => {
      throw new Error(texts.serverAway);
    });
    if (!answer.ok) throw new Error((await answer.text()) || texts.serverRefused(answer.status));
    return answer;
  }

  private open(): void {
    this.isOver = false;
    const address = new URL("live", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
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
    if (message.type === "welcome") this.settle(message.session, message.resumed, message.now);
    this.onmessage(message);
  }

  private settle(token: string, resumed: boolean, now: number): void {
    sessionStorage.setItem(TOKEN, token);
    if (!resumed) this.clock.reset();
    this.clock.add(present() - SILENCE / 1000, present() + SILENCE / 1000, now); // until a ping says better
    for (let i = 0; i < PINGS_AT_FIRST; i++) setTimeout(() => this.ping(), 60 * i);
    this.welcomed = true;
    this.retry = FIRST_RETRY;
    for (const request of this.unsent.splice(0)) {
      if (resumed || request.type !== "midi") this.write(request); // a new session has another clock
    }
    this.onreach("there");
  }

  private lose(socket: WebSocket, code?: number): void {
    if (socket !== this.socket) return;
    this.isOver = code === OVER;
    if (this.welcomed || this.isOver) this.onreach(this.isOver ? "over" : "lost");
    const isRefused = code === REFUSED && !this.welcomed;
    if (isRefused) this.model = null; // perhaps it is not offered any more
    if (isRefused || this.isOver) sessionStorage.removeItem(TOKEN);
    this.socket = null;
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
