/** The files of a page without a server: in elements of the document, or beside it; compressed in both. */

import type { Facts } from "./worker";

/** What an exported page says about itself; null for the page of a server. */
export interface Offline extends Facts {
  files: string[];
}

const told = document.documentElement.dataset.offline;
export const offline: Offline | null = told ? JSON.parse(told) : null;

/** A file of the session's worker. */
export async function loadFile(name: string): Promise<ArrayBuffer> {
  const held = await heldFile(name);
  if (held) return held;
  const answer = await fetch(`offline/${name}.gz`);
  if (!answer.ok || !answer.body) throw new Error(`${name}: ${answer.status}`);
  return unpack(answer.body);
}

/** An address for a file that the document itself may hold; else the one it had. */
export async function addressOf(address: string, type: string): Promise<string> {
  const held = await heldFile(address.split(/[/?#]/).pop() ?? "");
  return held ? URL.createObjectURL(new Blob([held], { type })) : address;
}

/** The same for a worker's module: in a page from a disk Chromium takes that from a data address only. */
export async function scriptAddress(address: string): Promise<string> {
  const held = await heldFile(address.split(/[/?#]/).pop() ?? "");
  return held ? `data:text/javascript,${encodeURIComponent(new TextDecoder().decode(held))}` : address;
}

async function heldFile(name: string): Promise<ArrayBuffer | null> {
  const element = document.querySelector(`script[data-file="${CSS.escape(name)}"]`);
  if (!element) return null;
  const answer = await fetch(`data:application/gzip;base64,${element.textContent}`); // decodes fast, by no network
  return answer.body && unpack(answer.body);
}

function unpack(packed: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<ArrayBuffer> {
  return new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** Whether the document holds its files itself. */
export function isOneFile(): boolean {
  return document.querySelector("script[data-file]") !== null;
}
