// Property lists in XML, as configuration profiles are written: a strict reader of untrusted text.
import { fromBase64 } from "../x509/pem.ts";

/** Why it cannot be read, in a sentence; none of the text is repeated. */
export class PlistError extends Error {}

export type PlistValue = string | boolean | Uint8Array | readonly PlistValue[] | ReadonlyMap<string, PlistValue>;

/** UTF-16 units; a profile with a certificate has some ten thousand. */
const LONGEST = 1_000_000;
const DEEPEST = 16;
/** No entities of its own, no CDATA. */
const TOKEN = /<\?[^>]*\?>|<!--[\s\S]*?-->|<!DOCTYPE[^[>]*>|<(\/?)([a-z]+)(?: [^<>]*?)?(\/?)>|([^<]+)/y;
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const SCALARS = ["string", "integer", "real", "date", "data"];

interface Token {
  /** "dict", "/dict", "dict/", or "" for text. */
  readonly tag: string;
  readonly text: string;
}

function unescaped(text: string): string {
  return text.replace(/&([^;&]*;?)/g, (_, e: string) => {
    const [, hex, decimal] = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}));$/.exec(e) ?? [];
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    const named = e.endsWith(";") ? ENTITIES[e.slice(0, -1)] : undefined;
    if (named !== undefined && Object.hasOwn(ENTITIES, e.slice(0, -1))) return named;
    if (!(code > 0 && code <= 0x10ffff)) throw new PlistError("an entity is not known");
    return String.fromCodePoint(code);
  });
}
function* tokens(text: string): Generator<Token, Token> {
  let at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const m = TOKEN.exec(text);
    if (!m) throw new PlistError("it is no property list in XML");
    at += m[0].length;
    const [, end, name, alone, words] = m;
    if (name !== undefined) yield { tag: `${end}${name}${alone}`, text: "" };
    else if (words !== undefined) yield { tag: "", text: words };
  }
  throw new PlistError("it ends too early");
}

/** The value in `<plist>`. Numbers and dates are texts. Throws PlistError. */
export function readPlist(text: string): PlistValue {
  if (text.length > LONGEST) throw new PlistError("it is too long");
  const all = tokens(text.replace(/^\ufeff/, ""));
  /** Between elements blanks do not count. */
  const next = (): Token => {
    const t = all.next().value;
    return t.tag === "" && t.text.trim() === "" ? next() : t;
  };
  const expect = (tag: string): void => {
    if (next().tag !== tag) throw new PlistError(`<${tag}> is missing`);
  };
  const scalar = (tag: string): string => {
    const t = all.next().value;
    if (t.tag === `/${tag}`) return "";
    if (t.tag !== "" || all.next().value.tag !== `/${tag}`) throw new PlistError(`<${tag}> holds more than text`);
    return unescaped(t.text);
  };
  const value = ({ tag }: Token, depth: number): PlistValue => {
    if (depth > DEEPEST) throw new PlistError("it is too deep");
    if (tag === "true/" || tag === "false/") return tag === "true/";
    if (tag === "dict/") return new Map();
    if (tag === "array/") return [];
    if (tag === "string/") return "";
    if (tag === "array") {
      const out: PlistValue[] = [];
      for (let t = next(); t.tag !== "/array"; t = next()) out.push(value(t, depth + 1));
      return out;
    }
    if (tag === "dict") {
      const out = new Map<string, PlistValue>();
      for (let t = next(); t.tag !== "/dict"; t = next()) {
        if (t.tag !== "key") throw new PlistError("<key> is missing");
        const key = scalar("key");
        if (out.has(key)) throw new PlistError("a key is there twice");
        out.set(key, value(next(), depth + 1));
      }
      return out;
    }
    if (!SCALARS.includes(tag)) throw new PlistError("an element is not known");
    const said = scalar(tag);
    if (tag !== "data") return said;
    const bytes = fromBase64(said);
    if (!bytes) throw new PlistError("<data> is no base64");
    return bytes;
  };
  expect("plist");
  const out = value(next(), 0);
  expect("/plist");
  return out;
}
