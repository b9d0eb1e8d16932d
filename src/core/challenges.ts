// Challenges that this process has sent and that are not answered yet. A peer that challenges us with one of them would
// replay our response to authenticate as us: the reflection of RFC 1994 §2.3, within one session or across two.
import { sameBytes } from "./text.ts";

/** More than there are callers who may be asked at one time. */
const MOST = 8192;

export class Challenges {
  readonly #open = new Set<Uint8Array>();

  get size(): number {
    return this.#open.size;
  }
  /** The array is kept until settle(), and is known by its identity there. */
  issue(challenge: Uint8Array): void {
    this.#open.add(challenge);
    if (this.#open.size <= MOST) return;
    for (const oldest of this.#open) {
      this.#open.delete(oldest);
      return;
    }
  }
  /** It was answered, or no longer awaits an answer. */
  settle(challenge: Uint8Array): void {
    this.#open.delete(challenge);
  }
  /** Whether one of ours has the same bytes; all are looked at, whichever it is. */
  has(challenge: Uint8Array): boolean {
    let found = false;
    for (const ours of this.#open) found = sameBytes(ours, challenge) || found;
    return found;
  }
}
