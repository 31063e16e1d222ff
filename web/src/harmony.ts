/** Key and chords of what was heard and of what is planned, as labels of the roll. */

import type { Harmony, TurnName } from "./messages";

export interface Label {
  time: number;
  text: string;
  turn: TurnName;
  isKey: boolean;
}

/** The accounts with a new one, which replaces what it overlaps. */
export function withHarmony(known: readonly Harmony[], added: Harmony): Harmony[] {
  return [...beforeTime(known, added.start).filter((one) => one.end > one.start), added];
}

/** The accounts of what is before a time. */
export function beforeTime(known: readonly Harmony[], time: number): Harmony[] {
  return known
    .filter((one) => one.start < time)
    .map((one) => ({
      ...one,
      end: Math.min(one.end, time),
      chords: one.chords.filter(([start]) => start < time),
    }));
}

/** The labels between two times: a chord where it begins, a key where it changes, and at first the one in force. */
export function labelsOf(known: readonly Harmony[], from: number, to: number): Label[] {
  const labels: Label[] = [];
  let key = "";
  for (const { turn, start, end, key: next, chords } of known) {
    if (next !== "" && next !== key && start <= to) {
      if (start < from) labels.length = 0;
      labels.push({ time: Math.max(start, from), text: next, turn, isKey: true });
    }
    key = next || key;
    if (end < from || start > to) continue;
    for (const [time, text] of chords) {
      if (text !== "" && time >= from && time <= to) labels.push({ time, text, turn, isKey: false });
    }
  }
  return labels;
}
