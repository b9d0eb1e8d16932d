// Networks that may be reached only through one link, by the link's name. They are blocked for as long as the link is
// wanted: also while it is down, being replaced, or its section is invalid.
import type { NetPlane } from "../dataplane/dataplane.ts";

export class Blocks {
  readonly #net: Pick<NetPlane, "blockRoutes">;
  readonly #held = new Map<string, () => Promise<void>>();

  constructor(net: Pick<NetPlane, "blockRoutes">) {
    this.#net = net;
  }
  /** Replaces the blocks of `link` without a gap; an empty list removes them. */
  hold(link: string, prefixes: readonly string[]): void {
    const former = this.#held.get(link);
    if (prefixes.length > 0) this.#held.set(link, this.#net.blockRoutes(prefixes));
    else this.#held.delete(link);
    former?.().catch(() => {}); // told by the plane
  }
  holds(link: string): boolean {
    return this.#held.has(link);
  }
  async release(link: string): Promise<void> {
    const undo = this.#held.get(link);
    await undo?.(); // a failed removal may be retried
    if (this.#held.get(link) === undo) this.#held.delete(link);
  }
}
