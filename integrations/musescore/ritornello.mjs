// What the plug-in does, without its window: it reads the score by the plug-in API, asks the service, and returns
// MusicXML. A module of its own, so that it is tested without MuseScore.

/** What the user is told in one line. */
export class Refusal extends Error {}

const NOT_THERE = "Ritornello does not answer at SERVER. Start it in a terminal with: ritornello serve";

/**
 * Return the bars of a score: where each begins, how long it is, and its meter, in ticks of the score. The first and
 * the last bar, and others, may be shorter than their meter.
 */
export function barsOf(score) {
  const bars = [];
  for (let measure = score.firstMeasure; measure; measure = measure.nextMeasure) {
    bars.push({
      tick: measure.firstSegment.tick,
      length: measure.timesigActual.ticks,
      numerator: measure.timesigNominal.numerator,
      denominator: measure.timesigNominal.denominator,
    });
  }
  return bars;
}

/**
 * Return the bars that the range selection touches, from 1, its staves, and whether it is whole bars; null if no range
 * is selected.
 */
export function selectionOf(score, bars) {
  const selection = score.selection;
  if (!selection || !selection.isRange || !selection.startSegment) return null;
  const end = bars[bars.length - 1].tick + bars[bars.length - 1].length;
  const from = selection.startSegment.tick;
  const to = selection.endSegment ? selection.endSegment.tick : end; // none after the last bar
  const touched = bars.filter((bar) => bar.tick < to && bar.tick + bar.length > from);
  if (touched.length === 0) return null;
  const last = touched[touched.length - 1];
  return {
    first: bars.indexOf(touched[0]) + 1,
    last: bars.indexOf(last) + 1,
    isWhole: touched[0].tick === from && last.tick + last.length === to,
    startStaff: selection.startStaff,
    endStaff: selection.endStaff,
  };
}

/** Return the notes of one part between two ticks; a tied note is one, and grace notes are left out. */
function notesOf(cursor, part, CHORD, from, to) {
  const notes = [];
  for (let track = part.startTrack; track < part.endTrack; track++) {
    cursor.track = track;
    cursor.rewind(0); // Cursor.SCORE_START
    for (; cursor.segment && cursor.tick < to; cursor.next()) {
      const chord = cursor.element;
      if (!chord || chord.type !== CHORD || cursor.tick < from) continue;
      const start = cursor.tick - from;
      const duration = chord.actualDuration.ticks;
      for (let n = 0; n < chord.notes.length; n++) {
        const { pitch, tieBack } = chord.notes[n];
        const tied =
          tieBack && notes.find((each) => each.pitch === pitch && each.start + each.duration === start);
        if (tied) tied.duration += duration;
        else notes.push({ start, duration, pitch });
      }
    }
  }
  return notes.sort((a, b) => a.start - b.start || a.pitch - b.pitch);
}

/** Whether a staff shows other notes than sound, so that its key signature is not that of the piece. */
function transposes(cursor, staff, CHORD) {
  cursor.track = 4 * staff;
  for (cursor.rewind(0); cursor.segment; cursor.next()) {
    const chord = cursor.element;
    if (chord && chord.type === CHORD && chord.notes[0].tpc1 !== chord.notes[0].tpc2) return true;
  }
  return false;
}

/** Append `value` at `tick`, unless it is what was there before. */
function append(list, tick, value) {
  const last = list[list.length - 1];
  const keys = Object.keys(Object.assign({}, last, value)); // QML knows no {...last}
  if (last && keys.every((key) => key === "tick" || last[key] === value[key])) return;
  list.push(Object.assign({ tick }, value));
}

/**
 * Return the bars `first` to `last`, from 1, of the staves from `startStaff` to before `endStaff` as a piece: a track
 * for each part, at sounding pitch. `division` is the ticks of a quarter note, `CHORD` the type of chords.
 */
export function pieceOf(score, bars, { first, last, startStaff, endStaff }, division, CHORD) {
  const [from, to] = [bars[first - 1].tick, bars[last - 1].tick + bars[last - 1].length];
  const cursor = score.newCursor();
  const piece = {
    ticks_per_quarter: division,
    title: score.title || "",
    tempos: [],
    meters: [],
    keys: [],
    tracks: [],
  };
  const parts = Array.from({ length: score.parts.length }, (_, n) => score.parts[n]).filter(
    (part) => part.startTrack < 4 * endStaff && part.endTrack > 4 * startStaff,
  );
  for (const part of parts) {
    piece.tracks.push({
      name: part.partName,
      program: part.hasDrumStaff ? 0 : part.midiProgram,
      drums: part.hasDrumStaff,
      notes: notesOf(cursor, part, CHORD, from, to),
    });
  }
  if (piece.tracks.every((track) => track.notes.length === 0))
    throw new Refusal("There are no notes in these bars.");

  const keyed = parts.find((part) => !part.hasDrumStaff && !transposes(cursor, part.startTrack / 4, CHORD));
  cursor.track = keyed ? keyed.startTrack : 0;
  for (const bar of bars.slice(first - 1, last)) {
    const tick = bar.tick - from;
    const { numerator, denominator, length } = bar;
    const isShort = length * denominator !== 4 * division * numerator;
    append(piece.meters, tick, isShort ? { numerator, denominator, length } : { numerator, denominator });
    cursor.rewindToTick(bar.tick);
    append(piece.tempos, tick, { bpm: cursor.tempo * 60 });
    if (keyed) append(piece.keys, tick, { fifths: cursor.keySignature });
  }
  return piece;
}

/** What each verb asks the service for. */
const REQUESTS = {
  harmonise: (music, settings) => [
    "accompany",
    Object.assign({ music }, listed("instruments", settings.instruments)),
  ],
  continue: (primer, settings, count) => [
    "compose",
    { primer, bars: count + whole(settings.bars, "number of bars") },
  ],
  infill: (music, _settings, _count, range) => ["infill", { music, infill: `${range.first}-${range.last}` }],
};

function listed(name, text) {
  const list = (text || "").split(",").map((each) => each.trim());
  return list[0] ? { [name]: list } : {};
}

function whole(text, what) {
  if (!/^\s*\d+\s*$/.test(text)) throw new Refusal(`The ${what} "${text}" is not a whole number.`);
  return Number(text);
}

/**
 * Return the name of the service's verb and its request. `verb` is harmonise, continue or infill; `range` what is
 * selected, or null. Infill sends the whole score, in which it composes the selected bars of all parts; the others send
 * what is selected.
 */
export function requestOf(score, verb, settings, division, CHORD) {
  const bars = barsOf(score);
  const range = selectionOf(score, bars);
  if (verb === "infill" && !range)
    throw new Refusal("Select the bars to compose anew: click one, shift-click another.");
  const all = { first: 1, last: bars.length, startStaff: 0, endStaff: score.nstaves };
  const sent = verb === "infill" || !range ? all : range;
  const piece = pieceOf(score, bars, sent, division, CHORD);
  const [name, request] = REQUESTS[verb](piece, settings, sent.last - sent.first + 1, range);
  if (settings.model) request.model = settings.model;
  if (settings.seed) request.seed = whole(settings.seed, "seed");
  return { verb: name, request };
}

/** Return in words what a verb would work on. */
export function describe(score, verb) {
  const bars = barsOf(score);
  const range = selectionOf(score, bars);
  if (!range) return verb === "infill" ? "Select the bars to compose anew." : "The whole score";
  const span = range.first === range.last ? `Bar ${range.first}` : `Bars ${range.first} to ${range.last}`;
  const parts = verb === "infill" ? "all parts" : "the selected staves";
  return `${span}, ${parts}${range.isWhole ? "" : " (the selection begins or ends inside a bar)"}`;
}

const MUSICXML = "application/vnd.recordare.musicxml+xml";

/**
 * Ask the service; one of `done(answer)` and `failed(message)` is called. The answer is the text of a file of the type
 * `accept`, or an object without it.
 */
export function call(XMLHttpRequest, server, path, body, done, failed, accept) {
  const address = server.replace(/\/+$/, "");
  const xhr = new XMLHttpRequest();
  xhr.onreadystatechange = () => {
    if (xhr.readyState !== 4) return;
    if (xhr.status === 0) return failed(NOT_THERE.replace("SERVER", address));
    if (xhr.status === 200 && accept) return done(xhr.responseText);
    let answer;
    try {
      answer = JSON.parse(xhr.responseText);
    } catch (_) {
      return failed(`${address} is not Ritornello.`);
    }
    if (xhr.status === 200) done(answer);
    else failed(answer.error || `Ritornello answered ${xhr.status}.`);
  };
  xhr.open(body ? "POST" : "GET", `${address}/v1/${path}`);
  if (body) xhr.setRequestHeader("Content-Type", "application/json");
  xhr.setRequestHeader("Accept", accept || "application/json");
  xhr.send(body ? JSON.stringify(body) : undefined);
}

/** Compose; `done(xml, piece)` gets the piece as MusicXML. */
export function compose(XMLHttpRequest, server, { verb, request }, done, failed) {
  const render = ({ piece }) => {
    const rendering = { music: piece, format: "musicxml" };
    call(XMLHttpRequest, server, "render", rendering, (xml) => done(xml, piece), failed, MUSICXML);
  };
  call(XMLHttpRequest, server, verb, request, render, failed);
}
