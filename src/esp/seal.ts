import { Writer } from "../core/bytes.ts";
import { concat } from "../core/text.ts";
import type { Crypto } from "../ports/ports.ts";
import type { EspSa } from "./sa.ts";
import { nonce } from "./sa.ts";
import { blockCipher } from "./transforms.ts";

/**
 * The ESP packet (RFC 4303 §2) that carries `payload`; a new array. AEAD IVs are the sequence number, so `seq` must
 * never repeat under one key; CBC draws a random IV unless the caller (a test) has one.
 */
export function sealEsp(
  crypto: Crypto,
  sa: EspSa,
  seq: number,
  next: number,
  payload: Uint8Array,
  iv?: Uint8Array,
): Uint8Array {
  const { cipher } = sa;
  const pad = (cipher.align - ((payload.length + 2) % cipher.align)) % cipher.align;
  const text = new Writer(new Uint8Array(payload.length + pad + 2));
  text.bytes(payload);
  for (let i = 1; i <= pad; i++) text.u8(i); // §2.4
  text.u8(pad);
  text.u8(next);
  const header = new Writer(new Uint8Array(8));
  header.u32(sa.spi);
  header.u32(seq);
  const head = header.done();
  if (cipher.kind === "aes-gcm" || cipher.kind === "chacha20-poly1305") {
    const counter = new Writer(new Uint8Array(8));
    counter.u32(0);
    counter.u32(seq);
    const wireIv = iv ?? counter.done();
    const body = text.done();
    const sealed = crypto.aeadSeal(cipher.kind, sa.key, nonce(sa, wireIv), head, body);
    return concat([head, wireIv, sealed.subarray(0, body.length + sa.icv)]);
  }
  const wireIv = iv ?? crypto.random(cipher.iv);
  const sealed = concat([
    head,
    wireIv,
    cipher.kind === "null" ? text.done() : crypto.cbcEncrypt(blockCipher(cipher.kind), sa.key, wireIv, text.done()),
  ]);
  if (!sa.integ) throw new RangeError("seal: no integrity");
  return concat([sealed, crypto.hmac(sa.integ.hash, sa.integKey, [sealed]).subarray(0, sa.icv)]);
}
