// What the two ends of a control connection tell and prove each other in SCCRQ, SCCRP and SCCCN (RFC 2661 §5.1, §6.1
// to §6.3).
import { NO_BYTES } from "../core/bytes.ts";
import type { Failure } from "../core/errors.ts";
import { sameBytes } from "../core/text.ts";
import type { Crypto } from "../ports/ports.ts";
import type { TunnelConfig } from "./api.ts";
import { CHALLENGE_LENGTH, verify } from "./auth.ts";
import { answerTo, greeting, unacceptable } from "./greeting.ts";
import type { HalfOpen } from "./half-open.ts";
import type { Avps, Result } from "./wire/avps.ts";
import { failure, RESULT } from "./words.ts";

export interface Refusal {
  readonly result: Result;
  readonly why: Failure;
}

/** What the other end is asked with: nothing without a secret. */
export function challengeOf(crypto: Crypto, { secret }: Pick<TunnelConfig, "secret">): Uint8Array {
  return secret ? crypto.random(CHALLENGE_LENGTH) : NO_BYTES;
}

export class Handshake {
  /** §4.4.3; null: we send none. */
  readonly tieBreaker: Uint8Array | null;
  readonly #crypto: Crypto;
  readonly #cfg: TunnelConfig;
  /** Ours; empty without a secret. */
  readonly #challenge: Uint8Array;
  #peerId = 0;
  #peerHost = "";
  #peerVendor = "";

  /** `half`: what the peer began, null where we are the one who calls. */
  constructor(crypto: Crypto, cfg: TunnelConfig, half: HalfOpen | null) {
    this.#crypto = crypto;
    this.#cfg = cfg;
    this.#challenge = half?.challenge ?? challengeOf(crypto, cfg);
    this.tieBreaker = cfg.tieBreaker === true && half === null ? crypto.random(8) : null;
  }
  /** The Tunnel ID that the peer assigned, 0 until it did. */
  get peerId(): number {
    return this.#peerId;
  }
  get peerHost(): string {
    return this.#peerHost;
  }
  get peerVendor(): string {
    return this.#peerVendor;
  }
  /** Whether the peer was asked with this challenge. */
  asked(challenge: Uint8Array): boolean {
    return sameBytes(this.#challenge, challenge);
  }

  /** `id`: the Tunnel ID that we assign. */
  sccrq(vendorName: string, id: number): Avps {
    const { tieBreaker } = this;
    return { ...greeting(this.#cfg, vendorName, id, this.#challenge), ...(tieBreaker ? { tieBreaker } : {}) };
  }
  scccn(sccrp: Avps): Avps {
    return answerTo(this.#crypto, "SCCCN", this.#cfg, sccrp);
  }
  /** Keeps who the peer is; the first message that names its Tunnel ID counts. */
  learn(avps: Avps): void {
    if (this.#peerId !== 0) return;
    this.#peerId = avps.assignedTunnelId ?? 0;
    this.#peerHost = avps.hostName ?? "";
    this.#peerVendor = avps.vendorName ?? "";
  }
  /** Why an SCCRP cannot be served. `isOurs`: this process has asked somebody with that challenge. */
  refusesSccrp(avps: Avps, isOurs: (challenge: Uint8Array) => boolean): Refusal | null {
    return unacceptable(this.#cfg, avps, isOurs) ?? this.#unproved("SCCRP", avps);
  }
  refusesScccn(avps: Avps): Refusal | null {
    return this.#unproved("SCCCN", avps);
  }
  #unproved(name: "SCCRP" | "SCCCN", { challengeResponse }: Avps): Refusal | null {
    const { secret } = this.#cfg;
    if (!secret || verify(this.#crypto, name, secret, this.#challenge, challengeResponse)) return null;
    const why = challengeResponse ? "the two tunnel_secrets differ" : "the peer does not answer our challenge";
    const result = { result: RESULT.notAuthorized };
    return { result, why: failure("tunnel-auth", `tunnel authentication failed: ${why}`) };
  }
}
