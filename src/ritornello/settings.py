"""The settings of the public functions, for editors and type checkers; every one may be left out.

Written by `python tools/settings.py` from the configuration models, which hold the limits and check the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict


class ComposeSettings(TypedDict, total=False):
    """What can be asked of a piece: `compose`, `Model.compose`."""

    perform: float | None
    """how expressively to play, in sound, MIDI and piano roll, what has no velocities of its own; 0 as written
    (if not given: 0.5 for what is composed, 0 for files) (0 to 1)"""
    swing: float | None
    """play the first of two even notes so much longer: its share of both, such as 0.62 (0.5 to 0.75)"""
    swing_unit: Literal["8", "16"]
    """the notes that swing: eighths or sixteenths (one of 8, 16; default 8)"""
    temperature: float
    """above 1 bolder, below 1 safer, 0 always the most probable; the model's card may have another default
    (`ritornello info`) (0 to 10; default 1)"""
    top_p: float
    """choose among the most probable tokens, which together make up this share (above 0 and at most 1; default
    0.95)"""
    top_k: int
    """choose among so many of the most probable tokens, 0 all (at least 0; default 0)"""
    min_p: float
    """leave out tokens less probable than this share of the best one's (0 to 1; default 0)"""
    surprise: float
    """how often, as a share of steps, the most probable is avoided on purpose (0 to 1; default 0)"""
    sampling_method: str
    """how tokens are drawn (one of standard; default standard)"""
    beam_size: int
    """beam search: so many branches stay after each round (1 to 256; default 1)"""
    branch_factor: int
    """beam search: copies of each branch that stays (1 to 256; default 1)"""
    steps_per_iteration: int
    """beam search: tokens chosen in a round (1 to 1024; default 1)"""
    tempo: float | None
    """quarter notes a minute (10 to 400)"""
    meter: str | None
    """meter, such as 3/4"""
    instruments: Sequence[str] | str | None
    """names or General MIDI numbers from 0, such as violin,cello"""
    infill: str | None
    """compose these bars of the primer anew, such as 5-8 or 5-8,13; all else stays as it is"""
    vary: float | None
    """compose this share of the primer's bars anew, drawn by the seed; with a form, of the bars of each section
    that returns (if not given: the last one, where it leads on to something else) (0 to 1)"""
    accompany: bool
    """let the primer sound from beginning to end, and add parts to it: those of instruments, or what the model
    likes (default False)"""
    form: str | None
    """sections of equal length, a letter each, such as AABA: the same letter returns; none: no such form (if not
    given, pieces of 16 bars or more have one of the music learned from, drawn by the seed: all where two in five
    of its pieces have a form, else as many)"""
    loop: bool
    """a piece that leads back into its beginning, cut at the bar line, without an ending (default False)"""
    voice_leading: bool
    """let voices prefer neither parallel fifths and octaves nor crossings (default False)"""
    contrast: bool
    """in a form: let a new section prefer other notes than those before it (default True)"""
    pulse: bool
    """let drums keep to the pattern of the bar before, and fill before a section (default True)"""
    roots: bool
    """with chords: let the bass prefer their roots where they change (default True)"""
    cadence: bool
    """end with the tonic chord of the key, on a strong beat and held (default True)"""
    entrances: bool
    """let all instruments of a piece enter, one after another (default True)"""
    guard: bool
    """break up a pitch or a bar that repeats too often (default True)"""
    max_copy: int | None
    """no longer run of notes, in any key, that the music learned from has too; 0: any (15 if not given and the
    model knows that music) (0 to 512)"""
    step_limit: int | None
    """largest melodic leap of the top voice, in semitones (1 to 127)"""
    parallels: bool
    """allow parallel fifths and octaves between the outer voices (default True)"""
    polyphony: int | None
    """most notes of one part that sound at once; 1 is a single line (1 to 128)"""
    notes_per_bar: str | None
    """fewest and most notes that begin in a bar, in all parts but drums, such as 4-12"""
    chord_size: int | None
    """most notes that one part begins at once (1 to 128)"""
    span: int | None
    """most semitones between notes that one part begins at once; a hand has 16 (0 to 127)"""
    lowest: str | None
    """lowest pitch of all parts but drums, such as C3 or 48"""
    highest: str | None
    """highest pitch of all parts but drums"""
    chords: str | None
    """chords to play over, a bar each, such as "Dm7 G7 Cmaj7 %"; with bar lines "Dm7 G7 | Cmaj7", "N.C." for
    none; on the command line also a chart of iReal Pro or a score with chord symbols. Models that know no chords
    begin notes on chord tones on every beat"""
    strict_chords: bool
    """with chords: all notes are chord tones, not only those on the beats (default False)"""
    key: str | None
    """key, such as "D major" or "F# minor": its notes, its signature, and its tonic at the end"""
    scale: str | None
    """notes of all parts but drums, such as "D dorian" or C,D,E,G,A"""
    bars: int | None
    """length in bars (32 if no length is given) (1 to 1000)"""
    seconds: float | None
    """length in seconds, to the nearest bar; without a tempo, at 120 (above 0 and at most 3600)"""
    notes: int | None
    """length in notes, those of the primer included (1 to 100000)"""
    density: Sequence[float] | str | None
    """notes a second, for models trained with it as a condition; several are spread over the piece, such as
    4,16"""
    pitch_classes: Sequence[float] | str | None
    """for models trained with them as a condition: the notes to use, such as C,D,E,G,A, or 12 weights from C
    up"""
    seed: int | None
    """makes the same pieces again; random if not given (at least 0)"""
    index: int
    """begin with this one of the pieces that the seed makes, counted from 0 (at least 0; default 0)"""
    count: int
    """how many pieces, in one run (1 to 1000; default 1)"""
    best_of: int | None
    """compose so many candidates for each piece, and keep the one that is most like real music and copies little
    (if not given: 4 of 16 to 64 bars, fewer of longer ones, 8 of a loop, else 1) (1 to 256)"""
    faithful: bool
    """choose tokens as the model's original system does, where nothing else is given (default False)"""
    precision: Literal["auto", "float32", "int8"]
    """arithmetic; int8 rounds the weights to 8 bits: faster, other pieces; auto: int8 for a model that is stored
    so (one of auto, float32, int8; default auto)"""


class TrainSettings(TypedDict, total=False):
    """The settings of a training run: `train`."""

    minutes: float | None
    """time budget of the whole command, with reading, scoring and writing; the learning rate falls to its end
    (above 0 and at most 100000)"""
    steps: int | None
    """train for exactly so many batches, instead of a time budget (at least 1)"""
    seed: int
    """of the split, the order, the weights and the dropout (at least 0; default 0)"""
    held_out: float | None
    """share of the pieces held out for validation (default: pieces with a tenth of the notes, of very few pieces
    some bars) (above 0 and below 1)"""
    transpose: bool
    """move each piece to a random key each time it is read (default True)"""
    transpositions: Sequence[int] | str | None
    """move pieces by one of these semitones, such as -3,0,3 (default: to any key)"""
    representation: str
    """how music becomes tokens (one of multitrack, note_names, melody, jazz, performance, drums, polyphony,
    frames, improv, event_words, words; default multitrack)"""
    representation_options: dict[str, Any] | str
    """further settings of the representation, as JSON (default {})"""
    network: str
    """kind of network (one of lstm, note_classifier, magenta_lstm, attention_rnn, one_hot_lstm,
    gate_dropout_lstm, min_gru, rg_lru; default lstm)"""
    network_options: dict[str, Any] | str
    """further settings of the network, as JSON (default {})"""
    hidden: int | None
    """units in each layer; chosen to fit budget and data (1 to 8192)"""
    layers: int | None
    """stacked layers; chosen to fit budget and data (1 to 16)"""
    embedding: int | None
    """width of the embedded input; chosen with hidden (1 to 4096)"""
    dropout: float | None
    """share of activations dropped; by how often pieces recur (at least 0 and below 1)"""
    candidate_dropout: float
    """share of steps at which the network gets no candidates (0 to 1; default 0.5)"""
    tied: bool
    """use the token embedding as the output layer too (default True)"""
    features: bool
    """let ids that share attributes, such as a pitch, share a part of their embedding (default True)"""
    intervals: int
    """score intervals from the last note of a voice, up to so many semitones; 0: do not (0 to 127; default 24)"""
    batch: int | None
    """parallel streams in a batch (1 to 4096)"""
    window: int | None
    """steps through which gradients flow, at the end of the run (2 to 8192)"""
    growing_window: bool
    """begin with shorter windows: a quarter of the window, then a half (default True)"""
    learn: Literal["all", "low-rank", "biases"]
    """what is learned of a network that begins with the weights of another: all of it, a change of low rank of
    each matrix (LoRA), or the biases (one of all, low-rank, biases; default all)"""
    rank: int
    """of what is learned of each matrix with low-rank (1 to 1024; default 8)"""
    learning_rate: float | None
    """highest learning rate (AdamW); 0.004, or chosen by what is learned (above 0 and below 1)"""
    optimizer: Literal["adamw", "adam", "rmsprop"]
    """optimizer (one of adamw, adam, rmsprop; default adamw)"""
    schedule: Literal["cosine", "constant", "inverse"]
    """course of the learning rate after its rise (one of cosine, constant, inverse; default cosine)"""
    weight_decay: float
    """of AdamW, on matrices only (at least 0 and below 10; default 0.02)"""
    warmup: float
    """share of the run during which the learning rate rises (at least 0 and below 1; default 0.03)"""
    clip: float
    """greatest norm of the gradient (above 0; default 1)"""
    teacher_share: float
    """weight of a teacher's probabilities; the music has the rest (above 0 and at most 1; default 0.5)"""
    precision: Literal["auto", "float32", "bfloat16"]
    """arithmetic; auto: the faster one (one of auto, float32, bfloat16; default auto)"""
    device: str
    """auto, cpu, cuda or mps (default auto)"""
    threads: int | None
    """processor threads; one or all, whichever is faster (1 to 1024)"""
    processes: int
    """processes that train together, each with its share of the streams (1 to 4096; default 1)"""
    evaluations: int
    """how often in the run held-out music is scored; less often where a time budget is short (1 to 10000; default
    20)"""
    evaluation_ids: int | None
    """ids of held-out music that are scored each time; chosen so that all scoring takes a tenth of a time budget
    at most (at the end more are scored) (at least 1)"""
    patience: int
    """stop after so many evaluations without improvement (at least 1; default 10)"""
    samples: int
    """short pieces to compose in the course of the run (0 to 1000; default 3)"""


class AdaptSettings(TypedDict, total=False):
    """The settings of an adaptation: `adapt`."""

    steps: int | None
    """batches to learn from (300; 100 if no piece can be held out) (1 to 100000)"""
    seconds: float | None
    """end after so long, also before that (default: after ten minutes, which a slow machine may need) (above 0
    and at most 100000)"""
    held_out: float
    """share of the notes held out, in whole pieces, if there are three or more (above 0 and below 1; default
    0.25)"""
    anyway: bool
    """write the style also if the held-out pieces become less probable (default False)"""
    transpose: bool
    """move each piece to a random key each time it is read (default True)"""
    learning_rate: float
    """highest learning rate; it falls to nothing (above 0 and below 1; default 0.03)"""
    seed: int
    """of the split, the order, the keys and the dropout (at least 0; default 0)"""


class EvaluateSettings(TypedDict, total=False):
    """The settings of an evaluation: `evaluate`."""

    temperature: float
    """above 1 bolder, below 1 safer, 0 always the most probable; the model's card may have another default
    (`ritornello info`) (0 to 10; default 1)"""
    top_p: float
    """choose among the most probable tokens, which together make up this share (above 0 and at most 1; default
    0.95)"""
    top_k: int
    """choose among so many of the most probable tokens, 0 all (at least 0; default 0)"""
    min_p: float
    """leave out tokens less probable than this share of the best one's (0 to 1; default 0)"""
    surprise: float
    """how often, as a share of steps, the most probable is avoided on purpose (0 to 1; default 0)"""
    sampling_method: str
    """how tokens are drawn (one of standard; default standard)"""
    pieces: int
    """real pieces to compare with, at most, chosen by the seed (4 to 100000; default 50)"""
    count: int | None
    """pieces to compose (default: one like each of the real ones) (2 to 1000)"""
    bars: int | None
    """compare only so many bars, the first of each piece (default: all) (1 to 1000)"""
    seed: int
    """of the pieces composed and chosen (at least 0; default 0)"""


class SoundSettings(TypedDict, total=False):
    """The settings of sound files: `write`, `Score.write`, `Composition.write`."""

    sample_rate: int
    """of sound files, in Hz (8000 to 192000; default 44100)"""
    bits: Literal["16", "24", "32f"] | str | None
    """bits a sample: 16, 24, or 32f for floating point (wav; flac has 16 and 24; default 16)"""
    soundfont: str | None
    """an sf2 or sf3 file to play with instead of the shipped one"""
    stems: bool
    """also write a sound file for each part, such as song-1-violin.wav beside song.wav; their sum is the whole
    (default False)"""
