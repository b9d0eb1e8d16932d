// Netdevs that are removed in one turn are deleted together: each deletion waits some 20 ms for RCU readers, for one
// netdev or a whole group, so that hundreds must not be deleted one by one.
import { allOf, contain } from "../core/scope.ts";
import type { Rtnl } from "./rtnl.ts";

const GROUP = 0x6c32_7470; // interface group of netdevs about to be deleted

interface Leaver {
  readonly ifname: string;
  readonly index: number;
  /** Closes the descriptor that the netdev lives by. */
  close(): void;
}

export class Leaving {
  readonly #rtnl: Rtnl;
  /** Deleting them together failed; they are closed all the same, one by one. */
  readonly #failed: (e: unknown) => void;
  readonly #fault: (e: unknown) => void;
  #all: Leaver[] = [];
  #left: Promise<void> | null = null;

  constructor(rtnl: Rtnl, failed: (e: unknown) => void, fault: (e: unknown) => void) {
    this.#rtnl = rtnl;
    this.#failed = failed;
    this.#fault = fault;
  }
  /** Its packets have stopped. Resolves once it is gone. */
  add(dev: Leaver): Promise<void> {
    this.#all.push(dev);
    return this.left();
  }
  /** Resolves once all are gone. */
  left(): Promise<void> {
    this.#left ??= Promise.resolve().then(() => this.now());
    return this.#left;
  }
  now(): void {
    this.#left = null;
    const all = this.#all.splice(0);
    if (all.length > 1) {
      for (const d of all) contain(() => this.#rtnl.setLink(d.ifname, d.index, { group: GROUP }), this.#failed);
      contain(() => this.#rtnl.deleteGroup(GROUP), this.#failed);
    }
    allOf(this.#fault, ...all.map((d) => () => d.close()));
  }
}
