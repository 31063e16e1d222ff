/** Short words for what every part of the page does with its elements. */

/** The element with an id; the page cannot be without it. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element #${id}`);
  return found as T;
}

/** A new element with text and attributes. */
export function make(tag: string, text = "", attributes: { [name: string]: string } = {}): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function makeOption(value: string, text = value): HTMLOptionElement {
  return new Option(text, value);
}

/** Boxes that text or a number is written into. */
export const WRITABLE = "[type=number], [type=text]";

/** Whether somebody may be writing into a box: then nothing else is put there. */
export function isWritten(box: Element): boolean {
  return box === document.activeElement && box.matches(WRITABLE);
}

/** A box to tick in a list of chips. */
export function makeChip(text: string, checked: boolean, onchange: (checked: boolean) => void): HTMLElement {
  const box = make("input", "", { type: "checkbox" }) as HTMLInputElement;
  box.checked = checked;
  box.onchange = () => onchange(box.checked);
  const label = make("label");
  label.append(box, text);
  return label;
}

/** Says something to those who do not see the page, and only to them. */
export function announce(text: string): void {
  element("announcement").textContent = text;
}

const TOAST_SECONDS = 7;

/** Shows a line for a while. */
export function toast(text: string, kind: "remark" | "error" = "remark"): void {
  const shown = make("p", text, { class: `toast ${kind}` });
  const toasts = element("toasts");
  for (const other of [...toasts.children]) if (other.textContent === text) other.remove();
  toasts.append(shown);
  setTimeout(() => shown.remove(), 1000 * TOAST_SECONDS);
}

export function prefersReducedMotion(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
