/** The HTTP service of `ritornello serve`: pieces as JSON, times in ticks. */

export type Note = { start: number; duration: number; pitch: number; velocity: number };
export type Track = { name: string; program: number; drums: boolean; notes: Note[] };
export type Piece = {
  ticks_per_quarter: number;
  tempos: { tick: number; bpm: number }[];
  meters: { tick: number; numerator: number; denominator: number }[];
  tracks: Track[];
};

export type Verb = "infill" | "vary" | "accompany";
export type Request = {
  music: Piece;
  model?: string;
  seed?: number;
  infill?: string;
  vary?: number;
  instruments?: string[];
};

/** What the user is told in one line; nothing was changed. */
export class Refusal extends Error {}

/** Return the composed piece: its first tracks are the given ones, in their order. */
export async function compose(
  server: string,
  verb: Verb,
  request: Request,
  signal: AbortSignal,
): Promise<Piece> {
  let response: Response;
  try {
    response = await fetch(`${server.replace(/\/+$/, "")}/v1/${verb}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Refusal(
      `Ritornello does not answer at ${server}. Start it in a terminal with: ritornello serve`,
    );
  }
  const answer = (await response.json().catch(() => {
    throw new Refusal(`${server} is not Ritornello.`);
  })) as { piece?: Piece; error?: string };
  if (!response.ok || !answer.piece) {
    throw new Refusal(answer.error ?? `Ritornello answered ${response.status}.`);
  }
  return answer.piece;
}
