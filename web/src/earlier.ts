/** The menu's list of earlier sessions that the browser keeps: one is gone on with by a click. */

import { element, make, toast } from "./dom";
import type { Keeper } from "./keeper";
import type { Kept } from "./store";
import { language, texts } from "./texts";

/** forget: clears the page for another session. */
export function bindEarlier(keeper: Keeper, forget: () => void): void {
  const menu = element("bookmarks-menu");
  menu.addEventListener("beforetoggle", () => void list(keeper, forget, menu));
}

async function list(keeper: Keeper, forget: () => void, menu: HTMLElement): Promise<void> {
  const kept = await keeper.earlier().catch(() => []);
  element("earlier-title").hidden = kept.length === 0;
  const buttons = kept.map((session) => {
    const button = make("button", session.model, { type: "button" });
    button.append(make("small", wordsOf(session)));
    button.onclick = () => {
      menu.hidePopover();
      keeper.goOn(session).then(forget, (error: Error) => toast(error.message, "error"));
    };
    return button;
  });
  element("earlier").replaceChildren(...buttons);
}

function wordsOf({ saved, notes }: Kept): string {
  const time = new Date(saved).toLocaleString(language, { dateStyle: "short", timeStyle: "short" });
  return `${time}, ${texts.noteCount(notes)}`;
}
