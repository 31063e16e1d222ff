// For tests of the page: an ear at the loudspeaker, and a MIDI device that can be plugged in.

const connect = AudioNode.prototype.connect;
let ear = null;

AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode) {
    ear = new AnalyserNode(this.context, { fftSize: 16384 });
    connect.call(this, ear);
  }
  return connect.call(this, target, ...rest);
};

// The highest sample of the last moments.
window.__loudness = () => {
  const samples = new Float32Array(2048);
  ear?.getFloatTimeDomainData(samples);
  return samples.reduce((highest, sample) => Math.max(highest, Math.abs(sample)), 0);
};

// When sound began after silence, in milliseconds of the page, as it left the loudspeaker. The ear remembers the last
// third of a second, so it does not matter how late we look.
window.__sounds = [];
const LOUD = 0.005;
const QUIET_SAMPLES = 2000;
let listened = 0; // up to which time of the sound card

function listen() {
  if (!ear) return;
  const samples = new Float32Array(ear.fftSize);
  const { currentTime, sampleRate } = ear.context;
  ear.getFloatTimeDomainData(samples);
  let quiet = 0;
  samples.forEach((sample, i) => {
    const time = currentTime - (samples.length - i) / sampleRate;
    if (Math.abs(sample) > LOUD && quiet >= QUIET_SAMPLES && time > listened) __sounds.push(heardAt(time));
    quiet = Math.abs(sample) > LOUD ? 0 : quiet + 1;
  });
  listened = currentTime;
}
setInterval(listen, 150);

function heardAt(time) {
  const { contextTime, performanceTime } = ear.context.getOutputTimestamp();
  return performanceTime + 1000 * (time - contextTime);
}

// When keys went down, in milliseconds of the page.
window.__pressed = [];
for (const name of ["keydown", "pointerdown"]) {
  addEventListener(name, (event) => event.code === "Space" || __pressed.push(event.timeStamp), true);
}

// A MIDI device with one input and one output, plugged in by `__plug()`; what is sent to it is in `__played`.
window.__played = [];
const input = { id: "in", name: "Test keys", state: "connected", onmidimessage: null };
const output = { id: "out", name: "Test synth", state: "connected", send: (...sent) => __played.push(sent) };
const access = { inputs: new Map(), outputs: new Map(), onstatechange: null };

window.__device = () => {
  navigator.requestMIDIAccess = async () => access;
};
window.__plug = () => {
  access.inputs.set(input.id, input);
  access.outputs.set(output.id, output);
  access.onstatechange?.({ port: input });
};
window.__unplug = () => {
  input.state = "disconnected";
  access.onstatechange?.({ port: input });
};
window.__midi = (...data) => {
  const timeStamp = performance.now();
  if (data[0] === 0x90 && data[2] > 0) __pressed.push(timeStamp);
  input.onmidimessage?.({ data: new Uint8Array(data), timeStamp });
};
