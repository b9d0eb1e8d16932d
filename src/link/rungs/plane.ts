// Chooses the data plane of an attempt: the lowest rung, as everything above needs to know.
import type { Failure } from "../../core/failures.ts";
import type { Ladder, Rung } from "../ladder.ts";
import type { Placement } from "../placing.ts";

export class PlaneRung implements Rung {
  readonly name = "plane";
  readonly #ladder: Ladder;
  readonly #choose: () => Placement | Failure;
  readonly #tell: boolean;
  placement: Placement | null = null;

  /** `tell`: there is a choice. */
  constructor(ladder: Ladder, choose: () => Placement | Failure, tell: boolean) {
    this.#ladder = ladder;
    this.#choose = choose;
    this.#tell = tell;
  }
  up(): void {
    const choice = this.#choose();
    if ("code" in choice) {
      this.#ladder.stage("plane", "busy", "kernel");
      return this.#ladder.fail(choice);
    }
    this.placement = choice;
    if (this.#tell) this.#ladder.stage("plane", "ok", placementText(choice));
    this.#ladder.isUp(this);
  }
}
export function placementText(p: Placement): string {
  return p.why === "" ? p.at : `${p.at}; ${p.why}`;
}
