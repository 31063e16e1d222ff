// Ritornello for MuseScore 3.5 and later, and 4: harmonises the selection, continues it, or composes bars anew.
// The result opens as a score of its own; the score that was open stays as it is.
import QtQuick 2.9
import QtQuick.Controls 2.2
import QtQuick.Layouts 1.3
import MuseScore 3.0
import FileIO 3.0
import "ritornello.mjs" as Ritornello

MuseScore {
    id: plugin
    version: "1.0"
    description: "Harmonises, continues or infills by a model of Ritornello"
    menuPath: "Plugins.Ritornello"
    pluginType: "dialog"
    requiresScore: true
    width: 400
    height: 330

    property bool isBusy: false
    readonly property string verb: verbs.model[verbs.currentIndex].toLowerCase()

    Component.onCompleted: {
        if (mscoreMajorVersion >= 4) {
            title = "Ritornello"
            categoryCode = "composing-arranging-tools"
        }
    }

    onVerbChanged: showSelection()

    onRun: {
        showSelection()
        Ritornello.call(XMLHttpRequest, server.text, "models", null, function (answer) {
            models.model = answer.models.map(function (each) { return each.name })
        }, tell)
    }

    function tell(message) {
        isBusy = false
        status.text = message
    }

    function showSelection() {
        if (curScore)
            status.text = Ritornello.describe(curScore, verb)
    }

    function compose() {
        var settings = { model: models.currentText, seed: seed.text.trim(), bars: bars.text, instruments: instruments.text }
        try {
            var asked = Ritornello.requestOf(curScore, verb, settings, division, Element.CHORD)
        } catch (error) {
            return tell(error.message)
        }
        isBusy = true
        status.text = "Composing ..."
        Ritornello.compose(XMLHttpRequest, server.text, asked, open, tell)
    }

    // readScore opens a file in MuseScore 3; in those of MuseScore 4 that have it not, the system opens the file.
    function open(xml) {
        file.source = file.tempPath() + "/ritornello-" + Date.now() + ".musicxml"
        if (!file.write(xml))
            return tell("Cannot write " + file.source)
        if (!readScore(file.source))
            Qt.openUrlExternally("file://" + (file.source[0] === "/" ? "" : "/") + file.source)
        tell("Opened as a new score: " + file.source)
    }

    FileIO {
        id: file
        onError: console.log(msg)
    }

    ColumnLayout {
        anchors.fill: parent
        anchors.margins: 12

        GridLayout {
            columns: 2
            Layout.fillWidth: true

            Label { text: "What" }
            ComboBox {
                id: verbs
                objectName: "verbs"
                model: ["Harmonise", "Continue", "Infill"]
                Layout.fillWidth: true
            }
            Label { text: "Model" }
            ComboBox { id: models; objectName: "models"; model: ["songs"]; Layout.fillWidth: true }
            Label { text: "Instruments"; visible: plugin.verb === "harmonise" }
            TextField {
                id: instruments
                objectName: "instruments"
                placeholderText: "any"
                visible: plugin.verb === "harmonise"
                Layout.fillWidth: true
            }
            Label { text: "Bars to add"; visible: plugin.verb === "continue" }
            TextField {
                id: bars
                objectName: "bars"
                text: "8"
                visible: plugin.verb === "continue"
                Layout.fillWidth: true
            }
            Label { text: "Seed" }
            TextField { id: seed; objectName: "seed"; placeholderText: "any"; Layout.fillWidth: true }
            Label { text: "Server" }
            TextField { id: server; objectName: "server"; text: "http://127.0.0.1:8766"; Layout.fillWidth: true }
        }
        Label {
            id: status
            objectName: "status"
            wrapMode: Text.Wrap
            Layout.fillWidth: true
            Layout.fillHeight: true
        }
        RowLayout {
            Layout.alignment: Qt.AlignRight
            Button { text: "Close"; onClicked: (typeof quit === "undefined" ? Qt.quit : quit)() } // MuseScore 4 has its own
            Button { text: "Compose"; enabled: !plugin.isBusy; onClicked: plugin.compose() }
        }
    }
}
