// What keeps L2TP from leaving or coming in the clear: a block for each of our L2TP ports, there before the first IKE
// packet and after a SIGKILL. Our own sockets have policies of their own, which go before it.
import { SystemError } from "../../core/errors.ts";
import { errnoOf } from "../../linux/errno.ts";
import { AF_INET, AF_INET6, XFRM } from "../../linux/uapi.ts";
import type { Xfrm } from "../../linux/xfrm.ts";
import type { FoundPolicy, PolicyDirection } from "../../linux/xfrm-wire.ts";

/** The priority of our blocks, by which the next start knows them; anybody's own policies go before them. */
const OURS = 0x6c32_7470;
/** The upper half of our reqids. */
const REQIDS = 0x6c32;
const FAMILIES = [AF_INET, AF_INET6];
const DIRECTIONS: readonly PolicyDirection[] = ["in", "out"];
const UDP = 17;

export function reqidOf(n: number): number {
  return REQIDS * 0x1_0000 + n;
}
function directionOf(p: FoundPolicy): PolicyDirection | null {
  if (p.direction === XFRM.XFRM_POLICY_IN) return "in";
  return p.direction === XFRM.XFRM_POLICY_OUT ? "out" : null;
}
/** The port that a policy blocks, 0: it is none of our blocks. */
function portOf(p: FoundPolicy): number {
  if (p.priority !== OURS || p.action !== XFRM.XFRM_POLICY_BLOCK || p.protocol !== UDP) return 0;
  return p.direction === XFRM.XFRM_POLICY_IN ? p.destinationPort : p.sourcePort;
}

/**
 * Removes the SAs that a killed process left, and its blocks but those of `keep`; nobody else's. Throws SystemError.
 */
export function clearLeft(xfrm: Xfrm, keep: readonly number[]): void {
  for (const sa of xfrm.allSas()) if (sa.reqid >>> 16 === REQIDS) xfrm.deleteSa(sa.destination, sa.spi);
  for (const p of xfrm.allPolicies()) {
    const [port, direction] = [portOf(p), directionOf(p)];
    if (port !== 0 && direction && !keep.includes(port)) xfrm.deleteBlock(p.family, direction, port);
  }
}

export class Policies {
  readonly #xfrm: Xfrm;
  readonly #ports: readonly number[];

  /**
   * Removes the SAs that a killed process left, and blocks `ports`. The blocks it left stay where they are wanted: at
   * no moment is there none. Throws SystemError.
   */
  constructor(xfrm: Xfrm, ports: readonly number[]) {
    this.#xfrm = xfrm;
    this.#ports = ports;
    clearLeft(xfrm, ports);
    this.restore();
  }
  /** Sets the blocks that are not there; returns how many. Throws SystemError. */
  restore(): number {
    const name = (family: number, d: PolicyDirection | null, port: number): string => `${family} ${d} ${port}`;
    const there = new Set(this.#xfrm.allPolicies().map((p) => name(p.family, directionOf(p), portOf(p))));
    const gone = this.#all().filter((block) => !there.has(name(...block)));
    for (const block of gone) this.#block(...block);
    return gone.length;
  }
  /** A clean end: nothing of ours stays. */
  close(): void {
    for (const block of this.#all()) this.#xfrm.deleteBlock(...block);
  }

  #all(): [family: number, direction: PolicyDirection, port: number][] {
    return this.#ports.flatMap((port) =>
      FAMILIES.flatMap((family) => DIRECTIONS.map((d): [number, PolicyDirection, number] => [family, d, port])),
    );
  }
  #block(family: number, direction: PolicyDirection, port: number): void {
    try {
      this.#xfrm.addBlock(family, direction, port, OURS);
    } catch (e) {
      if (errnoOf(e) !== "EEXIST") throw e;
      throw new SystemError(
        "EEXIST",
        `cannot refuse clear packets of UDP port ${port}`,
        "another program has an IPsec policy for the same packets: ip xfrm policy shows it",
      );
    }
  }
}
