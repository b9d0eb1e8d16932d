import { DecodeError } from "./errors.ts";

/** Nothing yet: one for all, as an array of its own costs each of a thousand sessions 300 bytes on QuickJS. */
export const NO_BYTES: Uint8Array = /* @__PURE__ */ new Uint8Array(0); // LuCI's tables have no use for it

/** The byte at `at`; the caller has checked the bounds. */
export function get8(b: Uint8Array, at: number): number {
  return b[at] as number;
}
/** Big-endian (network order) 16 bits at `at`; the caller has checked the bounds. */
export function get16(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 8) | (b[at + 1] as number);
}
/** Big-endian 32 bits, unsigned; the caller has checked the bounds. */
export function get32(b: Uint8Array, at: number): number {
  return ((get16(b, at) << 16) | get16(b, at + 2)) >>> 0;
}
/** The low 16 bits of `v`, big-endian. */
export function put16(b: Uint8Array, at: number, v: number): void {
  b[at] = v >>> 8;
  b[at + 1] = v;
}
/** The low 32 bits of `v`, big-endian. */
export function put32(b: Uint8Array, at: number, v: number): void {
  put16(b, at, v >>> 16);
  put16(b, at + 2, v);
}

/** The low 32 bits of `v` as four bytes, big-endian. */
export function u32(v: number): Uint8Array {
  return Uint8Array.of(v >>> 24, v >>> 16, v >>> 8, v);
}

/** Cursor over untrusted bytes. Every read is bounded by `end`; nothing ever reads past a parent. */
export class Reader {
  readonly #b: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(b: Uint8Array, at = 0, end = b.length) {
    this.#b = b;
    this.#at = at;
    this.#end = end;
  }
  get left(): number {
    return this.#end - this.#at;
  }
  get at(): number {
    return this.#at;
  }
  u8(what: string): number {
    return get8(this.#b, this.#take(1, what));
  }
  u16(what: string): number {
    const o = this.#take(2, what);
    return get16(this.#b, o);
  }
  u32(what: string): number {
    const o = this.#take(4, what);
    return get32(this.#b, o);
  }
  /** A view, not a copy. */
  bytes(n: number, what: string): Uint8Array {
    const o = this.#take(n, what);
    return this.#b.subarray(o, o + n);
  }
  /** The only way into a nested length-prefixed field: a child reader that cannot see its siblings. */
  sub(n: number, what: string): Reader {
    const o = this.#take(n, what);
    return new Reader(this.#b, o, o + n);
  }
  rest(): Uint8Array {
    return this.bytes(this.left, "rest");
  }
  end(what: string): void {
    if (this.left !== 0) throw new DecodeError("trailing", what, this.#at);
  }
  #take(n: number, what: string): number {
    if (n < 0) throw new DecodeError("bad-length", what, this.#at);
    const o = this.#at;
    if (o + n > this.#end) throw new DecodeError("short", what, o);
    this.#at = o + n;
    return o;
  }
}

/**
 * Cursor over our own buffer. Given a buffer, running out of room is a bug in us and throws RangeError;
 * without one it grows as needed (control messages only, never the data path).
 */
export class Writer {
  #b: Uint8Array;
  #at: number;
  readonly #grows: boolean;
  constructor(b?: Uint8Array, at = 0) {
    this.#b = b ?? new Uint8Array(256);
    this.#grows = b === undefined;
    this.#at = at;
  }
  get at(): number {
    return this.#at;
  }
  u8(v: number): void {
    const o = this.#room(1);
    this.#b[o] = v;
  }
  u16(v: number): void {
    const o = this.#room(2);
    put16(this.#b, o, v);
  }
  u32(v: number): void {
    this.u16(v >>> 16);
    this.u16(v);
  }
  bytes(v: Uint8Array): void {
    const o = this.#room(v.length);
    this.#b.set(v, o);
  }
  /** Overwrites two bytes already written. */
  patch16(at: number, v: number): void {
    if (at < 0 || at + 2 > this.#at) throw new RangeError("writer: patch outside what was written");
    put16(this.#b, at, v);
  }
  /**
   * Writes `body`, then goes back and fills the 16-bit length (counted from `base`, or'ed with `flags`) that precedes
   * it.
   */
  sized16(flags: number, base: number, body: () => void): void {
    const at = this.#room(2);
    body();
    this.patch16(at, flags | (this.#at - base));
  }
  /** What was written: a view, valid until the next write. */
  done(): Uint8Array {
    return this.#b.subarray(0, this.#at);
  }
  #room(n: number): number {
    const o = this.#at;
    if (o + n > this.#b.length) {
      if (!this.#grows) throw new RangeError(`writer: ${o + n - this.#b.length} bytes over`);
      const b = new Uint8Array(Math.max(2 * this.#b.length, o + n));
      b.set(this.#b);
      this.#b = b;
    }
    this.#at = o + n;
    return o;
  }
}
