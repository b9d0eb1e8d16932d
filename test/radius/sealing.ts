// What a RADIUS server seals, as RFC 2865 §3 and RFC 3579 §3.2 say, apart from the program.
import type { Secret } from "../../src/core/secret.ts";
import { concat } from "../../src/core/text.ts";
import type { Attributes } from "../../src/radius/attributes.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";

export interface Sealed {
  readonly code: number;
  readonly id: number;
  readonly secret: Secret;
  readonly attributes: Attributes;
}
/** The answer to the request that had `authenticator`; `bare`: without a Message-Authenticator. */
export function writeAnswer(s: Sealed, authenticator: Uint8Array, bare = false): Uint8Array {
  const mac = bare ? new Uint8Array(0) : concat([Uint8Array.of(80, 18), new Uint8Array(16)]);
  const body = concat([mac, s.attributes.write()]);
  const length = 20 + body.length;
  const out = concat([Uint8Array.of(s.code, s.id, length >> 8, length & 255), authenticator, body]);
  if (!bare)
    out.set(
      s.secret.use((k) => crypto.hmac("md5", k, [out])),
      22,
    );
  out.set(
    s.secret.use((k) => crypto.hash("md5", [out, k])),
    4,
  );
  return out;
}
