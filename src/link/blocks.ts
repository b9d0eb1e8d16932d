// What may leave by one link alone, by the link's name. It is blocked from the moment the link is wanted until it is
// not: while it is down, while another takes its place, and while its section has a fault.
import type { NetPlane } from "../dataplane/dataplane.ts";

export class Blocks {
  readonly #net: Pick<NetPlane, "blockRoutes">;
  readonly #held = new Map<string, () => Promise<void>>();

  constructor(net: Pick<NetPlane, "blockRoutes">) {
    this.#net = net;
  }
  /** Instead of what was held for `link`, without a moment between; none: nothing is blocked. */
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
    await undo?.(); // what fails may be tried again
    if (this.#held.get(link) === undo) this.#held.delete(link);
  }
}
