// A pair of ESP SAs, whichever version of IKE agrees on it: what it is, how long it lives, what the data plane gets.
import { Reader } from "../core/bytes.ts";
import { type Failure, SystemError } from "../core/errors.ts";
import { failureOf } from "../core/failures.ts";
import type { SaSpec } from "../dataplane/dataplane.ts";
import type { Endpoint } from "../ports/ports.ts";
import { type EspProposal, keyBytes } from "./proposals.ts";
import type { IkePolicy } from "./types.ts";

/** Sweet32 (CVE-2016-2183): a key with 64-bit blocks is replaced long before 2^32 of them. */
const SMALL_BLOCK_BYTES = 1 << 30;
/** Sequence numbers end at 2^32-1 (RFC 4303 §3.3.3). */
const HARD_PACKETS = 0xffff_fff0;
const LEAST_LIFE_SECONDS = 20;
/** RFC 4303 §2.1: 1 to 255 are reserved. */
export const LEAST_SPI = 256;

/** UDP ports of the selectors, 0 for any. */
export interface Ports {
  readonly local: number;
  readonly remote: number;
}
/** A pair of ESP SAs. */
export interface Child {
  readonly proposal: EspProposal;
  readonly spiIn: number;
  readonly spiOut: number;
  readonly localPort: number;
  readonly remotePort: number;
  readonly udp: boolean;
  readonly lifeSeconds: number;
  /** Soft limit, 0 for none. */
  readonly lifeBytes: number;
  readonly weAsked: boolean;
  /** Clock time when its exchange began. */
  readonly begunAt: number;
}
/** Limits that somebody named; null or 0: none. */
export interface Life {
  readonly seconds: number | null;
  readonly bytes: number | null;
}

/** The shortest of our own limits, the cipher's and those that were told. */
export function lifeOf(
  policy: IkePolicy,
  proposal: EspProposal,
  ...told: readonly Life[]
): Pick<Child, "lifeSeconds" | "lifeBytes"> {
  const small = proposal.cipher === "3des" ? SMALL_BLOCK_BYTES : 0;
  const { espLifetimeSeconds, espLifetimeBytes } = policy;
  return {
    lifeSeconds: Math.max(LEAST_LIFE_SECONDS, least(espLifetimeSeconds, ...told.map((t) => t.seconds))),
    lifeBytes: least(espLifetimeBytes, ...told.map((t) => t.bytes), small),
  };
}
/** The least of the limits that are set; 0 where none is. */
function least(...limits: (number | null)[]): number {
  const set = limits.filter((n): n is number => n !== null && n > 0);
  return set.length === 0 ? 0 : Math.min(...set);
}
/** `keymat`: of this direction, the cipher's key first. `path`: between which outer addresses and ports. */
export function espSpec(
  child: Child,
  direction: "in" | "out",
  keymat: Uint8Array,
  path: { readonly local: Endpoint; readonly remote: Endpoint },
): SaSpec {
  const { encr } = keyBytes(child.proposal);
  const { local, remote } = path;
  return {
    spi: direction === "in" ? child.spiIn : child.spiOut,
    cipher: child.proposal.cipher,
    integ: child.proposal.integ,
    udpEncap: child.udp,
    keys: { encr: keymat.slice(0, encr), integ: keymat.slice(encr) },
    local: child.udp ? local : { address: local.address, port: 0 },
    remote: child.udp ? remote : { address: remote.address, port: 0 },
    localPort: child.localPort,
    remotePort: child.remotePort,
    hardBytes: child.lifeBytes === 0 ? 0 : 2 * child.lifeBytes + SMALL_BLOCK_BYTES,
    hardPackets: HARD_PACKETS,
  };
}
/** Throws DecodeError. */
export function readSpi(b: Uint8Array): number {
  const r = new Reader(b);
  const spi = r.u32("spi");
  r.end("spi");
  return spi;
}
export function planeFailure(e: unknown): Failure {
  if (!(e instanceof SystemError)) throw e;
  return failureOf("system", "plane", `the data plane rejects the SA: ${e.message}`);
}
