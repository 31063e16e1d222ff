// For tests of the page: an ear at the loudspeaker, and a MIDI device that can be plugged in.

const connect = AudioNode.prototype.connect;
let ear = null;

AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode) {
    ear = new AnalyserNode(this.context, { fftSize: 4096 });
    connect.call(this, ear);
  }
  return connect.call(this, target, ...rest);
};

// The highest sample of the last moments.
window.__loudness = () => {
  const samples = new Float32Array(4096);
  ear?.getFloatTimeDomainData(samples);
  return samples.reduce((highest, sample) => Math.max(highest, Math.abs(sample)), 0);
};

// When it became louder than before, in milliseconds of the page: where notes begin.
window.__sounds = [];
let before = 0;
setInterval(() => {
  const samples = new Float32Array(512);
  ear?.getFloatTimeDomainData(samples);
  const now = samples.reduce((highest, sample) => Math.max(highest, Math.abs(sample)), 0);
  if (now > 0.01 && now > 1.5 * before) __sounds.push(performance.now());
  before = now;
}, 10);

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
