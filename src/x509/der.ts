// DER (X.690): reading with lengths in their one allowed form, and writing. Tags have one byte, as all of X.509 does.
import { Reader } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import { concat, hex } from "../core/text.ts";

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8: 0x0c,
  sequence: 0x30,
  set: 0x31,
  printable: 0x13,
  ia5: 0x16,
  utcTime: 0x17,
  time: 0x18,
} as const;
/** A context-specific tag; `constructed`: it holds others. */
export function context(n: number, constructed = true): number {
  return (constructed ? 0xa0 : 0x80) | n;
}

interface Tlv {
  readonly tag: number;
  /** Views. */
  readonly body: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}
/** Cursor over untrusted DER. Throws DecodeError. */
export class Der {
  readonly #bytes: Uint8Array;
  readonly #r: Reader;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#r = new Reader(bytes);
  }
  get more(): boolean {
    return this.#r.left > 0;
  }
  next(what: string): Tlv {
    const begin = this.#r.at;
    const tag = this.#r.u8(what);
    if ((tag & 0x1f) === 0x1f) throw new DecodeError("bad-value", `${what} tag`, begin);
    const body = this.#r.bytes(this.#length(what), what);
    return { tag, body, whole: this.#bytes.subarray(begin, this.#r.at) };
  }
  #length(what: string): number {
    const first = this.#r.u8(what);
    if (first < 0x80) return first;
    const bytes = first & 0x7f;
    if (bytes === 0 || bytes > 3) throw new DecodeError("bad-length", what, this.#r.at - 1);
    let n = 0;
    for (let i = 0; i < bytes; i++) n = n * 256 + this.#r.u8(what);
    if (n < 0x80 || (bytes > 1 && n < 256 ** (bytes - 1))) throw new DecodeError("bad-length", what, this.#r.at);
    return n;
  }
  /** The next one, which must have this tag. */
  take(tag: number, what: string): Tlv {
    const at = this.#r.at;
    const t = this.next(what);
    if (t.tag !== tag) throw new DecodeError("bad-value", what, at);
    return t;
  }
  /** The next one if it has this tag. */
  optional(tag: number, what: string): Tlv | null {
    return this.more && this.#bytes[this.#r.at] === tag ? this.next(what) : null;
  }
  /** Those inside the next one, which must have this tag. */
  inside(tag: number, what: string): Der {
    return new Der(this.take(tag, what).body);
  }
  end(what: string): void {
    this.#r.end(what);
  }
}

/** One element; `parts` are its content. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(parts);
  const n = body.length;
  const length: number[] = [];
  for (let left = n; left > 0; left = Math.floor(left / 256)) length.unshift(left & 255);
  const head = n < 0x80 ? [tag, n] : [tag, 0x80 | length.length, ...length];
  return concat([Uint8Array.from(head), body]);
}

/** An object identifier's content as text: "2.5.29.17". */
export function oidText(body: Uint8Array): string {
  const arcs: number[] = [];
  let v = 0;
  for (const b of body) {
    v = v * 128 + (b & 0x7f);
    if (v > Number.MAX_SAFE_INTEGER / 128) return hex(body);
    if (b & 0x80) continue;
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(v / 40)), v - 40 * Math.min(2, Math.floor(v / 40)));
    else arcs.push(v);
    v = 0;
  }
  return arcs.join(".");
}
/** The whole element. */
export function oid(text: string): Uint8Array {
  const [a = 0, b = 0, ...rest] = text.split(".").map(Number);
  const bytes = [40 * a + b, ...rest].flatMap((arc) => {
    const out = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) out.unshift(0x80 | (left & 0x7f));
    return out;
  });
  return der(TAG.oid, Uint8Array.from(bytes));
}
/** A number that is not negative, big-endian, as an INTEGER. */
export function unsigned(bytes: Uint8Array): Uint8Array {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  const short = bytes.subarray(at);
  return der(TAG.integer, ...((short[0] ?? 0) & 0x80 || short.length === 0 ? [Uint8Array.of(0), short] : [short]));
}
/** The content of an INTEGER without leading zeros; null when it is negative or empty. */
export function magnitude(body: Uint8Array): Uint8Array | null {
  if (body.length === 0 || (body[0] as number) & 0x80) return null;
  let at = 0;
  while (at < body.length - 1 && body[at] === 0) at++;
  return body.subarray(at);
}
