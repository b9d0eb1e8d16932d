// A pair of ESP SAs in the making: an SPI that is reserved, then an SA of each direction in the data plane. Until a
// child SA owns them they are the quick mode's, which gives them back when it fails.
import { faultEvent } from "../core/fault.ts";
import { giveBack } from "../core/give-back.ts";
import type { FlowId, SaSpec } from "../dataplane/dataplane.ts";
import type { IkeEnv, IkePolicy } from "./types.ts";

export class Pair {
  readonly spiIn: number;
  readonly #env: IkeEnv;
  readonly #link: string;
  #state: "making" | "kept" | "released" = "making";
  /** The SAs that are in the plane, or on their way into it. */
  #inbound: FlowId | null = null;
  #outbound: { readonly flow: FlowId; readonly spi: number } | null = null;

  constructor(env: IkeEnv, policy: IkePolicy) {
    this.#env = env;
    this.#link = policy.link;
    this.spiIn = env.plane.allocateSpi(policy.plane?.());
  }
  async addInbound(flow: FlowId, spec: SaSpec): Promise<void> {
    this.#inbound = flow;
    await this.#env.plane.addInbound(flow, spec);
    if (this.#state === "released") this.#remove(flow, "in", spec.spi);
  }
  async addOutbound(flow: FlowId, spec: SaSpec): Promise<void> {
    this.#outbound = { flow, spi: spec.spi };
    try {
      await this.#env.plane.addOutbound(flow, spec);
    } catch (e) {
      this.#outbound = null; // another child of the flow may have this SPI: it is not ours to remove
      throw e;
    }
    if (this.#state === "released") this.#remove(flow, "out", spec.spi);
  }
  /** A child SA owns both now. */
  keep(): void {
    this.#state = "kept";
  }
  /** What `f` throws while no child SA owns them gives them back. */
  guard<T>(f: () => T): T {
    try {
      return f();
    } catch (e) {
      this.release();
      throw e;
    }
  }
  /** `give` makes it a child SA's; what it throws before it is one, by `given`, gives the pair back. */
  handOver(give: () => void, given: () => boolean): void {
    try {
      give();
    } finally {
      if (given()) this.keep();
      else this.release();
    }
  }
  /** Does nothing once a child SA owns them. */
  release(): void {
    if (this.#state !== "making") return;
    this.#state = "released";
    if (this.#outbound) this.#remove(this.#outbound.flow, "out", this.#outbound.spi);
    if (this.#inbound !== null) this.#remove(this.#inbound, "in", this.spiIn);
    this.#env.plane.releaseSpi(this.spiIn);
  }
  #remove(flow: FlowId, direction: "in" | "out", spi: number): void {
    const failed = (): void => this.#env.counters.bump("ike.plane-error");
    void giveBack(
      () => this.#env.plane.remove(flow, direction, spi),
      (e) => {
        failed();
        this.#env.log.emit(faultEvent(this.#link, "the end of a quick mode", e));
      },
      failed,
    );
  }
}
