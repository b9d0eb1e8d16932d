// NAT traversal in phase 1: RFC 3947, and draft-ietf-ipsec-nat-t-ike-02 and -03, which is all that many peers support.
// Drafts 00 and 01 put ESP into IKE's own port, which we do not: with them a NAT is found, and named.
import { parseIp } from "../../core/addr.ts";
import { hex, sameBytes, unhex } from "../../core/text.ts";
import type { Crypto, Endpoint, HashName } from "../../ports/ports.ts";
import { PAYLOAD, type Payload, payload } from "../wire/payloads.ts";

export type NattVersion = "rfc3947" | "draft-03" | "draft-02n" | "draft-02" | "draft-01" | "draft-00";
/**
 * MD5 of the documents' names, best first. "draft-02n" hashes the name with a newline behind it, as Windows and others
 * do.
 */
const NATT: readonly (readonly [NattVersion, string])[] = [
  ["rfc3947", "4a131c81070358455c5728f20e95452f"],
  ["draft-03", "7d9419a65310ca6f2c179d9215529d56"],
  ["draft-02n", "90cb80913ebb696e086381b5ec427b1f"],
  ["draft-02", "cd60464335df21f87cfdb2fc68b6a448"],
  ["draft-01", "16f6ca16e4a4066d83821a0f0aeaa862"],
  ["draft-00", "4485152d18b6bbcd0be8a8469579ddcc"],
];
/** RFC 3706 §5.1, version 1.0. */
const DPD = "afcad71368a1f1c96b8696fc77570100";
/** MD5 of "FRAGMENTATION", and the exchange that it is for: main mode and what follows. */
const FRAGMENTATION = "4048b7d56ebce88525e7de7f00d6c2d3";
const FRAGMENTS = `${FRAGMENTATION}80000000`;

export type Nat = "none" | "us" | "peer" | "both";

const vid = (h: string): Payload => payload(PAYLOAD.vendorId, unhex(h) ?? new Uint8Array(0));

/** What an initiator announces: all versions of NAT-T that it supports, DPD and fragmentation. */
export function ourVendorIds(): Payload[] {
  return [...NATT.map(([, h]) => vid(h)), vid(DPD), vid(FRAGMENTS)];
}
/** What a responder answers: the NAT-T version that it chose, DPD, and fragmentation to a peer that has it. */
export function answerVendorIds(natt: NattVersion | null, fragments: boolean): Payload[] {
  const chosen = NATT.find(([v]) => v === natt);
  return [...(chosen ? [vid(chosen[1])] : []), vid(DPD), ...(fragments ? [vid(FRAGMENTS)] : [])];
}
export interface Announced {
  readonly natt: NattVersion | null;
  readonly dpd: boolean;
  readonly fragments: boolean;
}
/** Without vendor ids there is neither NAT-T nor DPD. */
export function readVendorIds(bodies: readonly Uint8Array[]): Announced {
  const seen = new Set(bodies.map(hex));
  const begins = (known: string): boolean => [...seen].some((s) => s.startsWith(known));
  return {
    natt: NATT.find(([, h]) => seen.has(h))?.[0] ?? null,
    dpd: begins(DPD.slice(0, 28)),
    fragments: begins(FRAGMENTATION),
  };
}
/** ESP behind a NAT, as this version has it, is not for us. */
export function isOnPort500(v: NattVersion | null): boolean {
  return v === "draft-00" || v === "draft-01";
}

export function natDType(v: NattVersion): number {
  return v === "rfc3947" ? PAYLOAD.natD : PAYLOAD.natDDraft;
}
export function natOaType(v: NattVersion): number {
  return v === "rfc3947" ? PAYLOAD.natOa : PAYLOAD.natOaDraft;
}

export class NatDetection {
  readonly #c: Crypto;
  readonly #hash: HashName;
  readonly #cookies: readonly Uint8Array[];
  constructor(crypto: Crypto, hash: HashName, icookie: Uint8Array, rcookie: Uint8Array) {
    this.#c = crypto;
    this.#hash = hash;
    this.#cookies = [icookie, rcookie];
  }
  /**
   * RFC 3947 §3.2: first the peer as we see it, then ourselves. `pretend` falsifies our own, so that both sides
   * encapsulate.
   */
  payloads(v: NattVersion, local: Endpoint, remote: Endpoint, pretend: boolean): Payload[] {
    const own = this.#of(local);
    return [payload(natDType(v), this.#of(remote)), payload(natDType(v), pretend ? this.#c.random(own.length) : own)];
  }
  /** Null when there are too few payloads to tell. */
  compare(bodies: readonly Uint8Array[], local: Endpoint, remote: Endpoint): { us: boolean; peer: boolean } | null {
    const [first, ...theirs] = bodies;
    if (!first || theirs.length === 0) return null;
    const seen = this.#of(remote);
    return { us: !sameBytes(first, this.#of(local)), peer: !theirs.some((b) => sameBytes(b, seen)) };
  }
  #of(e: Endpoint): Uint8Array {
    return this.#c.hash(this.#hash, [
      ...this.#cookies,
      parseIp(e.address) ?? new Uint8Array(4),
      Uint8Array.of(e.port >>> 8, e.port),
    ]);
  }
}
