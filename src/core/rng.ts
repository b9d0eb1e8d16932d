import { get16, get32 } from "./bytes.ts";

/** Cryptographic randomness, as the protocol core sees it. `Crypto` of ports.ts is one. */
export interface Rng {
  /** `n` fresh random bytes, 0 to 65,536. */
  random(n: number): Uint8Array;
}

/** A random number in [1, 65535] that `taken` refuses none of; tunnel, call and session ids must not be guessable. */
export function randomId16(rng: Rng, taken: (id: number) => boolean): number {
  for (let tries = 0; tries < 1000; tries++) {
    const b = rng.random(2);
    const id = get16(b, 0);
    if (id !== 0 && !taken(id)) return id;
  }
  throw new RangeError("randomId16: no free id found");
}

export function random32(rng: Rng): number {
  return get32(rng.random(4), 0);
}

/** Uniform in [0, 1), 32 bits; for jitter, not for keys. */
export function uniform(rng: Rng): number {
  return random32(rng) / 0x1_0000_0000;
}
