"""What a live model knows, and which bundles can be one; with a real network, through the engine."""

from __future__ import annotations

import numpy as np
import pytest
from build import make_song
from fakes import StepRepresentation, small_network
from live_fakes import jam, live_model, network_for, tune

from ritornello.bundle import Bundle, Facts, load_bundle, save_bundle
from ritornello.errors import ConfigError
from ritornello.formats.text import prose_to_score
from ritornello.generation.stepper import Stepper
from ritornello.live.config import JamConfig
from ritornello.live.events import LiveNote, NotesPlanned, Side, Start
from ritornello.live.session import Session, make_live_model
from ritornello.live.session.encoding_window import Ensemble, Window
from ritornello.live.session.engine import Engine
from ritornello.representations import REPRESENTATIONS
from ritornello.representations.base import Conditions
from ritornello.theory import DRUMS


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    folder, made = tmp_path_factory.mktemp("bundles"), {}
    for name, piece in (("multitrack", make_song()), ("words", prose_to_score("Who is he ?"))):
        kind = REPRESENTATIONS[name]
        representation = kind.fit([kind.collect_statistics(piece)], {})
        path = folder / f"{name}.rit"
        save_bundle(path, small_network(representation), representation, Facts(name=name))
        made[name] = load_bundle(path)
    return made


def test_a_bundle_can_be_played_with(bundles: dict[str, Bundle]) -> None:
    bundle = bundles["multitrack"]
    stepper = Stepper(bundle)
    model = make_live_model(bundle, stepper)
    assert set(model.default_programs) <= set(model.programs) == {0, 32, 73, DRUMS}
    sessions = [Session(model, JamConfig.model_validate({"call_seconds": 2}), seed) for seed in (1, 2)]
    outputs = jam(sessions, stepper, [[(0.0, Start()), *tune(0.3)]] * 2, 4.0)
    for one in outputs:
        assert any(isinstance(output, NotesPlanned) for _, output in one)


def test_what_cannot_be_played_live_is_refused(bundles: dict[str, Bundle]) -> None:
    with pytest.raises(ConfigError, match=r"^model words: it writes prose"):
        make_live_model(bundles["words"])


def test_representations_that_do_not_keep_time_are_refused(bundles: dict[str, Bundle]) -> None:
    bundle = bundles["multitrack"]
    other = Bundle(bundle.card, bundle.weights, bundle.step, bundle.digest, bundle.size, bundle.path)
    other.__dict__["representation"] = StepRepresentation()
    with pytest.raises(ConfigError, match="cannot be played live"):
        make_live_model(other)


def test_the_engine_steps_what_wants_a_step_and_nothing_else() -> None:
    model = live_model()
    network = network_for(model)
    engine = Engine(network)
    idle, playing = (
        Session(model),
        Session(model, JamConfig.model_validate({"mode": "call-and-response", "call_seconds": 1})),
    )
    engine.run([idle, playing], lambda: 0.0)
    assert network.steps == 0
    for time, event in [(0.0, Start()), *tune(0.1, (60,), 0.5)]:
        playing.receive(event, time)
    playing.advance(1.0)
    assert engine.step([idle, playing], lambda: 1.0) == [playing]
    engine.run([idle, playing], lambda: 1.0)
    assert network.steps > 3
    assert playing.wants is None  # enough is planned


def test_parts_keep_their_voices_in_every_window() -> None:
    """The second of two pianos is the second one also where the first is silent."""
    model = live_model()
    ensemble = Ensemble(model, (73, 0, 0, 32, DRUMS), (0,))
    assert len(set(ensemble.voices)) == 4  # the song had but one piano: the two share its voice
    window = Window(10.0, 120.0, (4, 4))
    notes = [
        LiveNote(1, Side.MODEL, 10.5, 11.0, 40, 80, 0, 32),
        LiveNote(2, Side.PLAYER, 11.0, None, 60, 80, 0, 0),
    ]
    conditions = ensemble.conditions(window)
    ids = ensemble.ids(
        model.representation, window, ensemble.score(window, notes, 12.0, ()), 12.0, conditions
    )
    again = ensemble.ids(model.representation, window, ensemble.score(window, [], 12.0, ()), 12.0, conditions)
    assert ids[: len(again)].tolist() == again.tolist()  # the header
    score = model.representation.decode(ids)
    assert [(track.program, track.notes["pitch"].tolist()) for track in score.tracks] == [
        (0, [60]),
        (32, [40]),
    ]
    ticks = [track.notes["start"].tolist() for track in score.tracks]
    assert ticks == [[2 * 480], [480]]


def test_what_a_model_may_play() -> None:
    model = live_model()
    ensemble = Ensemble(model, (73, 0), (0,))
    voices = model.voices
    assert set(voices[ensemble.may_play()].tolist()) == {-1, ensemble.voices[0], ensemble.voices[1]}
    assert set(voices[ensemble.may_play(avoid=0)].tolist()) == {-1, ensemble.voices[0]}
    assert set(voices[Ensemble(model, (0,), (0,)).may_play(avoid=0)].tolist()) == {-1, ensemble.voices[1]}
    ends = [model.representation.start_id, model.representation.end_id]
    assert not ensemble.may_play()[ends].any()


def test_a_stream_has_a_part_for_its_own_kind() -> None:
    drums, melody = live_model("drums"), live_model("melody")
    assert Ensemble(drums, drums.default_programs, (0,)).part_of(0) is None
    assert Ensemble(drums, drums.default_programs, (DRUMS,)).part_of(DRUMS) == 0
    assert Ensemble(melody, melody.default_programs, (DRUMS,)).part_of(DRUMS) is None
    assert melody.representation.grammar(Conditions()).notes == 0
    assert np.array_equal(melody.brings_note, melody.representation.tokens.notes)
