// libubox's blob and blobmsg: attributes of `u32 id_len`, padded to four bytes, everything big endian.
import { STATUS, UbusError } from "./status.ts";
import { fromUtf8, utf8 } from "./text.ts";

export const MAX_MESSAGE = 1024 * 1024;
const MAX_DEPTH = 32;
const EXTENDED = 0x80000000;

export const TYPE = {
  UNSPEC: 0,
  ARRAY: 1,
  TABLE: 2,
  STRING: 3,
  INT64: 4,
  INT32: 5,
  INT16: 6,
  INT8: 7,
  BOOL: 7,
  DOUBLE: 8,
} as const;
export type Type = (typeof TYPE)[keyof typeof TYPE];

/** One blobmsg attribute with its exact type on the wire; names inside an array are empty. */
export type Field =
  | { readonly type: typeof TYPE.UNSPEC; readonly name: string }
  | { readonly type: typeof TYPE.ARRAY | typeof TYPE.TABLE; readonly name: string; readonly value: readonly Field[] }
  | { readonly type: typeof TYPE.STRING; readonly name: string; readonly value: string }
  | { readonly type: typeof TYPE.INT64; readonly name: string; readonly value: bigint }
  | {
      readonly type: typeof TYPE.INT32 | typeof TYPE.INT16 | typeof TYPE.INT8 | typeof TYPE.DOUBLE;
      readonly name: string;
      readonly value: number;
    };

export type Value = null | boolean | number | bigint | string | readonly Value[] | { readonly [name: string]: Value };
export type Table = { readonly [name: string]: Value };

/** A blob attribute: id 0..127 and its payload (a view into what was read). */
export interface Attr {
  readonly id: number;
  readonly payload: Uint8Array;
}

const pad4 = (n: number): number => (n + 3) & ~3;
const malformed = (why: string): UbusError => new UbusError(STATUS.PARSE_ERROR, `malformed blob, ${why}`);

interface RawAttr extends Attr {
  readonly extended: boolean;
}

function readRaw(b: Uint8Array): RawAttr[] {
  const v = new DataView(b.buffer, b.byteOffset, b.byteLength);
  const out: RawAttr[] = [];
  for (let at = 0; at < b.length; ) {
    if (b.length - at < 4) throw malformed("a header cut short");
    const word = v.getUint32(at);
    const len = word & 0xffffff;
    if (len < 4 || len > b.length - at) throw malformed(`length ${len} of ${b.length - at}`);
    out.push({ id: (word >>> 24) & 0x7f, extended: word >= EXTENDED, payload: b.subarray(at + 4, at + len) });
    at += pad4(len);
  }
  return out;
}

/** Throws UbusError PARSE_ERROR. */
export function readAttrs(b: Uint8Array): Attr[] {
  return readRaw(b);
}

/** Appends to one buffer that grows; a length is written when its end is known. */
class Writer {
  #b = new Uint8Array(256);
  #v = new DataView(this.#b.buffer);
  #n = 0;

  begin(id: number, extended: boolean): number {
    const at = this.#n;
    this.#room(4);
    this.#v.setUint32(at, ((extended ? EXTENDED : 0) | (id << 24)) >>> 0);
    this.#n += 4;
    return at;
  }

  end(at: number): void {
    const len = this.#n - at;
    if (len > MAX_MESSAGE) throw new UbusError(STATUS.NO_MEMORY, "message over 1 MiB");
    this.#v.setUint32(at, (this.#v.getUint32(at) | len) >>> 0);
    const pad = pad4(this.#n) - this.#n;
    this.#room(pad);
    this.#n += pad;
  }

  bytes(b: Uint8Array): void {
    this.#room(b.length);
    this.#b.set(b, this.#n);
    this.#n += b.length;
  }

  number(size: 1 | 2 | 4, value: number): void {
    this.#room(size);
    if (size === 1) this.#v.setUint8(this.#n, value);
    else if (size === 2) this.#v.setUint16(this.#n, value);
    else this.#v.setUint32(this.#n, value);
    this.#n += size;
  }

  int64(value: bigint): void {
    this.#room(8);
    this.#v.setBigInt64(this.#n, value);
    this.#n += 8;
  }

  double(value: number): void {
    this.#room(8);
    this.#v.setFloat64(this.#n, value);
    this.#n += 8;
  }

  text(s: string): void {
    if (s.includes("\0")) throw new UbusError(STATUS.INVALID_ARGUMENT, "text with a NUL in it");
    this.bytes(utf8(s));
    this.number(1, 0);
  }

  name(s: string): void {
    const b = utf8(s);
    if (b.length > 255 || b.includes(0))
      throw new UbusError(STATUS.INVALID_ARGUMENT, "name too long or with a NUL in it");
    this.number(2, b.length);
    this.bytes(b);
    const pad = pad4(3 + b.length) - 2 - b.length;
    this.#room(pad);
    this.#n += pad;
  }

  done(): Uint8Array {
    return this.#b.slice(0, this.#n);
  }

  #room(n: number): void {
    if (this.#n + n <= this.#b.length) return;
    if (this.#n + n > MAX_MESSAGE + 1024) throw new UbusError(STATUS.NO_MEMORY, "message over 1 MiB");
    const bigger = new Uint8Array(Math.max(this.#b.length * 2, this.#n + n));
    bigger.set(this.#b);
    this.#b = bigger;
    this.#v = new DataView(bigger.buffer);
  }
}

/** Throws UbusError NO_MEMORY over 1 MiB. */
export function writeAttrs(attrs: readonly Attr[]): Uint8Array {
  const w = new Writer();
  for (const a of attrs) {
    const at = w.begin(a.id, false);
    w.bytes(a.payload);
    w.end(at);
  }
  return w.done();
}

function isType(id: number): id is Type {
  return id <= TYPE.DOUBLE;
}

/** Fields of a blobmsg list. Throws UbusError PARSE_ERROR: bad lengths, unknown types, more than 32 levels. */
export function readFields(b: Uint8Array, depth = 0): Field[] {
  if (depth > MAX_DEPTH) throw malformed("nested too deeply");
  return readRaw(b).map((a) => {
    if (!a.extended) throw malformed("an attribute without a name");
    const p = a.payload;
    const v = new DataView(p.buffer, p.byteOffset, p.byteLength);
    if (p.length < 4) throw malformed("a name cut short");
    const n = v.getUint16(0);
    const start = pad4(3 + n);
    if (start > p.length || p[2 + n] !== 0) throw malformed("a name without its end");
    const name = fromUtf8(p.subarray(2, 2 + n));
    return readValue(a.id, name, p.subarray(start), depth);
  });
}

const SIZE: { readonly [id: number]: number } = { 0: 0, 4: 8, 5: 4, 6: 2, 7: 1, 8: 8 };

function readValue(id: number, name: string, p: Uint8Array, depth: number): Field {
  if (!isType(id)) throw malformed(`type ${id}`);
  const v = new DataView(p.buffer, p.byteOffset, p.byteLength);
  const size = SIZE[id];
  if (size !== undefined && p.length !== size) throw malformed(`${p.length} bytes for type ${id}`);
  switch (id) {
    case TYPE.UNSPEC:
      return { type: id, name };
    case TYPE.ARRAY:
    case TYPE.TABLE:
      return { type: id, name, value: readFields(p, depth + 1) };
    case TYPE.STRING:
      if (p.length === 0 || p[p.length - 1] !== 0) throw malformed("a string without its end");
      return { type: id, name, value: fromUtf8(p) };
    case TYPE.INT64:
      return { type: id, name, value: v.getBigInt64(0) };
    case TYPE.INT32:
      return { type: id, name, value: v.getInt32(0) };
    case TYPE.INT16:
      return { type: id, name, value: v.getInt16(0) };
    case TYPE.INT8:
      return { type: id, name, value: v.getInt8(0) };
    case TYPE.DOUBLE:
      return { type: id, name, value: v.getFloat64(0) };
  }
}

function writeInto(w: Writer, fields: readonly Field[], depth: number): void {
  if (depth > MAX_DEPTH) throw new UbusError(STATUS.INVALID_ARGUMENT, "value nested too deeply");
  for (const f of fields) {
    const at = w.begin(f.type, true);
    w.name(f.name);
    switch (f.type) {
      case TYPE.UNSPEC:
        break;
      case TYPE.ARRAY:
      case TYPE.TABLE:
        writeInto(w, f.value, depth + 1);
        break;
      case TYPE.STRING:
        w.text(f.value);
        break;
      case TYPE.INT64:
        w.int64(f.value);
        break;
      case TYPE.INT32:
        w.number(4, f.value);
        break;
      case TYPE.INT16:
        w.number(2, f.value);
        break;
      case TYPE.INT8:
        w.number(1, f.value);
        break;
      case TYPE.DOUBLE:
        w.double(f.value);
        break;
    }
    w.end(at);
  }
}

/** Throws UbusError: INVALID_ARGUMENT (NUL in a text, over 32 levels), NO_MEMORY (over 1 MiB). */
export function writeFields(fields: readonly Field[]): Uint8Array {
  const w = new Writer();
  writeInto(w, fields, 0);
  return w.done();
}

/**
 * As the ubus tool writes JSON: an integer becomes INT32 when it fits, else INT64; a bigint is INT64 (modulo 2^64),
 * another number DOUBLE.
 */
export function toField(name: string, value: Value): Field {
  if (value === null) return { type: TYPE.UNSPEC, name };
  if (typeof value === "boolean") return { type: TYPE.INT8, name, value: value ? 1 : 0 };
  if (typeof value === "string") return { type: TYPE.STRING, name, value };
  if (typeof value === "bigint") return { type: TYPE.INT64, name, value: BigInt.asIntN(64, value) };
  if (typeof value === "number") {
    if ((value | 0) === value) return { type: TYPE.INT32, name, value };
    return Number.isSafeInteger(value)
      ? { type: TYPE.INT64, name, value: BigInt(value) }
      : { type: TYPE.DOUBLE, name, value };
  }
  if (isList(value)) return { type: TYPE.ARRAY, name, value: value.map((v) => toField("", v)) };
  return { type: TYPE.TABLE, name, value: toFields(value) };
}

function isList(v: readonly Value[] | Table): v is readonly Value[] {
  return Array.isArray(v);
}

export function toFields(table: Table): Field[] {
  return Object.entries(table).map(([name, v]) => toField(name, v));
}

export interface ReadOptions {
  /** 64-bit integers as bigint; otherwise the nearest number. */
  readonly bigint?: boolean;
}

export function fromField(f: Field, o: ReadOptions = {}): Value {
  switch (f.type) {
    case TYPE.UNSPEC:
      return null;
    case TYPE.ARRAY:
      return f.value.map((x) => fromField(x, o));
    case TYPE.TABLE:
      return fromFields(f.value, o);
    case TYPE.INT64:
      return o.bigint ? f.value : Number(f.value);
    case TYPE.INT8:
      return f.value !== 0;
    case TYPE.STRING:
    case TYPE.INT32:
    case TYPE.INT16:
    case TYPE.DOUBLE:
      return f.value;
  }
}

/** A table without prototype, since its names come from a peer; the last of two equal names counts. */
export function fromFields(fields: readonly Field[], o: ReadOptions = {}): Table {
  const out: { [name: string]: Value } = Object.create(null);
  for (const f of fields) out[f.name] = fromField(f, o);
  return out;
}
