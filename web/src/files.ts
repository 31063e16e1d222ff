/** Files that leave the page (downloads of the session) and come in (a MIDI file as the call). */

import { element, toast } from "./dom";
import type { Session } from "./session";
import { fillTexts, texts } from "./texts";

const LONGEST = 1_000_000; // bytes of a MIDI file

export function bindDownloads(session: Session): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-download]")) {
    button.onclick = () => download(session, button.dataset.download ?? "mid", button);
  }
}

async function download(session: Session, suffix: string, button: HTMLButtonElement): Promise<void> {
  const words = button.querySelector("small");
  if (words) words.textContent = texts.makingIt;
  button.ariaBusy = "true";
  button.disabled = true;
  try {
    save(await session.download(suffix), `jam.${suffix}`);
    element("downloads-menu").hidePopover();
  } catch (error) {
    toast((error as Error).message, "error");
  } finally {
    button.ariaBusy = "false";
    fillTexts(button);
    button.disabled = false;
  }
}

function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Takes a MIDI file by button, or dropped anywhere on the page. */
export function bindUpload(session: Session): void {
  const input = element<HTMLInputElement>("file");
  element("upload").onclick = () => input.click();
  input.onchange = () => {
    take(session, input.files?.[0]);
    input.value = "";
  };
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    take(session, event.dataTransfer?.files[0]);
  });
}

async function take(session: Session, file: File | undefined): Promise<void> {
  if (!file) return;
  if (file.size > LONGEST) return toast(texts.tooLarge(file.name), "error");
  try {
    await session.playCall(file);
  } catch (error) {
    toast((error as Error).message, "error");
  }
}
