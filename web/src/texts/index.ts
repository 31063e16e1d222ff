/**
 * The texts of the page, in the language that was chosen, or else in the first one of the browser's that we have.
 *
 * In HTML, `data-text="name"` puts a text into an element, `data-title` and `data-label` into its `title` and
 * `aria-label`; in code it is `texts.name`. What shows a text until something else happens registers by
 * `onLanguage`. What the server says (descriptions, refusals, names of instruments) is English, and marked so.
 */

import { make } from "../dom";
import { settings } from "../settings";
import { de } from "./de";
import { en, type Texts } from "./en";

export const TABLES: Readonly<{ [language: string]: Texts }> = { en, de };

/** The language, as in the `lang` of HTML, and its texts. */
export let language = "en";
export let texts: Texts = en;

/** The names of texts that need no number: those that HTML can name. */
type Plain = { [Name in keyof Texts]: Texts[Name] extends string ? Name : never }[keyof Texts];

const listeners: (() => void)[] = [];

/** Calls `show` when another language is chosen. */
export function onLanguage(show: () => void): void {
  listeners.push(show);
}

/** Shows the page in the language of the settings. */
export function applyLanguage(): void {
  language = pickLanguage([settings.language ?? "", ...navigator.languages]);
  texts = TABLES[language] ?? en;
  document.documentElement.lang = language;
  fillTexts(document);
  for (const show of listeners) show();
}

/** The first language that there is a table for, whatever its region. */
export function pickLanguage(wanted: readonly string[]): string {
  const known = wanted.map((tag) => tag.toLowerCase().split("-")[0] ?? "");
  return known.find((name) => Object.hasOwn(TABLES, name)) ?? "en";
}

/** A number with so many digits after the point, or the comma. */
export function inDigits(value: number, digits: number): string {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Puts the texts into the elements that name one. */
export function fillTexts(root: ParentNode): void {
  for (const place of all(root, "data-text")) place.replaceChildren(...marked(textOf(place.dataset.text)));
  for (const place of all(root, "data-title")) place.title = textOf(place.dataset.title);
  for (const place of all(root, "data-label")) place.ariaLabel = textOf(place.dataset.label);
}

function all(root: ParentNode, attribute: string): NodeListOf<HTMLElement> {
  return root.querySelectorAll(`[${attribute}]`);
}

function textOf(name = ""): string {
  return texts[name as Plain];
}

/** A text, with what stands in backquotes as keys of the keyboard. */
function marked(text: string): (string | HTMLElement)[] {
  return text.split("`").map((part, i) => (i % 2 === 1 ? make("kbd", part) : part));
}
