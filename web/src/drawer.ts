/** The drawer of settings that are not changed at every moment: volumes, MIDI ports, the octave of the keys. */

import { element, makeChip, makeOption } from "./dom";
import type { Ports } from "./ports";
import { remember, type Settings, settings } from "./settings";
import { applyLanguage, onLanguage, TABLES, texts } from "./texts";

export class Drawer {
  private readonly drawer = element("drawer");
  private readonly more = element("more");

  constructor(
    private readonly ports: Ports,
    private readonly onvolume: (side: keyof Settings["volumes"], volume: number) => void,
    onletters: () => void,
  ) {
    this.more.onclick = () => this.toggle();
    element("model-name").onclick = () => this.toggle(true);
    element("close").onclick = () => this.toggle(false);
    ports.onchange = () => this.showPorts();
    ports.outputId = settings.output;
    const sliders = document.querySelectorAll<HTMLInputElement>("[data-volume]");
    for (const slider of sliders) this.bindVolume(slider);
    element<HTMLSelectElement>("language").onchange = (event) => {
      remember({ language: (event.target as HTMLSelectElement).value || null });
      applyLanguage();
    };
    onLanguage(showLanguages);
    bindBox("sound-here", "soundHere");
    bindBox("pass-through", "passThrough");
    bindBox("read-out-box", "readOut");
    bindBox("letters-play", "lettersPlay", onletters);
    bindBox("letters-command", "lettersCommand", onletters);
    onLanguage(() => this.showPorts());
  }

  get isOpen(): boolean {
    return !this.drawer.inert;
  }

  toggle(open = !this.isOpen): void {
    const hadFocus = this.drawer.contains(document.activeElement);
    this.drawer.inert = !open;
    document.body.classList.toggle("with-drawer", open);
    this.more.ariaExpanded = String(open);
    if (open) element("close").focus();
    else if (hadFocus) this.more.focus();
  }

  private bindVolume(slider: HTMLInputElement): void {
    const side = slider.dataset.volume as keyof Settings["volumes"];
    slider.value = String(settings.volumes[side]);
    slider.oninput = () => {
      remember({ volumes: { ...settings.volumes, [side]: Number(slider.value) } });
      this.onvolume(side, Number(slider.value));
    };
  }

  private showPorts(): void {
    const { inputs, outputs, problem } = this.ports;
    const none = texts.plugIn;
    element("midi-words").textContent = problem ?? (inputs.length ? "" : none);
    const list = element("inputs");
    const chips = inputs.map(({ id, name }) =>
      makeChip(name, !this.ports.isMuted(id), (checked) =>
        remember({ mutedInputs: this.ports.mute(id, !checked) }),
      ),
    );
    list.replaceChildren(...chips);
    list.hidden = inputs.length === 0;
    const select = element<HTMLSelectElement>("output");
    select.replaceChildren(
      makeOption("", texts.none),
      ...outputs.map(({ id, name }) => makeOption(id, name)),
    );
    select.value = this.ports.output?.id ?? "";
    select.onchange = () => this.choose(select.value);
    this.showOutput();
  }

  private choose(id: string): void {
    this.ports.silence();
    this.ports.outputId = id || null;
    remember({ output: this.ports.outputId });
    this.showOutput();
  }

  private showOutput(): void {
    element("output-row").hidden = this.ports.outputs.length === 0;
    for (const id of ["sound-here", "pass-through"]) {
      (element(id).parentElement as HTMLElement).hidden = this.ports.output === null;
    }
  }
}

/** The languages by their own names, with the browser's as the first choice. */
function showLanguages(): void {
  const known = Object.entries(TABLES).map(([name, table]) => makeOption(name, table.language));
  const select = element<HTMLSelectElement>("language");
  select.replaceChildren(makeOption("", texts.languageOfBrowser), ...known);
  select.value = settings.language ?? "";
}

type Ticked = "soundHere" | "passThrough" | "lettersPlay" | "lettersCommand" | "readOut";

function bindBox(id: string, name: Ticked, onchange = () => {}): void {
  const box = element<HTMLInputElement>(id);
  box.checked = settings[name];
  box.onchange = () => {
    remember({ [name]: box.checked });
    onchange();
  };
}
