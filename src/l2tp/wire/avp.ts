// RFC 2661 §4.1 to §4.3: AVPs on the wire, hidden ones included.
import { get16, Reader, Writer } from "../../core/bytes.ts";
import { DecodeError } from "../../core/errors.ts";
import type { Rng } from "../../core/rng.ts";
import type { Secret } from "../../core/secret.ts";
import type { Crypto } from "../../ports/ports.ts";
import { AVP, type Avp, type AvpName, type Avps } from "./avps.ts";
import { MESSAGE, type MessageName, type MessageOf, messageName } from "./messages.ts";

const M = 0x8000;
const H = 0x4000;
const RESERVED = 0x3c00;
const LENGTH = 0x03ff;
const IETF = 0;
const LONGEST = 1017; // 1023 less the header

const BY_TYPE = new Map<number, AvpName>((Object.keys(AVP) as AvpName[]).map((n) => [AVP[n].type, n]));

/** A message that is read but cannot be served: §4.1 says what ends because of it. */
class UnknownMandatory extends Error {
  override readonly name = "UnknownMandatory";
  readonly what: string;
  constructor(what: string) {
    super(`the peer requires what we do not know: ${what}`);
    this.what = what;
  }
}

export interface Decoded {
  /** Undefined for a ZLB. */
  readonly type: number | undefined;
  readonly name: MessageName | undefined;
  /** The M bit of the Message Type AVP: whether an unknown type ends the tunnel. */
  readonly mandatory: boolean;
  readonly avps: Avps;
  /** The first AVP with the M bit that is unknown, or null. */
  readonly unknown: UnknownMandatory | null;
  /** There was a hidden AVP that could not be read: no secret, another secret, or no Random Vector. */
  readonly opaque: boolean;
  /** Known AVPs whose value could not be read. */
  readonly misread: readonly AvpName[];
}

export interface Hiding {
  readonly crypto: Pick<Crypto, "hash">;
  readonly secret: Secret | null;
}

/**
 * All AVPs of a control message. Unknown ones without the M bit are stepped over whole. Throws DecodeError when the
 * list itself cannot be read.
 */
export function decodeMessage(body: Reader, hiding: Hiding): Decoded {
  const out: Record<string, unknown> = {};
  let type: number | undefined;
  let mandatory = true;
  let unknown: UnknownMandatory | null = null;
  let opaque = false;
  let vector: Uint8Array | null = null;
  const misread: AvpName[] = [];
  for (let first = true; body.left > 0; first = false) {
    const flags = body.u16("AVP flags");
    const avp = body.sub((flags & LENGTH) - 2, "AVP"); // refuses less than a header and more than there is
    const vendor = avp.u16("AVP vendor");
    const attribute = avp.u16("AVP type");
    // §4.1: an AVP with a reserved bit set is an unrecognized one.
    const name = vendor === IETF && (flags & RESERVED) === 0 ? BY_TYPE.get(attribute) : undefined;
    const refuse = (why: string): void => {
      if (flags & M) unknown ??= new UnknownMandatory(`AVP ${vendor}/${attribute}${why}`);
    };
    if (first) {
      // §4.4.1: Message Type is the first AVP of every message, and never hidden.
      if (name !== "messageType" || flags & H) throw new DecodeError("bad-value", "first AVP is not Message Type", 12);
      type = avp.u16("Message Type");
      mandatory = (flags & M) !== 0;
      continue;
    }
    if (name === undefined) {
      refuse("");
      continue;
    }
    let value: Reader | null = avp;
    if (flags & H) {
      value = unhide(attribute, avp.rest(), vector, hiding);
      if (!value) {
        opaque = true;
        refuse(vector ? " is hidden, and the tunnel secrets do not agree" : " is hidden without a Random Vector");
        continue;
      }
    }
    if (name === "messageType" || out[name] !== undefined) continue; // a second one of a kind says nothing
    try {
      out[name] = (AVP[name] as Avp<unknown>).value.read(value, name);
      if (name === "randomVector") {
        vector = out[name] as Uint8Array;
        delete out[name]; // each applies to what follows it
      }
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      // Peers in the field send some values too short; the AVP then counts as absent, which decides what it means.
      misread.push(name);
    }
  }
  return {
    type,
    name: type === undefined ? undefined : messageName(type),
    mandatory,
    avps: out as Avps,
    unknown,
    opaque,
    misread,
  };
}

/** The AVPs of a message, Message Type first. With `hide`, those that may be hidden are, behind one Random Vector. */
export function encodeMessage<N extends MessageName>(
  name: N,
  values: MessageOf<N>,
  hide?: { readonly hiding: Hiding; readonly rng: Rng },
): Uint8Array {
  const spec = MESSAGE[name];
  const w = new Writer();
  put(w, AVP.messageType, spec.code);
  const given = values as Avps;
  const vector = hide?.hiding.secret ? hide.rng.random(16) : null;
  if (vector) put(w, AVP.randomVector, vector);
  for (const n of [...spec.must, ...spec.may] as AvpName[]) {
    const v = given[n];
    if (v === undefined) continue;
    const avp = AVP[n] as Avp<unknown>;
    if (vector && hide && avp.hide) putHidden(w, avp, v, vector, hide.hiding, hide.rng);
    else put(w, avp, v);
  }
  return w.done().slice();
}

function put<T>(w: Writer, avp: Avp<T>, v: T): void {
  const base = w.at;
  w.sized16(avp.m ? M : 0, base, () => {
    w.u16(IETF);
    w.u16(avp.type);
    avp.value.write(w, v);
    if (w.at - base > LONGEST + 6) throw new RangeError(`AVP ${avp.type}: value too long`);
  });
}

function putHidden<T>(w: Writer, avp: Avp<T>, v: T, vector: Uint8Array, hiding: Hiding, rng: Rng): void {
  const plain = new Writer();
  plain.u16(0);
  avp.value.write(plain, v);
  plain.patch16(0, plain.at - 2);
  // §4.3: padding hides the length of short values.
  plain.bytes(rng.random((16 - (plain.at % 16)) % 16));
  const hidden = cipher(avp.type, plain.done(), vector, hiding, true);
  if (!hidden) throw new RangeError("hiding without a secret");
  const base = w.at;
  w.sized16((avp.m ? M : 0) | H, base, () => {
    w.u16(IETF);
    w.u16(avp.type);
    w.bytes(hidden);
  });
}

function unhide(type: number, hidden: Uint8Array, vector: Uint8Array | null, hiding: Hiding): Reader | null {
  const plain = vector && cipher(type, hidden, vector, hiding, false);
  if (!plain || plain.length < 2) return null;
  const length = get16(plain, 0);
  return length + 2 <= plain.length ? new Reader(plain, 2, 2 + length) : null;
}

/** §4.3: blocks of 16, each masked by an MD5 over the secret and what went before. Null without a secret. */
function cipher(
  type: number,
  data: Uint8Array,
  vector: Uint8Array,
  hiding: Hiding,
  encrypt: boolean,
): Uint8Array | null {
  if (!hiding.secret) return null;
  return hiding.secret.use((secret) => {
    const out = new Uint8Array(data.length);
    let mask = hiding.crypto.hash("md5", [Uint8Array.of(type >>> 8, type), secret, vector]);
    for (let at = 0; at < data.length; at += 16) {
      for (let i = at; i < Math.min(at + 16, data.length); i++) out[i] = (data[i] ?? 0) ^ (mask[i - at] ?? 0);
      const masked = (encrypt ? out : data).subarray(at, at + 16);
      mask = hiding.crypto.hash("md5", [secret, masked]);
    }
    return out;
  });
}
