import { get8 } from "../core/bytes.ts";
import { sameBytes } from "../core/text.ts";
import type { AeadName, Crypto } from "../ports/ports.ts";
import type { EspSa } from "./sa.ts";
import { nonce } from "./sa.ts";
import { blockCipher } from "./transforms.ts";

export type Opened =
  | { readonly payload: Uint8Array; readonly next: number }
  | { readonly drop: "esp.short" | "esp.auth" | "esp.padding" };

/**
 * Authenticates, then decrypts; `packet` is whole, from the SPI on. "esp.padding" is only said of an authentic packet.
 */
export function openEsp(crypto: Crypto, sa: EspSa, packet: Uint8Array): Opened {
  const { cipher } = sa;
  const at = 8 + cipher.iv;
  const end = packet.length - sa.icv;
  if (end - at < 2 || (end - at) % cipher.align !== 0) return { drop: "esp.short" };
  const iv = packet.subarray(8, at);
  let text: Uint8Array | null;
  if (cipher.kind === "aes-gcm" || cipher.kind === "chacha20-poly1305") {
    text = openAead(crypto, sa, cipher.kind, packet);
  } else if (
    !sa.integ ||
    !sameBytes(
      crypto.hmac(sa.integ.hash, sa.integKey, [packet.subarray(0, end)]).subarray(0, sa.icv),
      packet.subarray(end),
    )
  ) {
    text = null;
  } else {
    const body = packet.subarray(at, end);
    text = cipher.kind === "null" ? body : crypto.cbcDecrypt(blockCipher(cipher.kind), sa.key, iv, body);
  }
  if (!text) return { drop: "esp.auth" };
  const pad = get8(text, text.length - 2);
  const length = text.length - 2 - pad;
  if (length < 0) return { drop: "esp.padding" };
  for (let i = 0; i < pad; i++) if (text[length + i] !== i + 1) return { drop: "esp.padding" };
  return { payload: text.subarray(0, length), next: get8(text, text.length - 1) };
}
/** Null when the ICV does not fit. The port knows whole tags: a shorter one is made anew (GCM's cipher is a stream). */
function openAead(crypto: Crypto, sa: EspSa, name: AeadName, packet: Uint8Array): Uint8Array | null {
  const at = 8 + sa.cipher.iv;
  const head = packet.subarray(0, 8);
  const iv = nonce(sa, packet.subarray(8, at));
  if (sa.icv === 16) return crypto.aeadOpen(name, sa.key, iv, head, packet.subarray(at));
  const end = packet.length - sa.icv;
  const text = crypto.aeadSeal(name, sa.key, iv, head, packet.subarray(at, end)).subarray(0, end - at);
  const tag = crypto.aeadSeal(name, sa.key, iv, head, text).subarray(end - at, end - at + sa.icv);
  return sameBytes(tag, packet.subarray(end)) ? text : null;
}
