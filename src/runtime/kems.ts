// ML-KEM on the native library, which has libcrypto's on both engines; and which of the things that not every libcrypto
// has this one has (Crypto.has), which is seen at the first look.
import type { Flat } from "node-tuntap2";
import type { Crypto, DhGroupName, KemName } from "../ports/ports.ts";

/** Bytes of the private value, the public one, and the ciphertext; FIPS 203 §8. */
const SIZES: Readonly<Record<KemName, readonly [secret: number, publicValue: number, sealed: number]>> = {
  mlkem512: [1632, 800, 768],
  mlkem768: [2400, 1184, 1088],
  mlkem1024: [3168, 1568, 1568],
};
const SHARED = 32;

export function isKem(name: string): name is KemName {
  return Object.hasOwn(SIZES, name);
}

/** Some libcryptos are built without curve 448, or without RFC 5114's group. */
const rare = new Map<DhGroupName, boolean>();
export function haveGroup(group: DhGroupName, dh: (group: DhGroupName) => unknown): boolean {
  if (group !== "x448" && group !== "modp2048s256") return true;
  const known = rare.get(group) ?? works(() => dh(group));
  rare.set(group, known);
  return known;
}
function works(f: () => unknown): boolean {
  try {
    return f() !== null;
  } catch {
    return false;
  }
}

type Kems = Pick<Crypto, "kem" | "encapsulate"> & { has(name: KemName): boolean };
/** `flat` may throw where there is no library. */
export function nativeKems(flat: () => Pick<Flat, "kemNew" | "kemSeal" | "kemOpen">): Kems {
  let have: boolean | null = null;
  const pair = (name: KemName): readonly [secret: Uint8Array, publicValue: Uint8Array] | null => {
    const [s, p] = SIZES[name];
    const made = [new Uint8Array(s), new Uint8Array(p)] as const;
    return flat().kemNew(name, ...made) === 1 ? made : null;
  };
  return {
    has(name) {
      have ??= works(() => pair(name));
      return have;
    },
    kem(name) {
      const made = pair(name);
      if (!made) throw new RangeError(`${name}: libcrypto does not have it`);
      const [secret, publicValue] = made;
      return {
        publicValue,
        shared(sealed) {
          if (sealed.length !== SIZES[name][2]) return null;
          const out = new Uint8Array(SHARED);
          return flat().kemOpen(name, secret, sealed, out) === 1 ? out : null;
        },
      };
    },
    encapsulate(name, peer) {
      const [, p, c] = SIZES[name];
      const [ciphertext, secret] = [new Uint8Array(c), new Uint8Array(SHARED)];
      return peer.length === p && flat().kemSeal(name, peer, ciphertext, secret) === 1 ? { ciphertext, secret } : null;
    },
  };
}
