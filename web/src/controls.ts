/**
 * The controls of a session: every element with `data-config` shows a field of the configuration and changes it.
 *
 * What the session accepted is what is shown; limits and explanations come from it too.
 */

import { Constraints } from "./constraints";
import { announce, element, isWritten, makeChip, makeOption, toast } from "./dom";
import { type Config, keepsBeat, type Model, type Option, type Welcome } from "./messages";
import { remember, settings } from "./settings";
import { inDigits, onLanguage, texts } from "./texts";

const ANY = ""; // stands for "not given" in a select
const MODE_WORDS = {
  "call-and-response": "callAndResponseHint",
  answer: "answerHint",
  trade: "tradeHint",
  duet: "duetHint",
  continue: "endlessHint",
} as const;
const MADE_OF_PARTS = ["scale", "instruments"]; // fields that have a control of several elements
type Field = HTMLInputElement | HTMLSelectElement;

export class Controls {
  /** Called with what the player changed. */
  onconfigure: (changes: Partial<Config>) => void = () => {};
  onmodel: (name: string) => void = () => {};
  config: Config | null = null;
  private offered: Welcome | null = null;
  private models: Model[] = [];
  private model = "";
  private readonly constraints = new Constraints();
  private readonly fields = [...document.querySelectorAll<Field>("[data-config]")];

  constructor() {
    for (const field of this.fields) {
      field.addEventListener("change", () => this.change(field));
      if (field.type === "range") field.addEventListener("input", () => showOutput(field));
    }
    document.querySelectorAll<HTMLElement>(".stepper").forEach(addSteps);
    for (const id of ["tonic", "scale"]) element(id).addEventListener("change", () => this.changeScale());
    element<HTMLSelectElement>("model").onchange = (event) => {
      this.onmodel((event.target as HTMLSelectElement).value);
    };
    onLanguage(() => {
      const { config, model, offered } = this;
      if (offered && config) this.offer({ ...offered, config, model });
    });
    this.constraints.onconfigure = (changes) => this.configure(changes);
  }

  /** The models, instruments, scales and limits that this session knows. */
  offer(welcome: Welcome): void {
    this.offered = welcome;
    this.models = welcome.models;
    const instruments = welcome.instruments.map((name) => makeOption(name));
    element("instrument").replaceChildren(makeOption(ANY, texts.modelsFirst), ...instruments);
    element("model").replaceChildren(...this.models.map(({ name, title }) => makeOption(name, title)));
    offerScales((welcome.options.scale?.choices ?? []).map(String));
    const elsewhere = new Set([...MADE_OF_PARTS, ...this.fields.map(nameOf)]);
    this.constraints.offer(welcome.options, elsewhere);
    for (const field of this.fields) limit(field, welcome.options[nameOf(field)]);
    this.showModel(welcome.model);
    this.show(welcome.config);
  }

  show(config: Config): void {
    this.config = config;
    this.offerMeters();
    for (const field of this.fields) if (!isWritten(field)) showValue(field, config[nameOf(field)]);
    const [tonic = ANY, ...scale] = (config.scale ?? "").split(" ");
    element<HTMLSelectElement>("tonic").value = tonic;
    const scales = element<HTMLSelectElement>("scale");
    scales.value = scale.join(" ") || "major";
    scales.disabled = tonic === ANY;
    const beat = keepsBeat(config);
    const metronome = element<HTMLInputElement>("metronome");
    metronome.checked = beat;
    metronome.disabled = beat && !config.metronome; // the mode needs it
    document.body.dataset.mode = config.mode;
    element("mode-words").textContent = texts[MODE_WORDS[config.mode]];
    document.body.dataset.beat = beat ? "on" : "off";
    this.showInstruments();
    this.constraints.show(config);
  }

  /** Shows and remembers what is in force, since some changes were refused; `text` says why. */
  refuse(fields: string[], text: string): void {
    const config = this.config;
    if (!config) return;
    const inForce = Object.fromEntries(fields.map((field) => [field, config[field]]));
    remember({ config: { ...settings.config, ...inForce } });
    for (const field of this.fields)
      if (fields.includes(nameOf(field))) showValue(field, config[nameOf(field)]);
    this.show(config);
    const [name = ""] = fields;
    const seen = fields.length === 1 && this.constraints.refuse(name, text);
    if (!seen) toast(text, "error");
  }

  showModel(name: string): void {
    const model = this.models.find((other) => other.name === name);
    this.model = name;
    element<HTMLSelectElement>("model").value = name;
    element("model-name").textContent = model?.title ?? name;
    element("model-words").textContent = model?.description ?? "";
    element("model-name").ariaBusy = "false";
    this.offerMeters();
    this.showInstruments();
  }

  /** Says that a model is being loaded; the one before plays until then. */
  showLoading(name: string): void {
    const title = this.models.find((other) => other.name === name)?.title ?? name;
    element("model-name").textContent = texts.loadingModel(title);
    element("model-name").ariaBusy = "true";
    element("model-words").textContent = texts.loadingHint(title);
    announce(texts.loadingModel(title));
  }

  /** The General MIDI program that the player sounds like. */
  program(instruments: readonly string[]): number {
    const chosen = instruments.indexOf(this.config?.instrument ?? ANY);
    return chosen >= 0 ? chosen : (this.current?.instruments[0]?.program ?? 0);
  }

  /** Shows again what is in force in a field. */
  restore(field: Field): void {
    showValue(field, this.config?.[nameOf(field)]);
  }

  /** Without a metronome, the tempo that is heard stands in its field, where another corrects it. */
  showHeard(tempo: number | null): void {
    const isHeard = tempo !== null && this.config !== null && !keepsBeat(this.config);
    const field = element<HTMLInputElement>("tempo");
    if (isHeard && !isWritten(field)) field.value = tempo.toFixed(0);
    element("tempo-unit").textContent = isHeard ? texts.beatsPerMinuteHeard : texts.beatsPerMinute;
  }

  /** A tapped tempo is the metronome's, or else corrects what was heard, which is of no use at the next visit. */
  setTempo(tempo: number): void {
    if (this.config && keepsBeat(this.config)) this.configure({ tempo });
    else this.onconfigure({ tempo });
  }

  private get current(): Model | undefined {
    return this.models.find((model) => model.name === this.model);
  }

  /** The meters of the model, and the one in force if it is another. */
  private offerMeters(): void {
    const meters = new Set([...(this.current?.meters ?? []), this.config?.meter ?? "4/4"]);
    const select = element<HTMLSelectElement>("meter");
    select.replaceChildren(...[...meters].map((meter) => makeOption(meter)));
    select.value = this.config?.meter ?? "4/4";
  }

  private change(field: Field): void {
    const name = nameOf(field);
    const isEmpty = field instanceof HTMLInputElement && field.value === "";
    const mayBeEmpty = this.offered?.options[name]?.default === null;
    if (isEmpty && !mayBeEmpty) this.restore(field);
    else if (name === "tempo") this.setTempo(Number(readValue(field)));
    else this.configure({ [name]: readValue(field) });
  }

  private changeScale(): void {
    const tonic = element<HTMLSelectElement>("tonic").value;
    const scale = element<HTMLSelectElement>("scale").value;
    this.configure({ scale: tonic === ANY ? null : `${tonic} ${scale}` });
  }

  private configure(changes: Partial<Config>): void {
    remember({ config: { ...settings.config, ...changes } });
    this.onconfigure(changes);
  }

  /** Chips for what the model may play; with all or none ticked, it is free. */
  private showInstruments(): void {
    const list = element("instruments");
    const known = (this.current?.instruments ?? []).map(({ name }) => name);
    const chosen = this.config?.instruments ?? known;
    if (list.dataset.known !== known.join()) {
      list.dataset.known = known.join();
      list.replaceChildren(...known.map((name) => makeChip(name, true, () => this.changeInstruments(known))));
    }
    list.querySelectorAll("input").forEach((box, i) => {
      box.checked = chosen.includes(known[i] ?? ""); // in place: a new box would not have the focus
    });
    element("instruments-details").hidden = known.length < 2;
    const all = this.config?.instruments === null;
    element("instruments-words").textContent = all
      ? texts.allInstruments
      : texts.someOf(chosen.length, known.length);
  }

  private changeInstruments(known: readonly string[]): void {
    const boxes = element("instruments").querySelectorAll("input");
    const left = known.filter((_name, i) => boxes[i]?.checked);
    const free = left.length === 0 || left.length === known.length;
    this.configure({ instruments: free ? null : left });
  }
}

/** Puts a minus and a plus beside a number. */
function addSteps(stepper: HTMLElement): void {
  const input = stepper.querySelector("input") as HTMLInputElement;
  for (const sign of ["−", "+"]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    button.tabIndex = -1; // with the keyboard, the number itself has its arrows
    button.setAttribute("aria-hidden", "true");
    button.onclick = () => {
      if (input.value === "" && input.dataset.from) input.value = input.dataset.from;
      else sign === "+" ? input.stepUp() : input.stepDown();
      input.dispatchEvent(new Event("change", { bubbles: true }));
    };
    stepper.append(button);
  }
}

/** The name of the setting that a control shows. */
function nameOf(field: Field): string {
  return field.dataset.config ?? "";
}

function readValue(field: Field): unknown {
  if (field.dataset.config === "count_in") return Number(field.value);
  if (field.type === "checkbox") return (field as HTMLInputElement).checked;
  if (field.type === "number" || field.type === "range") return readNumber(field as HTMLInputElement);
  return field.value === ANY ? null : field.value;
}

/** A number within its field's limits: what would be refused is neither asked for nor remembered. */
function readNumber(field: HTMLInputElement): number | null {
  if (field.value === ANY) return null;
  const [low, high] = [Number(field.min || "-Infinity"), Number(field.max || "Infinity")];
  field.value = String(Math.min(high, Math.max(low, Number(field.value))));
  return Number(field.value);
}

function showValue(field: Field, value: unknown): void {
  const text = String(value ?? ANY);
  if (field.type === "radio") (field as HTMLInputElement).checked = field.value === text;
  else if (field.type === "checkbox") (field as HTMLInputElement).checked = value === true;
  else field.value = text;
  if (field.type === "range") showOutput(field);
}

function showOutput(field: Field): void {
  const output = document.querySelector<HTMLOutputElement>(`output[for="${field.id}"]`);
  if (output) output.value = inDigits(Number(field.value), 2);
}

function limit(field: Field, option: Option | undefined): void {
  if (!(field instanceof HTMLInputElement) || !option) return;
  if (typeof option.minimum === "number") field.min = String(option.minimum);
  if (typeof option.maximum === "number" && !field.max) field.max = String(option.maximum);
  if (option.description && field.type !== "radio") field.title = option.description;
}

/** Two selects from choices such as "F# harmonic minor": the tonic, and the scale. */
function offerScales(choices: readonly string[]): void {
  const tonics = new Set(choices.map((choice) => choice.split(" ")[0] ?? ""));
  const scales = new Set(choices.map((choice) => choice.slice(choice.indexOf(" ") + 1)));
  element("tonic").replaceChildren(
    makeOption(ANY, texts.any),
    ...[...tonics].map((tonic) => makeOption(tonic)),
  );
  element("scale").replaceChildren(...[...scales].map((scale) => makeOption(scale)));
}
