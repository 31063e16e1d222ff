/** Puts the page together: parts, then who talks to whom. */

import { SocketSession } from "./connection";
import { Controls } from "./controls";
import { announce, element, make, toast } from "./dom";
import { Drawer } from "./drawer";
import { bindEarlier } from "./earlier";
import { bindDownloads, bindUpload } from "./files";
import { Computer, easeNumbers, playByPointer, swipeOctaves } from "./input";
import { Jam } from "./jam";
import { Keeper } from "./keeper";
import { Latency } from "./latency";
import { isOneFile, offline } from "./offline/files";
import { WorkerWire } from "./offline/wire";
import { Outlet } from "./outlet";
import { Piano } from "./piano";
import { Played } from "./played";
import { Player } from "./player";
import { Ports } from "./ports";
import { Roll } from "./roll";
import { present } from "./session";
import { droppedSettings, remember, settings } from "./settings";
import { showSound } from "./sound-sign";
import { Synth } from "./synth";
import { Tap } from "./tap";
import { applyLanguage, onLanguage, texts } from "./texts";
import { server } from "./wire";

const wire = offline ? new WorkerWire(offline) : server;
const session = new SocketSession(settings.model, wire);
const synth = new Synth("soundfont.sf3");
const ports = new Ports(settings.mutedInputs);
const outlet = new Outlet(synth, ports);
const controls = new Controls();
const piano = new Piano(element("piano"));
const roll = new Roll(element<HTMLCanvasElement>("roll"));
const player = new Player();
const keeper: Keeper = new Keeper(session, (channel) => jam.programOf(channel));
const jam: Jam = new Jam({ session, synth, outlet, controls, piano, roll, latency: new Latency(), keeper });
const tap = new Tap();
new Played(jam.record, () => session.timeAt(present()));

const drawer = new Drawer(ports, setVolume, () => piano.draw());

function setVolume(side: keyof typeof settings.volumes, volume: number): void {
  if (side === "metronome") jam.metronome.volume = volume;
  else synth.setVolume(side, volume);
}
synth.setVolume("player", settings.volumes.player);
synth.setVolume("model", settings.volumes.model);
jam.metronome.volume = settings.volumes.metronome;
synth.onchange = () => showSound(synth);
synth.ready.catch((error: Error) => toast(error.message, "error"));

// --- the hands ---------------------------------------------------------------------------------------------

player.onmessage = (data, moment, source) =>
  jam.play(data, moment, settings.passThrough || !source.startsWith("midi"));
ports.onmessage = (data, input, moment) => player.receive(data, `midi ${input}`, moment);
ports.onflood = (name, isOver) => toast(isOver ? texts.midiBack(name) : texts.midiFlood(name));
ports.onsilence = (input) => player.releaseAll(present(), `midi ${input}`);
playByPointer(element("piano"), player);

const computer: Computer = new Computer(player, {
  Space: () => jam.toggle(),
  Backspace: (event) => session.send({ type: event.shiftKey ? "redo" : "undo" }),
  KeyR: () => jam.toggleReplay(),
  KeyB: setBookmark,
  KeyZ: () => computer.shiftOctave(-1),
  KeyX: () => computer.shiftOctave(1),
  Escape: () => {
    if (document.querySelector(":popover-open")) return false; // the browser closes it
    drawer.isOpen ? drawer.toggle(false) : jam.panic();
    return true;
  },
});
easeNumbers((box) => controls.restore(box));
computer.onoctave = showOctave;
for (const id of ["octave-down", "piano-down"]) element(id).onclick = () => computer.shiftOctave(-1);
for (const id of ["octave-up", "piano-up"]) element(id).onclick = () => computer.shiftOctave(1);
swipeOctaves(element("piano-range"), (by) => computer.shiftOctave(by));

function showOctave(): void {
  element<HTMLOutputElement>("octave").value = texts.fromC(settings.octave);
  piano.draw();
}
onLanguage(showOctave);

for (const gesture of ["pointerdown", "keydown", "touchend"]) {
  addEventListener(gesture, () => {
    synth.wake();
    ports.open();
  });
}

// --- the buttons -------------------------------------------------------------------------------------------

element("start").onclick = () => jam.toggle();
element("undo").onclick = () => session.send({ type: "undo" });
element("redo").onclick = () => session.send({ type: "redo" });
element("again").onclick = () => session.send({ type: "again" });
element("loop").onclick = () => {
  session.send({ type: "loop", on: element("loop").ariaPressed !== "true" });
};
element("replay").onclick = () => jam.toggleReplay();
jam.replay.onchange = () => {
  element("replay").ariaPressed = String(jam.replay.active);
};
element("tap").onclick = () => {
  const tempo = tap.add(present());
  if (tempo !== null) controls.setTempo(Math.min(Math.max(tempo, 30), 300));
};
element("roll").addEventListener("wheel", (event) => jam.scroll(event.deltaX || event.deltaY), {
  passive: true,
});
bindDownloads(session, keeper);
bindUpload(session, (file) => keeper.open(file).then(() => jam.forget()));
bindEarlier(keeper, () => jam.forget());

function setBookmark(): void {
  session.send({ type: "bookmark", name: texts.bookmarkName(jam.record.bookmarks.length + 1) });
  announce(texts.bookmarkSet);
}
element("bookmark").onclick = setBookmark;
jam.onbookmarks = () => {
  const buttons = jam.record.bookmarks.map(({ number, name }) => {
    const button = make("button", name, { type: "button" });
    button.onclick = () => {
      session.send({ type: "goto", number });
      element("bookmarks-menu").hidePopover();
    };
    return button;
  });
  element("bookmarks").replaceChildren(...buttons);
};

// --- the session -------------------------------------------------------------------------------------------

controls.onconfigure = (config) => session.send({ type: "configure", config });
controls.onmodel = (name) => {
  remember({ model: name });
  session.send({ type: "model", name });
};
session.onfault = (error) => toast(texts.notGivenBack(error.message), "error");
session.onreach = (reach) => {
  document.body.classList.toggle("away", reach !== "there");
  if (reach === "lost") toast(texts.connectionLost);
};
// The browser asks whether we may see MIDI ports: at the first gesture, and not before anybody knows what for.
const permission = navigator.permissions?.query({ name: "midi" as PermissionName });
permission?.then(({ state }) => (state === "granted" ? ports.open() : undefined)).catch(() => {});

applyLanguage();
if (droppedSettings.length > 0) toast(texts.settingsReset(droppedSettings.join(", ")));

if (wire instanceof WorkerWire) {
  document.body.classList.add("away");
  toast(texts.offlineLoading);
  Object.assign(window, { __offline: wire }); // for tests: a log can be played, and the steps' durations read
  wire.ready.catch((error: Error) => toast(error.message, "error"));
  // Installable, where a web server gives the page; a page from a disk is one file, and needs no copy of itself.
  if (location.protocol.startsWith("http") && "serviceWorker" in navigator && !isOneFile()) {
    navigator.serviceWorker.register("service_worker.js").catch(() => {});
  }
}
