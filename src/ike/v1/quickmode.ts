// Quick mode, RFC 2409 §5.5, transport mode for UDP, both roles:
//   1 HDR*, HASH(1), SA, Ni [, KE], IDci, IDcr [, NAT-OA..] -->
//                        <-- 2 HDR*, HASH(2), SA, Nr [, KE], IDci, IDcr [, NAT-OA..]
//   3 HDR*, HASH(3) -->
// The responder receives under the new SA from message 2 on, the initiator sends under it from message 3 on: nothing is
// lost.

import { Reader } from "../../core/bytes.ts";
import type { Timer } from "../../core/clock.ts";
import { DecodeError, SystemError } from "../../core/errors.ts";
import { type Failure, failureOf } from "../../core/failures.ts";
import { faultEvent } from "../../core/fault.ts";
import { giveBack } from "../../core/give-back.ts";
import { sameBytes } from "../../core/text.ts";
import { inQuotes } from "../../core/words.ts";
import type { FlowId, SaSpec } from "../../dataplane/dataplane.ts";
import type { DhKey } from "../../ports/ports.ts";
import { noEsp } from "../choice.ts";
import {
  describeEsp,
  ENCAP,
  type EspProposal,
  espEncap,
  espGroup,
  espTransform,
  keyBytes,
  matchesEsp,
  P2_LIFE,
} from "../proposals.ts";
import { failure, type IkeEnv, type IkePolicy, RETRY } from "../types.ts";
import { lifetimes, readAttributes } from "../wire/attributes.ts";
import { addressId, ID, type Identification, readId, readNatOa, writeId, writeNatOa } from "../wire/id.ts";
import { NOTIFY, readNotify } from "../wire/notify.ts";
import { all, type Chain, one, optional, PAYLOAD, type Payload } from "../wire/payloads.ts";
import { PROTOCOL, type Proposal, readSa, type Transform, writeSa } from "../wire/sa.ts";
import { u32 } from "./keys.ts";
import { natOaType } from "./natt.ts";
import type { Child, QuickModeOwner, QuickModeSa } from "./phase2.ts";

const NONCE_BYTES = 32;
const NOTHING = new Uint8Array(0);
const UDP = 17;
const L2TP = 1701;
const REPLAYS = 5;
const KB = 1024;
/** Sweet32 (CVE-2016-2183): a key with 64-bit blocks is replaced long before 2^32 of them. */
const SMALL_BLOCK_BYTES = 1 << 30;
/** Sequence numbers end at 2^32-1 (RFC 4303 §3.3.3). */
const HARD_PACKETS = 0xffff_fff0;

interface Ports {
  readonly local: number;
  readonly remote: number;
}

export class QuickMode {
  readonly messageId: number;
  readonly #env: IkeEnv;
  readonly #sa: QuickModeSa;
  readonly #policy: IkePolicy;
  /** A responder learns it from the selectors of message 1. */
  #own: QuickModeOwner | null;
  readonly #timer: Timer;
  readonly begunAt: number;
  readonly role: "initiator" | "responder";
  #iv: Uint8Array;
  /** 2 or 3: the message we wait for; 0: working or over. */
  #expect = 0;
  #lastIn: Uint8Array | null = null;
  #lastOut: Uint8Array | null = null;
  #replays = 0;
  #tries = 0;
  #ni: Uint8Array = NOTHING;
  #nr: Uint8Array = NOTHING;
  #dh: DhKey | null = null;
  #offer: readonly EspProposal[] = [];
  #ports: Ports = { local: 0, remote: 0 };
  #spiIn: number;
  #inboundIn = false;
  /** The outbound SA that is in the plane, or about to be. */
  #outboundIn: number | null = null;
  #child: Child | null = null;
  #out: SaSpec | null = null;
  /** Responder: what becomes `#child` with message 3. */
  #made: Child | null = null;
  #over = false;

  constructor(
    env: IkeEnv,
    sa: QuickModeSa,
    role: "initiator" | "responder",
    messageId: number,
    policy: IkePolicy,
    owner: QuickModeOwner | null,
  ) {
    this.#env = env;
    this.#sa = sa;
    this.role = role;
    this.messageId = messageId;
    this.#policy = policy;
    this.#own = owner;
    this.#iv = sa.phase2Iv(messageId);
    this.begunAt = env.clock.now();
    this.#spiIn = env.plane.allocateSpi();
    this.#timer = env.clock.timer("ike quick", () => this.#timeout());
  }
  get pending(): boolean {
    return this.#child === null && !this.#over;
  }
  get spiIn(): number {
    return this.#spiIn;
  }

  /** Initiator: message 1. */
  begin(ports: Ports): void {
    this.#ports = ports;
    const group = this.#policy.espProposals[0]?.group ?? null;
    this.#offer = this.#policy.espProposals.filter((p) => p.group === group);
    this.#ni = this.#env.crypto.random(NONCE_BYTES);
    if (group) this.#dh = this.#env.crypto.dh(group);
    const kb = Math.ceil(this.#policy.espLifetimeBytes / KB);
    const transforms = this.#offer.map((p, i) =>
      espTransform(p, i + 1, this.#encaps()[0] as number, this.#policy.espLifetimeSeconds, kb),
    );
    this.#say(
      [
        { type: PAYLOAD.sa, body: writeSa([{ number: 1, protocol: PROTOCOL.esp, spi: u32(this.#spiIn), transforms }]) },
        { type: PAYLOAD.nonce, body: this.#ni },
        ...this.#ke(),
        {
          type: PAYLOAD.id,
          body: writeId({ id: addressId(this.#sa.local.address), protocol: UDP, port: ports.local }),
        },
        {
          type: PAYLOAD.id,
          body: writeId({ id: addressId(this.#sa.remote.address), protocol: UDP, port: ports.remote }),
        },
        ...this.#natOa(),
      ],
      [],
      2,
    );
  }

  /** Throws DecodeError; nothing has changed then. True when the message was authentic and fresh. */
  receive(first: number, cipherText: Uint8Array): boolean {
    if (this.#lastIn && sameBytes(this.#lastIn, cipherText)) {
      if (this.#lastOut && this.#replays++ < REPLAYS && (this.role === "responder" ? this.#expect === 3 : this.#child))
        this.#sa.transmit(this.#lastOut);
      return false;
    }
    if (this.#over || (this.role === "initiator" ? this.#expect !== 2 : this.#expect !== 3 && this.#lastIn !== null)) {
      this.#sa.bad("ike.unexpected", "quick mode message out of order");
      return false;
    }
    const opened = this.#sa.open(this.#iv, first, cipherText);
    if (!opened) return false;
    const { chain, iv } = opened;
    const extra = this.role === "initiator" ? [this.#ni] : [];
    const mid = u32(this.messageId);
    const third = this.role === "responder" && this.#expect === 3;
    const hash = third
      ? this.#sa.hash([Uint8Array.of(0), mid, this.#ni, this.#nr])
      : this.#sa.hash([mid, ...extra, chain.behindFirst]);
    if (chain.payloads[0]?.type !== PAYLOAD.hash || !sameBytes(chain.payloads[0].body, hash)) {
      this.#sa.bad("ike.bad-hash", "quick mode message does not authenticate");
      return false;
    }
    if (third) this.#message3();
    else if (this.role === "initiator") this.#message2(chain, iv);
    else this.#message1(chain, iv);
    this.#lastIn = cipherText;
    return true;
  }
  /** An authenticated error notify, or the end of the IKE SA. */
  fail(why: Failure): void {
    if (this.#over || this.#child) return;
    this.close();
    this.#own?.quickFailed(this, why);
  }
  /** Gives back what no child SA owns. */
  close(): void {
    this.#timer.disarm();
    if (this.#over) return;
    this.#over = true;
    if (this.#child) return;
    const { plane } = this.#env;
    const flow = this.#own?.flow;
    const out = this.#outboundIn;
    if (flow !== undefined && out !== null) this.#remove(flow, "out", out);
    if (flow !== undefined && this.#inboundIn) this.#remove(flow, "in", this.#spiIn);
    plane.releaseSpi(this.#spiIn);
  }

  #message1(c: Chain, iv: Uint8Array): void {
    const offered = readSa(one(c, PAYLOAD.sa, "sa"));
    this.#ni = this.#readNonce(c);
    const ke = optional(c, PAYLOAD.ke, "ke");
    const ids = this.#readIds(c);
    for (const b of all(c, PAYLOAD.natOa, PAYLOAD.natOaDraft)) readNatOa(b);
    if (typeof ids === "string") {
      this.#refuse(NOTIFY.invalidId, failure("bad-selectors", ids));
      return;
    }
    const own = this.#sa.connectionFor(ids.ports.remote);
    if (!own) {
      this.close();
      return;
    }
    this.#own = own;
    const choice = this.#choose(offered);
    if (!choice) {
      this.#refuse(NOTIFY.noProposalChosen, failure("no-proposal", noEsp(this.#policy, offered, this.#encaps())));
      return;
    }
    let gxy: Uint8Array | null = null;
    const group = espGroup(choice.transform);
    if ((group !== null) !== (ke !== null))
      throw new DecodeError("bad-value", "ke without group, or group without ke", 0);
    if (group && ke) {
      this.#dh = this.#env.crypto.dh(group);
      gxy = this.#dh.shared(ke);
      if (!gxy) {
        this.#refuse(NOTIFY.invalidKey, failure("bad-key", "the peer's Diffie-Hellman value is not acceptable"));
        return;
      }
    }
    this.#ports = ids.ports;
    this.#nr = this.#env.crypto.random(NONCE_BYTES);
    const spiOut = readSpi(choice.offer.spi);
    const answer: Payload[] = [
      {
        type: PAYLOAD.sa,
        body: writeSa([
          {
            number: choice.offer.number,
            protocol: PROTOCOL.esp,
            spi: u32(this.#spiIn),
            transforms: [choice.transform],
          },
        ]),
      },
      { type: PAYLOAD.nonce, body: this.#nr },
      ...this.#ke(),
      ...ids.bodies.map((body) => ({ type: PAYLOAD.id, body })),
      ...this.#natOa(),
    ];
    this.#iv = iv;
    const child = this.#makeChild(choice.proposal, choice.transform, spiOut);
    this.#out = this.#spec(child, "out", gxy);
    this.#inboundIn = true;
    this.#sa.scope.settle(
      this.#env.plane.addInbound(own.flow, this.#spec(child, "in", gxy)),
      () => {
        if (this.#over) return;
        this.#made = child;
        this.#say(answer, [this.#ni], 3);
      },
      (e) => this.fail(planeFailure(e)),
    );
  }
  #message3(): void {
    const child = this.#made;
    const out = this.#out;
    const own = this.#own;
    if (!child || !out || !own) return;
    this.#expect = 0;
    this.#timer.disarm();
    this.#outboundIn = child.spiOut;
    this.#sa.scope.settle(
      this.#env.plane.addOutbound(own.flow, out),
      () => this.#up(own, child),
      (e) => this.#outboundFailed(e),
    );
  }

  #message2(c: Chain, iv: Uint8Array): void {
    const own = this.#own;
    if (!own) return;
    const [p, ...more] = readSa(one(c, PAYLOAD.sa, "sa"));
    this.#nr = this.#readNonce(c);
    const ke = optional(c, PAYLOAD.ke, "ke");
    const t = p?.transforms[0];
    const proposal = t && this.#offer.find((x) => matchesEsp(x, t, this.#encaps()));
    if (!p || !t || !proposal || more.length > 0 || p.transforms.length !== 1 || p.protocol !== PROTOCOL.esp) {
      this.fail(
        failure("no-proposal", `the peer chose an ESP proposal that we did not offer: ${t ? describeEsp(t) : "none"}`),
      );
      return;
    }
    const ids = all(c, PAYLOAD.id).map(readId);
    if (ids.some((i) => i.protocol !== UDP && i.protocol !== 0)) {
      this.fail(failure("bad-selectors", "the peer's quick mode answer is not for UDP"));
      return;
    }
    let gxy: Uint8Array | null = null;
    if (this.#dh) {
      gxy = ke ? this.#dh.shared(ke) : null;
      if (!gxy) {
        this.fail(failure("bad-key", "the peer's Diffie-Hellman value is not acceptable"));
        return;
      }
    }
    this.#expect = 0;
    this.#timer.disarm();
    this.#iv = iv;
    const life = responderLifetime(c);
    const child = this.#makeChild(proposal, t, readSpi(p.spi), life);
    const plane = this.#env.plane;
    this.#inboundIn = true;
    this.#sa.scope.settle(
      plane.addInbound(own.flow, this.#spec(child, "in", gxy)),
      () => {
        if (this.#over) return;
        this.#outboundIn = child.spiOut;
        this.#sa.scope.settle(
          plane.addOutbound(own.flow, this.#spec(child, "out", gxy)),
          () => {
            if (this.#over) return;
            this.#sendHash3();
            this.#up(own, child);
          },
          (e) => this.#outboundFailed(e),
        );
      },
      (e) => this.fail(planeFailure(e)),
    );
  }
  /** The SPI may be another child's of the flow: it is not ours to remove. */
  #outboundFailed(e: unknown): void {
    this.#outboundIn = null;
    this.fail(planeFailure(e));
  }
  #sendHash3(): void {
    const hash = this.#sa.hash([Uint8Array.of(0), u32(this.messageId), this.#ni, this.#nr]);
    this.#transmit(this.#sa.sealQuick(this.messageId, this.#iv, [{ type: PAYLOAD.hash, body: hash }]).message);
  }
  /** The outbound SA is in the plane: the child's now, or nobody's. */
  #up(own: QuickModeOwner, child: Child): void {
    this.#out = null;
    this.#dh = null;
    this.#ni = this.#nr = NOTHING;
    this.#offer = [];
    if (this.#over) {
      this.#remove(own.flow, "out", child.spiOut);
      return;
    }
    own.childUp(child);
    this.#child = child;
  }

  #choose(offered: readonly Proposal[]): { proposal: EspProposal; transform: Transform; offer: Proposal } | null {
    // several proposals of one number are to be used together (AH with ESP, IPComp): not ours
    const single = offered.filter(
      (o) =>
        o.protocol === PROTOCOL.esp &&
        o.spi.length === 4 &&
        readSpi(o.spi) >= 256 &&
        offered.filter((x) => x.number === o.number).length === 1,
    );
    for (const proposal of this.#policy.espProposals) {
      for (const offer of single) {
        const transform = offer.transforms.find((t) => matchesEsp(proposal, t, this.#encaps()));
        if (transform) return { proposal, transform, offer };
      }
    }
    return null;
  }
  /** What we propose first, and everything that we accept. */
  #encaps(): readonly number[] {
    if (!this.#sa.udp) return [ENCAP.transport];
    return this.#sa.natt === "rfc3947"
      ? [ENCAP.udpTransport, ENCAP.udpTransportDraft]
      : [ENCAP.udpTransportDraft, ENCAP.udpTransport];
  }
  /**
   * RFC 3947 §5.2; a sentence when the selectors are not for L2TP. The initiator's IDs are its own view behind a NAT.
   */
  #readIds(c: Chain): { ports: Ports; bodies: Uint8Array[] } | string {
    const bodies = all(c, PAYLOAD.id);
    if (bodies.length === 0) return { ports: { local: 0, remote: 0 }, bodies };
    const [ci, cr] = bodies.map(readId);
    if (!ci || !cr || bodies.length !== 2) return "quick mode with one identity, or more than two";
    for (const i of [ci, cr]) {
      // behind a NAT some send their name: the address would say nothing
      const named = i.id.type === ID.fqdn && this.#sa.nat !== "none";
      if (i.id.type !== ID.ip4 && i.id.type !== ID.ip6 && !named)
        return `quick mode for identity type ${i.id.type}: only hosts are served`;
      if (i.protocol !== UDP && !(i.protocol === 0 && i.port === 0))
        return `quick mode for protocol ${i.protocol}: only UDP is served`;
    }
    if (!this.#sa.weAreClient && cr.port !== L2TP && cr.port !== 0)
      return `quick mode for our UDP port ${cr.port}: only 1701 is served`;
    if (this.#sa.nat === "none" && !this.#sa.udp && !this.#sameAddress(ci, this.#sa.remote.address)) {
      return `quick mode for ${inQuotes(ci.id.text)}, but the peer is ${this.#sa.remote.address}`;
    }
    return { ports: { local: cr.port, remote: ci.port }, bodies };
  }
  #sameAddress(i: Identification, address: string): boolean {
    return i.id.text === address || i.id.text === "0.0.0.0" || i.id.text === "::";
  }
  #readNonce(c: Chain): Uint8Array {
    const n = one(c, PAYLOAD.nonce, "nonce");
    if (n.length < 8 || n.length > 256) throw new DecodeError("bad-length", "nonce", 0);
    return n.slice();
  }
  #ke(): Payload[] {
    return this.#dh ? [{ type: PAYLOAD.ke, body: this.#dh.publicValue }] : [];
  }
  /** RFC 3947 §5.2: both original addresses, as this side sees them; the drafts send the own one alone. */
  #natOa(): Payload[] {
    const { natt, udp, local, remote } = this.#sa;
    if (!udp || natt === null) return [];
    const type = natOaType(natt);
    const [i, r] = this.role === "initiator" ? [local, remote] : [remote, local];
    if (natt !== "rfc3947") return [{ type, body: writeNatOa(local.address) }];
    return [
      { type, body: writeNatOa(i.address) },
      { type, body: writeNatOa(r.address) },
    ];
  }

  #makeChild(
    proposal: EspProposal,
    t: Transform,
    spiOut: number,
    told: { seconds: number | null; kilobytes: number | null } = { seconds: null, kilobytes: null },
  ): Child {
    const said = lifetimes(t.attributes, ...P2_LIFE);
    const least = (...n: (number | null)[]): number => {
      const real = n.filter((x): x is number => x !== null && x > 0);
      return real.length === 0 ? 0 : Math.min(...real);
    };
    const small = proposal.cipher === "3des" ? SMALL_BLOCK_BYTES : 0;
    return {
      proposal,
      spiIn: this.#spiIn,
      spiOut,
      localPort: this.#ports.local,
      remotePort: this.#ports.remote,
      udp: espEncap(t) !== ENCAP.transport,
      weAsked: this.role === "initiator",
      begunAt: this.begunAt,
      lifeSeconds: Math.max(20, least(this.#policy.espLifetimeSeconds, said.seconds, told.seconds)),
      lifeBytes: least(
        this.#policy.espLifetimeBytes,
        said.kilobytes && said.kilobytes * KB,
        told.kilobytes && told.kilobytes * KB,
        small,
      ),
    };
  }
  #spec(child: Child, direction: "in" | "out", gxy: Uint8Array | null): SaSpec {
    const spi = direction === "in" ? child.spiIn : child.spiOut;
    const n = keyBytes(child.proposal);
    const keymat = this.#sa.keymat(n.encr + n.integ, gxy, PROTOCOL.esp, spi, this.#ni, this.#nr);
    const { local, remote } = this.#sa;
    return {
      spi,
      cipher: child.proposal.cipher,
      integ: child.proposal.integ,
      udpEncap: child.udp,
      keys: { encr: keymat.slice(0, n.encr), integ: keymat.slice(n.encr) },
      local: child.udp ? local : { address: local.address, port: 0 },
      remote: child.udp ? remote : { address: remote.address, port: 0 },
      localPort: child.localPort,
      remotePort: child.remotePort,
      hardBytes: child.lifeBytes === 0 ? 0 : 2 * child.lifeBytes + SMALL_BLOCK_BYTES,
      hardPackets: HARD_PACKETS,
    };
  }

  #say(payloads: readonly Payload[], extra: readonly Uint8Array[], expect: number): void {
    const { message, iv } = this.#sa.sealHashed(
      this.messageId,
      "quick",
      this.#iv,
      [u32(this.messageId), ...extra],
      payloads,
    );
    this.#iv = iv;
    this.#expect = expect;
    this.#tries = 1;
    this.#timer.arm(RETRY[0] as number);
    this.#transmit(message);
  }
  #transmit(message: Uint8Array): void {
    this.#lastOut = message;
    this.#replays = 0;
    this.#sa.transmit(message);
  }
  #timeout(): void {
    const wait = RETRY[this.#tries];
    if (wait === undefined) {
      this.fail(
        failure(
          "no-answer",
          `${this.#sa.remote.address} does not answer quick mode (ESP proposals ${this.#policy.espProposals.map((p) => p.text).join(" ")})`,
        ),
      );
      return;
    }
    this.#tries++;
    this.#timer.arm(wait);
    if (this.#lastOut) this.#sa.transmit(this.#lastOut);
  }
  #refuse(type: number, why: Failure): void {
    this.#sa.notify(type, PROTOCOL.esp, u32(0));
    this.fail(why);
  }
  #remove(flow: FlowId, direction: "in" | "out", spi: number): void {
    const failed = (): void => this.#env.counters.bump("ike.plane-error");
    void giveBack(
      () => this.#env.plane.remove(flow, direction, spi),
      (e) => {
        failed();
        this.#env.log.emit(faultEvent(this.#policy.link, "the end of a quick mode", e));
      },
      failed,
    );
  }
}

function readSpi(b: Uint8Array): number {
  if (b.length !== 4) throw new DecodeError("bad-length", "spi", 0);
  return (((b[0] as number) << 24) | ((b[1] as number) << 16) | ((b[2] as number) << 8) | (b[3] as number)) >>> 0;
}
function planeFailure(e: unknown): Failure {
  if (!(e instanceof SystemError)) throw e;
  return failureOf("system", "plane", `the data plane refuses the SA: ${e.message}`);
}
/** RFC 2407 §4.6.3.1: the responder's own limits, where they are shorter than ours. */
function responderLifetime(c: Chain): { seconds: number | null; kilobytes: number | null } {
  const n = all(c, PAYLOAD.notify)
    .map(readNotify)
    .find((x) => x.type === NOTIFY.responderLifetime);
  return n ? lifetimes(readAttributes(new Reader(n.data)), ...P2_LIFE) : { seconds: null, kilobytes: null };
}
