/** What is to be known of the sound: that it loads, or that the browser waits for a gesture. */

import { element } from "./dom";
import type { Synth } from "./synth";

export function showSound(synth: Synth): void {
  element("sound-loading").hidden = synth.loaded === null;
  element<HTMLProgressElement>("sound-loaded").value = synth.loaded ?? 1;
  element("sound-asleep").hidden = !synth.isAsleep;
}
