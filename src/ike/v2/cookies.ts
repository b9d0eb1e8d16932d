// Cookies, RFC 7296 §2.6: under a flood of first messages a peer must show that it hears us at its address before it
// costs us anything but a hash. Nothing is remembered: a cookie is made of the first message and a secret of ours.
import { parseIp } from "../../core/addr.ts";
import type { Clock } from "../../core/clock.ts";
import { sameBytes } from "../../core/text.ts";
import type { Crypto } from "../../ports/ports.ts";

/** A secret makes cookies for this long, and they are taken as long again. */
const SECRET_MS = 60_000;

export class Cookies {
  readonly #clock: Clock;
  readonly #crypto: Crypto;
  #secrets: readonly [Uint8Array, Uint8Array];
  #madeAt: number;

  constructor(clock: Clock, crypto: Crypto) {
    this.#clock = clock;
    this.#crypto = crypto;
    this.#secrets = [crypto.random(32), crypto.random(32)];
    this.#madeAt = clock.now();
  }
  make(ni: Uint8Array, address: string, spiI: Uint8Array): Uint8Array {
    this.#renew();
    return this.#of(this.#secrets[0], ni, address, spiI);
  }
  fits(cookie: Uint8Array, ni: Uint8Array, address: string, spiI: Uint8Array): boolean {
    this.#renew();
    const [now, before] = this.#secrets.map((s) => sameBytes(cookie, this.#of(s, ni, address, spiI)));
    return now === true || before === true;
  }
  #renew(): void {
    const now = this.#clock.now();
    if (now - this.#madeAt < SECRET_MS) return;
    const old = now - this.#madeAt < 2 * SECRET_MS ? this.#secrets[0] : this.#crypto.random(32);
    this.#secrets = [this.#crypto.random(32), old];
    this.#madeAt = now;
  }
  #of(secret: Uint8Array, ni: Uint8Array, address: string, spiI: Uint8Array): Uint8Array {
    return this.#crypto.hmac("sha256", secret, [spiI, parseIp(address) ?? new Uint8Array(0), ni]).slice(0, 16);
  }
}
