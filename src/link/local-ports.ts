// The UDP port that a link uses inside ESP. Two links to one server need different ports: with equal selectors the
// server would take the second for a rekey of the first.
import type { Rng } from "../core/rng.ts";
import { uniform } from "../core/rng.ts";

const FIRST = 49152;
const MANY = 16384;

export class LocalPorts {
  readonly #rng: Rng;
  readonly #taken = new Set<string>();
  constructor(rng: Rng) {
    this.#rng = rng;
  }
  /** `wanted`, unless it is 0 or another link to `server` has it: then an ephemeral one. */
  take(server: string, wanted: number): { readonly port: number; release(): void } {
    let port = wanted;
    // terminates: there are far fewer links than ports
    while (port === 0 || this.#taken.has(`${server} ${port}`)) port = FIRST + Math.floor(uniform(this.#rng) * MANY);
    const key = `${server} ${port}`;
    this.#taken.add(key);
    return { port, release: () => void this.#taken.delete(key) };
  }
}
