// A netdev of one link, whose packets go by one call after another when those are a Multilink bundle.
import { addTraffic } from "../../core/counters.ts";
import type { TrafficCounters } from "../dataplane.ts";
import type { UserspaceCall } from "./call.ts";

/** The call that carries a netdev, one after another, and what all of them have. */
export class Carried {
  call: UserspaceCall;
  #before: TrafficCounters = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };

  constructor(call: UserspaceCall) {
    this.call = call;
  }
  counters(): TrafficCounters {
    return addTraffic(this.#before, this.call.counters());
  }
  move(to: UserspaceCall): void {
    this.#before = this.counters();
    this.call = to;
  }
}
