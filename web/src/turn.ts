/** Whose turn it is, and how long it lasts: the thin bar above the stage. */

import { announce, element } from "./dom";
import type { Tempo, Turn } from "./messages";
import { beatSeconds } from "./metronome";
import { inDigits, onLanguage, texts } from "./texts";

function nameOf({ turn }: Turn): string {
  const { turnIdle, turnCountIn, turnPlayer, turnModel, turnBoth } = texts;
  const names = {
    idle: turnIdle,
    "count-in": turnCountIn,
    player: turnPlayer,
    model: turnModel,
    both: turnBoth,
  };
  return names[turn];
}

/** What is left of a turn at a time: a share from 1 to 0, and in words. */
export function remaining(turn: Turn, tempo: Tempo | null, time: number): { share: number; words: string } {
  if (turn.turn === "idle" || turn.end === null) return { share: turn.turn === "idle" ? 0 : 1, words: "" };
  const left = Math.min(Math.max(turn.end - time, 0), turn.end - turn.start);
  const share = left / Math.max(turn.end - turn.start, 1e-6);
  return { share, words: tempo?.steady ? inBeats(left, tempo) : inSeconds(left) };
}

function inBeats(left: number, tempo: Tempo): string {
  const beats = Math.ceil(left / beatSeconds(tempo) - 1e-3);
  return texts.beatsLeft(beats);
}

function inSeconds(left: number): string {
  return texts.secondsLeft(inDigits(left, 1));
}

export class TurnBar {
  private readonly bar = element("turn-bar");
  private readonly fill = this.bar.firstElementChild as HTMLElement;
  private readonly name = element("turn-name");
  private readonly left = element("turn-left");
  private shown: Turn | null = null;

  constructor() {
    onLanguage(() => {
      if (this.shown) this.name.textContent = nameOf(this.shown);
    });
  }

  /** Shows the turn at a time; to be called at each picture. */
  show(turn: Turn, tempo: Tempo | null, time: number): void {
    if (turn !== this.shown) this.change(turn, tempo);
    const { share, words } = remaining(turn, tempo, time);
    this.fill.style.transform = `scaleX(${share})`;
    if (this.left.textContent !== words) this.left.textContent = words;
  }

  private change(turn: Turn, tempo: Tempo | null): void {
    if (turn.turn !== (this.shown?.turn ?? "idle")) announce(nameOf(turn));
    this.shown = turn;
    this.name.textContent = nameOf(turn);
    document.body.dataset.turn = turn.turn;
    this.bar.dataset.open = String(turn.end === null && turn.turn !== "idle");
    const beats = tempo?.steady && turn.end !== null ? (turn.end - turn.start) / beatSeconds(tempo) : 1;
    this.bar.style.setProperty("--beats", String(Math.max(Math.round(beats), 1)));
  }
}
