// Keys of IKEv2: RFC 7296 §2.13 (prf+), §2.14 (SKEYSEED and SK_*), §2.17 (KEYMAT), §2.18 (rekeying), RFC 8784 §3 (PPK),
// RFC 9370 §2.2 (additional key exchanges).
import { concat } from "../../core/text.ts";
import type { Crypto } from "../../ports/ports.ts";
import { keySizes, prfBytes, type Suite } from "./suite.ts";

/** Of one direction of an IKE SA. */
export interface SideKeys {
  /** The cipher's, with its salt behind it (AEAD), and the checksum's; empty with AEAD. */
  readonly encr: Uint8Array;
  readonly integ: Uint8Array;
  /** SK_pi or SK_pr: for AUTH. */
  readonly auth: Uint8Array;
}
/** Of one IKE SA. */
export interface Keys {
  readonly d: Uint8Array;
  readonly initiator: SideKeys;
  readonly responder: SideKeys;
}
/** What goes into the keys besides a shared secret. */
export interface KeySeed {
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  readonly spiI: Uint8Array;
  readonly spiR: Uint8Array;
}

export function prf(c: Crypto, s: Suite, key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  return c.hmac(s.prf, key, parts);
}
/** RFC 7296 §2.13; at most 255 rounds. */
export function prfPlus(c: Crypto, s: Suite, key: Uint8Array, seed: readonly Uint8Array[], bytes: number): Uint8Array {
  const out: Uint8Array[] = [];
  let t = new Uint8Array(0);
  for (let n = 1; (n - 1) * prfBytes(s.prf) < bytes; n++) {
    t = prf(c, s, key, [t, ...seed, Uint8Array.of(n)]).slice();
    out.push(t);
  }
  return concat(out).slice(0, bytes);
}

/** RFC 7296 §2.14. */
export function firstSeed(c: Crypto, s: Suite, gir: Uint8Array, { ni, nr }: KeySeed): Uint8Array {
  return prf(c, s, concat([ni, nr]), [gir]);
}
/**
 * RFC 7296 §2.18: of an SA that replaces another, under the old one's prf; `more`: the secrets of its additional key
 * exchanges (RFC 9370 §2.2.4). RFC 9370 §2.2.2 makes the seed after each of those before IKE_AUTH in the same way.
 */
export function nextSeed(
  c: Crypto,
  old: Suite,
  d: Uint8Array,
  secret: Uint8Array,
  { ni, nr }: Pick<KeySeed, "ni" | "nr">,
  more: readonly Uint8Array[] = [],
): Uint8Array {
  return prf(c, old, d, [secret, ni, nr, ...more]);
}
export function makeKeys(c: Crypto, s: Suite, skeyseed: Uint8Array, { ni, nr, spiI, spiR }: KeySeed): Keys {
  const n = keySizes(s);
  const p = prfBytes(s.prf);
  const all = prfPlus(c, s, skeyseed, [ni, nr, spiI, spiR], 3 * p + 2 * (n.encr + n.integ));
  let at = 0;
  const take = (bytes: number): Uint8Array => {
    at += bytes;
    return all.subarray(at - bytes, at);
  };
  const d = take(p);
  const [ai, ar, ei, er] = [take(n.integ), take(n.integ), take(n.encr), take(n.encr)] as const;
  return {
    d,
    initiator: { encr: ei, integ: ai, auth: take(p) },
    responder: { encr: er, integ: ar, auth: take(p) },
  };
}
/** RFC 8784 §3: SK_d, SK_pi and SK_pr with the post-quantum preshared key mixed in. */
export function mixPpk(c: Crypto, s: Suite, k: Keys, ppk: Uint8Array): Keys {
  const mix = (key: Uint8Array): Uint8Array => prfPlus(c, s, ppk, [key], key.length);
  return {
    d: mix(k.d),
    initiator: { ...k.initiator, auth: mix(k.initiator.auth) },
    responder: { ...k.responder, auth: mix(k.responder.auth) },
  };
}
/** RFC 7296 §2.17, RFC 9370 §2.2.4: keying material of a pair of ESP SAs; `gir` null: without a key exchange. */
export function childKeymat(
  c: Crypto,
  s: Suite,
  d: Uint8Array,
  seed: { readonly gir: Uint8Array | null; readonly ni: Uint8Array; readonly nr: Uint8Array },
  bytes: number,
  more: readonly Uint8Array[] = [],
): Uint8Array {
  return prfPlus(c, s, d, [...(seed.gir ? [seed.gir] : []), seed.ni, seed.nr, ...more], bytes);
}
