/** Files that leave the page (downloads of the session) and come in (a MIDI file as the call). */

import { element, toast } from "./dom";
import type { Keeper } from "./keeper";
import type { Session } from "./session";
import { fillTexts, texts } from "./texts";

const LONGEST = 1_000_000; // bytes of a MIDI file

/** What the page itself makes needs no server: the record, as MIDI and to go on from. */
export function bindDownloads(session: Session, keeper: Keeper): void {
  const made: { readonly [suffix: string]: () => Blob } = {
    mid: () => keeper.midi(),
    json: () => keeper.file(),
  };
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-download]")) {
    const suffix = button.dataset.download ?? "mid";
    button.onclick = () =>
      download(async () => made[suffix]?.() ?? (await session.download(suffix)), suffix, button);
  }
}

async function download(make: () => Promise<Blob>, suffix: string, button: HTMLButtonElement): Promise<void> {
  const words = button.querySelector("small");
  if (words) words.textContent = texts.makingIt;
  button.ariaBusy = "true";
  button.disabled = true;
  try {
    save(await make(), `jam.${suffix}`);
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

/** Takes a MIDI file, as the call, or a record, to go on from: by button, or dropped anywhere on the page. */
export function bindUpload(session: Session, open: (record: File) => Promise<void>): void {
  const input = element<HTMLInputElement>("file");
  element("upload").onclick = () => input.click();
  input.onchange = () => {
    take(session, open, input.files?.[0]);
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
    take(session, open, event.dataTransfer?.files[0]);
  });
}

async function take(
  session: Session,
  open: (record: File) => Promise<void>,
  file: File | undefined,
): Promise<void> {
  if (!file) return;
  const isRecord = file.name.endsWith(".json");
  if (!isRecord && file.size > LONGEST) return toast(texts.tooLarge(file.name), "error");
  try {
    await (isRecord ? open(file) : session.playCall(file));
  } catch (error) {
    toast((error as Error).message, "error");
  }
}
