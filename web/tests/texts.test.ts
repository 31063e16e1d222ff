/** Every language has every text, HTML names texts that exist, and nothing is said past the tables. */

import { expect, test } from "vitest";
import html from "../index.html?raw";
import { pickLanguage, TABLES } from "../src/texts";
import { en } from "../src/texts/en";

const sources = import.meta.glob("../src/*.ts", { query: "?raw", import: "default", eager: true });
const NAMES = /^(Ritornello|MIDI|WAV|MP3|PDF|MusicXML|Esc|[A-Z']|[‹›]|…|This page needs JavaScript\.)$/;

function shapes(table: object): Map<string, string> {
  return new Map(Object.entries(table).map(([name, text]) => [name, typeof text]));
}

test.each(Object.entries(TABLES))("the table of %s has all texts, and no other", (_language, table) => {
  expect(shapes(table)).toEqual(shapes(en));
  const empty = Object.entries(table).filter(([, text]) => text === "");
  expect(empty).toEqual([]);
});

test("a language that we have is picked, whatever its region; otherwise it is English", () => {
  expect(pickLanguage(["", "fr-CH", "de-AT", "en"])).toBe("de");
  expect(pickLanguage(["en-GB", "de"])).toBe("en");
  expect(pickLanguage(["constructor", "xx"])).toBe("en");
});

test("what HTML names is a text without a number", () => {
  const named = [...html.matchAll(/data-(?:text|title|label)="(\w+)"/g)].map(([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(80);
  expect(named.filter((name) => shapes(en).get(name) !== "string")).toEqual([]);
});

test("HTML holds names and signs, and no other words", () => {
  const body = html.slice(html.indexOf("<body"));
  const words = [...body.matchAll(/>([^<>]+)</g)].map(([, text = ""]) => text.trim());
  expect(words.filter((text) => text && !NAMES.test(text))).toEqual([]);
  expect(body.match(/\s(?:title|aria-label)="/g)).toBeNull();
});

test("code says nothing past the tables", () => {
  for (const [path, source] of Object.entries(sources)) {
    expect(String(source), path).not.toMatch(/\b(?:toast|announce)\(\s*["`]/);
  }
});
