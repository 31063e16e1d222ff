/**
 * Boxes for the settings of all constraints, made from what the server says of each: its type, limits and description.
 * So a constraint of another package is here too. An empty box asks for nothing: it stands for the default.
 */

import { element, isWritten, make, makeOption } from "./dom";
import type { Config, Option } from "./messages";
import { texts } from "./texts";

type Box = HTMLInputElement | HTMLSelectElement;

interface Setting {
  option: Option;
  box: Box;
  error: HTMLElement;
}

export class Constraints {
  /** Called with what the player changed. */
  onconfigure: (changes: Partial<Config>) => void = () => {};
  private readonly settings = new Map<string, Setting>();
  private config: Partial<Config> = {};

  /** Makes a box for each setting of a constraint, but for those in `elsewhere`, which the page has already. */
  offer(options: Record<string, Option>, elsewhere: ReadonlySet<string>): void {
    this.settings.clear();
    const rows = Object.entries(options)
      .filter(([name, option]) => option.constraint && !elsewhere.has(name))
      .map(([name, option]) => this.makeRow(name, option));
    element("constraints").replaceChildren(...rows);
    element("constraints-details").hidden = rows.length === 0;
  }

  /** Shows what is in force. */
  show(config: Config): void {
    this.config = config;
    let asked = 0;
    for (const [name, { option, box, error }] of this.settings) {
      const value = config[name];
      if (JSON.stringify(value) !== JSON.stringify(option.default)) asked++;
      if (!isWritten(box)) showValue(box, option, value);
      box.removeAttribute("aria-invalid");
      error.textContent = "";
    }
    element("constraints-words").textContent = asked === 0 ? texts.noneSet : texts.someSet(asked);
  }

  /** Shows what is in force, and beside it why a change was refused. Returns whether that can be seen. */
  refuse(name: string, text: string): boolean {
    const setting = this.settings.get(name);
    if (!setting) return false;
    showValue(setting.box, setting.option, this.config[name]);
    setting.box.ariaInvalid = "true";
    setting.error.textContent = text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text;
    return setting.box.checkVisibility({ visibilityProperty: true });
  }

  private makeRow(name: string, option: Option): HTMLElement {
    const id = `constraint-${name}`;
    const box = makeBox(option);
    const hint = make("p", sentence(option.description), { class: "hint", id: `${id}-hint` });
    const error = make("p", "", { class: "hint error", id: `${id}-error`, role: "alert" });
    box.id = id;
    box.title = option.description;
    box.setAttribute("aria-describedby", `${error.id} ${hint.id}`);
    box.onchange = () => this.change(name, option, box);
    this.settings.set(name, { option, box, error });
    const label = make("label", labelOf(name), { class: "row" });
    label.append(box);
    const row = make("div", "", { class: "constraint" });
    row.append(label, error, hint);
    return row;
  }

  /** Asks for what a box says; whether it is allowed, the server knows. */
  private change(name: string, option: Option, box: Box): void {
    const ticked = box.type === "checkbox" ? (box as HTMLInputElement).checked : null;
    if (box.validity.badInput)
      this.refuse(name, texts.mustBeNumber); // its value is empty for us
    else this.onconfigure({ [name]: ticked ?? toValue(box.value, option) });
  }
}

function showValue(box: Box, option: Option, value: unknown): void {
  if (box.type === "checkbox") (box as HTMLInputElement).checked = value === true;
  else box.value = toText(value, option);
}

function makeBox(option: Option): Box {
  const isFree = option.default === null;
  const words = option.type === "boolean" ? ["yes", "no"] : option.choices?.map(String);
  if (option.type === "boolean" && !isFree)
    return make("input", "", { type: "checkbox" }) as HTMLInputElement;
  if (words) {
    const select = make("select") as HTMLSelectElement;
    select.append(...(isFree ? [makeOption("", "any")] : []), ...words.map((word) => makeOption(word)));
    return select;
  }
  const isNumber = option.type === "number" || option.type === "integer";
  const input = make("input", "", { type: isNumber ? "number" : "text", autocomplete: "off" });
  const box = input as HTMLInputElement;
  box.placeholder = isFree ? "any" : toText(option.default, option);
  if (isNumber) {
    box.min = String(option.minimum ?? "");
    box.max = String(option.maximum ?? "");
    box.step = option.type === "integer" ? "1" : "any";
  } else box.spellcheck = false;
  return box;
}

/** "Notes per bar" for notes_per_bar. */
export function labelOf(name: string): string {
  return sentence(name.replaceAll("_", " "));
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** How a value stands in its box; nothing for null. */
export function toText(value: unknown, option: Option): string {
  if (value === null || value === undefined) return "";
  if (option.type === "boolean") return value ? "yes" : "no";
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** The value that is written in a box; the default, which asks for nothing, if it is empty. */
export function toValue(text: string, option: Option): unknown {
  const words = text.trim();
  if (words === "") return option.default;
  if (option.type === "boolean") return words === "yes";
  if (option.type === "number" || option.type === "integer") return Number(words);
  return option.type === "list" ? words.split(",").map((word) => word.trim()) : words;
}
