// Keys and shorthands of the tests of MPPE.
import assert from "node:assert/strict";
import { unhex, utf8 } from "../../src/core/text.ts";
import { ntPasswordHash } from "../../src/ppp/auth/mschapv2.ts";
import { type MppeBits, MppeDecryptor, MppeEncryptor, SessionKeys } from "../../src/ppp/compress/mppe.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { PROTOCOL } from "./pair.ts";

export const h = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail(s);
export const HASH = ntPasswordHash(utf8("clientPass"));
export const { lcp, ccp, ipcp } = PROTOCOL;

export const start = h("8b7cdc149b993a1ba118cb153f56dccb");
export const two = (bits: MppeBits = 128) => {
  const key = (): SessionKeys => new SessionKeys(crypto, start.slice(0, bits === 128 ? 16 : 8), bits);
  return { out: new MppeEncryptor(key()), into: new MppeDecryptor(key(), 1500) };
};
