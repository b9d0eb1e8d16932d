// A server's address pool. An address belongs to at most one session; a returning user gets the previous address when
// it is free.
import { ip4ToNumber, numberToIp4 } from "../core/addr.ts";

interface PoolRange {
  readonly first: string;
  readonly last: string;
}
const REMEMBERED = 4096; // users whose last address is remembered

export class AddressPool {
  readonly #all: readonly number[];
  readonly #used = new Set<string>();
  readonly #last = new Map<string, string>();
  #next = 0;

  /** `reserved`: the server's own address and users' fixed addresses. */
  constructor(ranges: readonly PoolRange[], reserved: ReadonlySet<string>) {
    const all = new Set<number>();
    for (const r of ranges) {
      for (let n = ip4ToNumber(r.first); n <= ip4ToNumber(r.last); n++) if (!reserved.has(numberToIp4(n))) all.add(n);
    }
    this.#all = [...all];
  }
  get size(): number {
    return this.#all.length;
  }
  get used(): number {
    return this.#used.size;
  }
  /** A free address for `user`, or null when all are taken. The longest unused ones come first. */
  take(user: string): string | null {
    const last = this.#last.get(user);
    if (last !== undefined && !this.#used.has(last) && this.#all.includes(ip4ToNumber(last)))
      return this.#give(user, last);
    for (let i = 0; i < this.#all.length; i++) {
      const at = (this.#next + i) % this.#all.length;
      const ip = numberToIp4(this.#all[at] as number);
      if (this.#used.has(ip)) continue;
      this.#next = at + 1;
      return this.#give(user, ip);
    }
    return null;
  }
  /** A fixed address; false when a session has it. */
  claim(ip: string): boolean {
    if (this.#used.has(ip)) return false;
    this.#used.add(ip);
    return true;
  }
  release(ip: string): void {
    this.#used.delete(ip);
  }
  #give(user: string, ip: string): string {
    this.#used.add(ip);
    this.#last.delete(user);
    this.#last.set(user, ip);
    const oldest = this.#last.keys().next();
    if (this.#last.size > REMEMBERED && !oldest.done) this.#last.delete(oldest.value);
    return ip;
  }
}
