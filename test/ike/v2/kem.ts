// A Crypto with key encapsulation on every machine, for the protocol's tests: Diffie-Hellman in ML-KEM's clothes. A
// value is good when the bytes that it does not need are zero; what is sealed for another key opens to another secret.
import { isKem } from "../../../src/ike/proposals.ts";
import type { Crypto, KemName } from "../../../src/ports/ports.ts";
import { nodeCrypto } from "../../../src/runtime/node/crypto.ts";

const SIZES: Readonly<Record<KemName, readonly [publicValue: number, sealed: number]>> = {
  mlkem512: [800, 768],
  mlkem768: [1184, 1088],
  mlkem1024: [1568, 1568],
};
function padded(b: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  out.set(b);
  return out;
}
function value(b: Uint8Array, size: number): Uint8Array | null {
  return b.length === size && b.subarray(32).every((x) => x === 0) ? b.subarray(0, 32) : null;
}
const secretOf = (name: KemName, gir: Uint8Array, sealed: Uint8Array): Uint8Array =>
  nodeCrypto.hash("sha256", [Uint8Array.of(name.length), gir, sealed]);

/** `names`: those that it has. */
export function kemCrypto(...names: KemName[]): Crypto {
  return {
    ...nodeCrypto,
    has: (name) => (isKem(name) ? names.includes(name) : nodeCrypto.has(name)),
    kem(name) {
      const [p, c] = SIZES[name];
      const key = nodeCrypto.dh("x25519");
      return {
        publicValue: padded(key.publicValue, p),
        shared(sealed) {
          if (sealed.length !== c) return null;
          const gir = key.shared(sealed.subarray(0, 32)) ?? new Uint8Array(32);
          return secretOf(name, gir, sealed);
        },
      };
    },
    encapsulate(name, peer) {
      const [p, c] = SIZES[name];
      const good = value(peer, p);
      const key = nodeCrypto.dh("x25519");
      const gir = good && key.shared(good);
      if (!gir) return null;
      const ciphertext = padded(key.publicValue, c);
      return { ciphertext, secret: secretOf(name, gir, ciphertext) };
    },
  };
}
