// Which cipher this CPU is faster with: AES-GCM, where it has instructions for it, or ChaCha20-Poly1305.
import type { AeadName, Crypto } from "../ports/ports.ts";

const SIZE = 32 * 1024; // bytes of one try: less than 2 ms on a slow router
const TRIES = 3;
const KEY = 32;

interface CipherSpeeds {
  /** Bytes a millisecond, the best of a few tries. */
  readonly aes: number;
  readonly chacha20: number;
}

/** Seals a few messages with each, AES with 256-bit keys. `now`: milliseconds, with fractions. */
export function measureCiphers(crypto: Crypto, now: () => number): CipherSpeeds {
  const plain = new Uint8Array(SIZE);
  const [key, nonce, none] = [new Uint8Array(KEY), new Uint8Array(12), new Uint8Array(0)];
  const speed = (name: AeadName): number => {
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < TRIES; i++) {
      const start = now();
      crypto.aeadSeal(name, key, nonce, none, plain);
      best = Math.min(best, now() - start);
    }
    return SIZE / Math.max(best, 0.001);
  };
  return { aes: speed("aes-gcm"), chacha20: speed("chacha20-poly1305") };
}
/** Without instructions for AES ChaCha20-Poly1305 is two to four times as fast; less is the noise of a few tries. */
const CLEARLY = 1.5;
/** AES unless the other is clearly faster: every peer has it. */
export function fasterCipher(s: CipherSpeeds): "aes" | "chacha20" {
  return s.chacha20 > CLEARLY * s.aes ? "chacha20" : "aes";
}
/** For the log. */
export function describeSpeeds(s: CipherSpeeds): string {
  const megabytes = (x: number): string => `${Math.round(x / 1000)} MB/s`;
  const first = fasterCipher(s) === "aes" ? "AES-GCM" : "ChaCha20-Poly1305";
  return `${first} first: AES-GCM ${megabytes(s.aes)}, ChaCha20-Poly1305 ${megabytes(s.chacha20)}`;
}
