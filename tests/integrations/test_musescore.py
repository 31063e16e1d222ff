"""The MuseScore plug-in in the engine of Qt, with MuseScore's own module replaced; skipped where Qt is not installed.

`pip install PySide6_Essentials` (84 MB, not among the development packages) is enough. The module that does the work is
tested without it, in `integrations/musescore/test`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

QtCore = pytest.importorskip("PySide6.QtCore", reason="needs PySide6_Essentials")
QtQml = pytest.importorskip("PySide6.QtQml", reason="needs PySide6_Essentials")
QtGui = pytest.importorskip("PySide6.QtGui", reason="needs PySide6_Essentials")
QtQuick = pytest.importorskip("PySide6.QtQuick", reason="needs PySide6_Essentials")

PLUGIN = Path(__file__).parents[2] / "integrations" / "musescore" / "ritornello.qml"

# The properties and functions of the plug-in API that the plug-in uses; `opened` is what it opened.
MUSESCORE = """
import QtQuick 2.9
Item {
    signal run()
    property string version
    property string description
    property string menuPath
    property string pluginType
    property string title
    property string categoryCode
    property bool requiresScore
    property int mscoreMajorVersion: 4
    property int division: 480
    property var curScore: null
    property var opened: []
    function readScore(name) { opened = opened.concat([name]); return { title: name } }
    function quit() {}
}
"""

FILE_IO = """
import QtQuick 2.9
QtObject {
    property string source
    signal error(string msg)
    function tempPath() { return folder }
    function write(text) { return files.write(source, text) }
}
"""

# A score of two bars with one part, as JavaScript; the module's tests have larger ones.
SCORE = """(function () {
    var notes = [60, 62, 64, 65, 67, 65, 64, 62].map(function (pitch) {
        var note = { pitch: pitch, tieBack: null, tpc1: 14, tpc2: 14 }
        return { type: 93, actualDuration: { ticks: 480 }, notes: [note] }
    })
    var meter = { numerator: 4, denominator: 4, ticks: 1920 }
    var second = { firstSegment: { tick: 1920 }, timesigActual: meter, timesigNominal: meter, nextMeasure: null }
    var first = { firstSegment: { tick: 0 }, timesigActual: meter, timesigNominal: meter, nextMeasure: second }
    function newCursor() {
        var at = 0
        return {
            track: 0, tempo: 2, keySignature: 0,
            get segment() { return this.track === 0 && at < 8 ? { tick: 480 * at } : null },
            get tick() { return 480 * at },
            get element() { return this.track === 0 ? notes[at] : null },
            rewind: function () { at = 0 },
            rewindToTick: function (tick) { at = tick / 480 },
            next: function () { at++ }
        }
    }
    var part = { partName: "Flute", midiProgram: 73, hasDrumStaff: false, startTrack: 0, endTrack: 4 }
    return { title: "Zwei Stücke 🎹", nstaves: 1, parts: [part], firstMeasure: first, newCursor: newCursor,
             selection: { isRange: true, startSegment: { tick: 1920 }, endSegment: null, startStaff: 0, endStaff: 1 } }
})()"""


class Files(QtCore.QObject):
    @QtCore.Slot(str, str, result=bool)
    def write(self, path: str, text: str) -> bool:
        Path(path).write_text(text, encoding="utf-8")
        return True


@pytest.fixture(scope="module")
def app() -> Iterator[object]:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("QT_QUICK_CONTROLS_STYLE", "Basic")
    app = QtGui.QGuiApplication.instance() or QtGui.QGuiApplication([])
    yield app
    app.processEvents()


def test_the_plugin_opens_what_the_service_composes(app, service: str, tmp_path: Path) -> None:
    for module, name, text in (("MuseScore", "MuseScore", MUSESCORE), ("FileIO", "FileIO", FILE_IO)):
        folder = tmp_path / "modules" / module
        folder.mkdir(parents=True)
        (folder / "qmldir").write_text(f"module {module}\n{name} 3.0 {name}.qml\n")
        (folder / f"{name}.qml").write_text(text)
    engine = QtQml.QQmlEngine()
    warnings: list[str] = []
    engine.warnings.connect(lambda found: warnings.extend(each.toString() for each in found))
    engine.addImportPath(str(tmp_path / "modules"))
    files = Files()
    context = engine.rootContext()
    context.setContextProperty("files", files)
    context.setContextProperty("folder", str(tmp_path))
    context.setContextProperty("Element", engine.evaluate("({ CHORD: 93 })"))
    component = QtQml.QQmlComponent(engine, QtCore.QUrl.fromLocalFile(str(PLUGIN)))
    plugin = component.create()
    assert plugin is not None, component.errorString()

    def find(name: str):
        return next(each for each in plugin.findChildren(QtCore.QObject) if each.objectName() == name)

    def wait_for(name: str, is_there) -> str:
        end = time.monotonic() + 120
        while time.monotonic() < end and not is_there(find(name).property("text") or ""):
            app.processEvents(QtCore.QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 50)
        return find(name).property("text")

    find("server").setProperty("text", service)
    engine.globalObject().setProperty("made", engine.newQObject(plugin))
    engine.evaluate(f"made.curScore = {SCORE}")
    engine.evaluate("made.run()")
    assert find("status").property("text") == "Bar 2, the selected staves"
    find("verbs").setProperty("currentIndex", 2)
    assert find("status").property("text") == "Bar 2, all parts"
    end = time.monotonic() + 60
    while time.monotonic() < end and find("models").property("currentText") != "tiny":
        app.processEvents(QtCore.QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 50)
    assert find("models").property("currentText") == "tiny"
    find("seed").setProperty("text", "3")
    engine.evaluate("made.compose()")
    said = wait_for("status", lambda text: not text.startswith(("Bar", "Composing")))
    assert said.startswith("Opened as a new score: "), said
    path = Path(said.removeprefix("Opened as a new score: "))
    assert path.parent == tmp_path
    xml = path.read_text(encoding="utf-8")
    assert "<score-partwise" in xml
    assert "Zwei Stücke 🎹" in xml
    assert engine.evaluate("made.opened.length").toInt() == 1

    find("server").setProperty("text", "http://127.0.0.1:9")
    engine.evaluate("made.compose()")
    said = wait_for("status", lambda text: not text.startswith("Composing"))
    assert (
        said
        == "Ritornello does not answer at http://127.0.0.1:9. Start it in a terminal with: ritornello serve"
    )
    assert not warnings
    plugin.deleteLater()
    engine.deleteLater()
