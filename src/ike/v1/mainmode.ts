// Main mode with a pre-shared key, RFC 2409 §5.4, both roles, with NAT-T (RFC 3947 §3). The messages:
//   1 HDR, SA, VID.. -->            <-- 2 HDR, SA, VID..
//   3 HDR, KE, Ni, NAT-D.. -->      <-- 4 HDR, KE, Nr, NAT-D..
//   5 HDR*, IDii, HASH_I [, N] -->  <-- 6 HDR*, IDir, HASH_R
// Nothing that is not authenticated ends it: it is counted, and at most a hint for the sentence when time runs out.
// Only a responder that has seen three messages 5 that do not authenticate stops: each was a guess at the key. And it
// does no Diffie-Hellman before message 3 has brought its cookie back from where message 1 came from, and before its
// owner says that it is this peer's turn.

import type { Timer } from "../../core/clock.ts";
import { DecodeError, type Failure } from "../../core/errors.ts";
import { quote } from "../../core/events.ts";
import { concat, sameBytes } from "../../core/text.ts";
import type { DhKey, Endpoint } from "../../ports/ports.ts";
import { type IkeChoice, olderServer } from "../choice.ts";
import { type IkeProposal, ikeTransform, keBytes, matchesIke, P1_LIFE } from "../proposals.ts";
import { failure, type IkeEnv, NATT_PORT, RETRY } from "../types.ts";
import { lifetimes } from "../wire/attributes.ts";
import { clearNotify } from "../wire/clear.ts";
import { EXCHANGE, FLAG, type IsakmpHeader, isZero, writeMessage } from "../wire/header.ts";
import { addressId, type IkeId, readId, sameId, writeId } from "../wire/id.ts";
import { NOTIFY, notifyName, readNotify, writeNotify } from "../wire/notify.ts";
import { all, type Chain, one, PAYLOAD, type Payload, readChain, writeChain } from "../wire/payloads.ts";
import { PROTOCOL, readSa, type Transform, writeSa } from "../wire/sa.ts";
import { IkeKeys, lastBlock } from "./keys.ts";
import { answerVendorIds, NatDetection, type NattVersion, natDType, ourVendorIds, readVendorIds } from "./natt.ts";
import { type MainModeOwner, type MainModeStart, type Role, UNPROVED } from "./phase1.ts";

const NONCE_BYTES = 32;
const NOTHING = new Uint8Array(0);
/** A responder waits this long for the next message. */
const HALF_OPEN_MS = 30_000;
/** How often one message is sent again to a peer that has proved nothing (CVE-2016-5361). */
const REPLAYS = 3;
/** Messages 5 that do not authenticate: with the third the exchange is over. */
const GUESSES = 3;

export class MainMode {
  readonly #env: IkeEnv;
  readonly #start: MainModeStart;
  readonly #own: MainModeOwner;
  readonly #timer: Timer;
  #local: Endpoint;
  #remote: Endpoint;
  /** The message we wait for; 0 when it is over. */
  #expect = 0;
  #rcookie: Uint8Array = new Uint8Array(8);
  #lastIn: Uint8Array | null = null;
  #lastOut: Uint8Array | null = null;
  #replays = 0;
  #tries = 0;
  #guesses = 0;
  /** Responder: message 3 while it waits for its turn. */
  #waiting: Uint8Array | null = null;
  #hint: Failure | null = null;
  #saBody: Uint8Array = NOTHING;
  #proposal: IkeProposal | null = null;
  #lifeSeconds = 0;
  #natt: NattVersion | null = null;
  #dpd = false;
  #nat: { us: boolean; peer: boolean } = { us: false, peer: false };
  #dh: DhKey | null = null;
  #nonce: Uint8Array;
  #peerNonce: Uint8Array = NOTHING;
  #peerKe: Uint8Array = NOTHING;
  #keys: IkeKeys | null = null;
  #iv: Uint8Array = NOTHING;

  constructor(env: IkeEnv, start: MainModeStart, owner: MainModeOwner) {
    this.#env = env;
    this.#start = start;
    this.#own = owner;
    this.#local = start.local;
    this.#remote = start.remote;
    this.#nonce = env.crypto.random(NONCE_BYTES);
    this.#timer = env.clock.timer(`ike ${start.role}`, () => this.#timeout());
  }
  get local(): Endpoint {
    return this.#local;
  }
  get remote(): Endpoint {
    return this.#remote;
  }
  /** Responder: the peer has shown that it hears us at its address. */
  get proved(): boolean {
    return this.#waiting !== null || this.#expect !== 3;
  }
  /**
   * Before the peer is authenticated only its own address counts; and its port, until it may move to 4500 (RFC 3947
   * §4).
   */
  comesFrom(local: Endpoint, remote: Endpoint): boolean {
    const start = this.#start;
    return (
      remote.address === start.remote.address &&
      local.address === start.local.address &&
      (this.#expect >= 5 || remote.port === start.remote.port)
    );
  }
  stage(): string {
    const what: Readonly<Record<number, string>> = {
      2: "proposals",
      3: "proposals",
      4: "key exchange",
      5: "authentication",
      6: "authentication",
    };
    if (this.#expect === 0) return "phase 1 done";
    return `phase 1: ${what[this.#expect] ?? ""}${this.#hint ? ` (so far: ${this.#hint.text})` : ""}`;
  }
  close(): void {
    this.#expect = 0;
    this.#timer.disarm();
  }

  /** Initiator: message 1. */
  begin(): void {
    const { policy } = this.#start;
    const transforms = policy.ikeProposals.map((p, i) => ikeTransform(p, i + 1, policy.ikeLifetimeSeconds));
    this.#saBody = writeSa([{ number: 1, protocol: PROTOCOL.isakmp, spi: new Uint8Array(0), transforms }]);
    this.#say(2, [{ type: PAYLOAD.sa, body: this.#saBody }, ...ourVendorIds()]);
  }

  /** Throws DecodeError for what cannot be read; nothing has changed then. */
  receive(h: IsakmpHeader, body: Uint8Array, datagram: Uint8Array, local: Endpoint, remote: Endpoint): void {
    if (this.#lastIn && sameBytes(this.#lastIn, datagram)) {
      this.#duplicate();
      return;
    }
    const encrypted = (h.flags & FLAG.encrypted) !== 0;
    if (this.#expect === 0 || encrypted !== this.#expect >= 5 || h.messageId !== 0) {
      this.#own.bad("ike.unexpected", "main mode message out of order");
      return;
    }
    if (!encrypted) this.#clear(h, readChain(h.next, body, false), datagram);
    else this.#sealed(h, body, datagram, local, remote);
  }
  /** The last words of a phase 1 that is done live on: the peer may not have heard them. */
  isDuplicate(datagram: Uint8Array): boolean {
    return this.#lastIn !== null && sameBytes(this.#lastIn, datagram);
  }

  /** An unauthenticated notify: anybody may have sent it. When all tries are used up it is the reason. */
  hint(type: number): void {
    if (this.#expect === 0 || this.#start.role !== "initiator") return;
    if (type === NOTIFY.noProposalChosen && this.#expect === 2) {
      this.#hint = failure(
        "no-proposal",
        `${this.#peer()} accepts none of our phase 1 proposals (${this.#ours()}): ${notifyName(type)}${olderServer(this.#start.policy)}`,
      );
    } else if (this.#expect === 6) this.#hint = this.#pskMismatch(notifyName(type));
    else this.#hint = failure("refused", `${this.#peer()} refuses phase 1: ${notifyName(type)}`);
  }
  /** Something encrypted came that our keys cannot read. */
  hintGarbled(): void {
    if (this.#expect === 6) this.#hint = this.#pskMismatch("its answer cannot be decrypted");
  }

  #clear(h: IsakmpHeader, c: Chain, datagram: Uint8Array): void {
    switch (this.#expect) {
      case 0: // RFC 2408: never; the responder's first message comes through accept()
        return;
      case 2:
        this.#message2(h, c, datagram);
        return;
      case 3:
        this.#message3(c, datagram);
        return;
      case 4:
        this.#message4(c, datagram);
        return;
      default:
        return;
    }
  }

  /** Responder: message 1 was read and `choice` made; answers with message 2. No Diffie-Hellman yet. */
  accept(c: Chain, choice: IkeChoice, datagram: Uint8Array): void {
    this.#saBody = one(c, PAYLOAD.sa, "sa"); // a view of `datagram`, which is kept anyhow
    this.#lastIn = datagram;
    this.#took(choice.proposal, choice.transform);
    this.#vendors(c);
    this.#rcookie = this.#env.crypto.random(8);
    this.#own.rcookie(this.#rcookie);
    const sa = writeSa([
      { number: choice.number, protocol: PROTOCOL.isakmp, spi: new Uint8Array(0), transforms: [choice.transform] },
    ]);
    this.#say(3, [{ type: PAYLOAD.sa, body: sa }, ...answerVendorIds(this.#natt)]);
  }
  #message2(h: IsakmpHeader, c: Chain, datagram: Uint8Array): void {
    if (isZero(h.rcookie)) throw new DecodeError("bad-value", "rcookie", 8);
    const [p, ...others] = readSa(one(c, PAYLOAD.sa, "sa"));
    const t = p?.transforms[0];
    const proposal = t && this.#start.policy.ikeProposals.find((x) => matchesIke(x, t));
    if (!t || !proposal || others.length > 0 || p.transforms.length !== 1) {
      this.#own.bad("ike.bad-choice", "message 2 chooses what we did not offer");
      return;
    }
    this.#lastIn = datagram;
    this.#hint = null;
    this.#took(proposal, t);
    this.#vendors(c);
    this.#rcookie = h.rcookie.slice();
    this.#own.rcookie(this.#rcookie);
    this.#dh = this.#env.crypto.dh(proposal.group);
    this.#say(4, this.#keyExchange(this.#dh));
  }
  #message3(c: Chain, datagram: Uint8Array): void {
    if (this.#waiting) return;
    const ke = one(c, PAYLOAD.ke, "ke");
    const nonce = this.#readNonce(c);
    const nat = this.#readNat(c);
    if (ke.length !== keBytes(this.#chosen().group)) throw new DecodeError("bad-length", "ke", 0);
    this.#peerNonce = nonce;
    this.#peerKe = ke.slice();
    this.#nat = nat;
    this.#waiting = datagram;
    this.#own.asksTurn();
  }
  /** Responder: too many wait for their turn; the next message 3 asks again. */
  putOff(): void {
    this.#waiting = null;
  }
  /** Responder: its turn has come, message 4 goes out. */
  exchangeKeys(): void {
    const datagram = this.#waiting;
    this.#waiting = null;
    if (this.#expect !== 3 || !datagram) return;
    const dh = this.#env.crypto.dh(this.#chosen().group);
    const gxy = dh.shared(this.#peerKe);
    if (!gxy) {
      this.#own.bad("ike.bad-dh", "Diffie-Hellman value refused");
      this.#end(failure("bad-key", `${this.#peer()} sends a Diffie-Hellman value that is not acceptable`));
      return;
    }
    this.#lastIn = datagram;
    this.#dh = dh;
    this.#say(5, this.#keyExchange(dh));
    this.#derive(gxy);
  }
  #message4(c: Chain, datagram: Uint8Array): void {
    const ke = one(c, PAYLOAD.ke, "ke");
    const nonce = this.#readNonce(c);
    const nat = this.#readNat(c);
    const gxy = this.#dh?.shared(ke) ?? null;
    if (!gxy) {
      this.#own.bad("ike.bad-dh", "Diffie-Hellman value refused");
      this.#hint = failure("bad-key", `${this.#peer()} sends a Diffie-Hellman value that is not acceptable`);
      return;
    }
    this.#nat = nat;
    const refused = this.#natRefused();
    if (refused) {
      // what says so is not authenticated
      this.#own.bad("ike.nat-refused", refused.text);
      this.#hint = refused;
      return;
    }
    this.#lastIn = datagram;
    this.#hint = null;
    this.#peerNonce = nonce;
    this.#peerKe = ke.slice();
    const keys = this.#derive(gxy);
    if (this.#natSeen() && this.#local.port !== NATT_PORT) {
      // RFC 3947 §4: float
      this.#local = { address: this.#local.address, port: NATT_PORT };
      this.#remote = { address: this.#remote.address, port: NATT_PORT };
    }
    const id = writeId({ id: this.#ourId(), protocol: 0, port: 0 });
    const contact: Payload[] = !this.#start.initialContact
      ? []
      : [
          {
            type: PAYLOAD.notify,
            body: writeNotify({
              protocol: PROTOCOL.isakmp,
              type: NOTIFY.initialContact,
              spi: concat([this.#start.icookie, this.#rcookie]),
              data: new Uint8Array(0),
            }),
          },
        ];
    this.#saySealed(6, keys, [
      { type: PAYLOAD.id, body: id },
      { type: PAYLOAD.hash, body: this.#authHash(keys, "initiator", id) },
      ...contact,
    ]);
  }

  /** Messages 5 and 6. */
  #sealed(h: IsakmpHeader, body: Uint8Array, datagram: Uint8Array, local: Endpoint, remote: Endpoint): void {
    const keys = this.#keys;
    const plain = keys?.decrypt(this.#iv, body) ?? null;
    if (!keys || !plain) throw new DecodeError("bad-length", "ciphertext", 28);
    const peerRole: Role = this.#start.role === "initiator" ? "responder" : "initiator";
    let idBody: Uint8Array;
    let c: Chain;
    try {
      c = readChain(h.next, plain, true);
      idBody = one(c, PAYLOAD.id, "id");
      const hash = one(c, PAYLOAD.hash, "hash");
      if (!sameBytes(hash, this.#authHash(keys, peerRole, idBody))) throw new DecodeError("bad-value", "hash", 0);
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      this.#garbled();
      return;
    }
    const peer = readId(idBody);
    this.#lastIn = datagram;
    this.#iv = lastBlock(body, keys.block);
    this.#local = local;
    this.#remote = remote;
    const want = this.#start.policy.remoteId;
    if (want && !sameId(want, peer.id)) {
      this.#end(
        failure(
          "id-mismatch",
          `${this.#peer()} identifies itself as ${quote(peer.id.text)}, but ${quote(want.text)} is configured`,
        ),
      );
      return;
    }
    if (peerRole === "initiator") {
      const refused = this.#natRefused();
      if (refused) {
        this.#end(refused);
        return;
      }
      const id = writeId({ id: this.#ourId(), protocol: 0, port: 0 });
      this.#saySealed(0, keys, [
        { type: PAYLOAD.id, body: id },
        { type: PAYLOAD.hash, body: this.#authHash(keys, "responder", id) },
      ]);
    }
    this.close();
    // the private half dies with the exchange, and what only its hashes needed
    this.#dh = null;
    this.#nonce = this.#peerNonce = this.#peerKe = this.#saBody = NOTHING;
    if (peerRole === "responder") this.#lastOut = null;
    const { us, peer: them } = this.#nat;
    this.#own.done({
      keys,
      lastBlock: this.#iv,
      proposal: this.#chosen(),
      natt: this.#natt,
      udp: this.#natSeen(),
      nat: us ? (them ? "both" : "us") : them ? "peer" : "none",
      peerDpd: this.#dpd,
      peerId: peer.id,
      lifeSeconds: this.#lifeSeconds,
      initialContact: all(c, PAYLOAD.notify).some((b) => readNotify(b).type === NOTIFY.initialContact),
    });
  }
  /** With another key the peer's message 5 or 6 decrypts to garbage: the usual sign of a differing PSK. */
  #garbled(): void {
    this.#own.bad("ike.garbled", "phase 1 message does not authenticate: probably the pre-shared key differs");
    if (this.#start.role === "initiator") {
      this.hintGarbled();
      return;
    }
    if (!this.#hint) {
      this.#hint = this.#pskMismatch("its authentication cannot be verified");
      this.#own.send(clearNotify(this.#env.crypto, NOTIFY.authenticationFailed, this.#start.icookie, this.#rcookie));
    }
    if (++this.#guesses === GUESSES) this.#end(this.#hint);
  }

  #took(p: IkeProposal, t: Transform): void {
    this.#proposal = p;
    const theirs = lifetimes(t.attributes, ...P1_LIFE).seconds;
    const ours = this.#start.policy.ikeLifetimeSeconds;
    this.#lifeSeconds = theirs === null || theirs === 0 ? ours : Math.max(60, Math.min(ours, theirs));
  }
  #vendors(c: Chain): void {
    const v = readVendorIds(all(c, PAYLOAD.vendorId));
    this.#natt = v.natt;
    this.#dpd = v.dpd;
  }
  #keyExchange(dh: DhKey): Payload[] {
    const natD =
      this.#natt === null
        ? []
        : this.#detection().payloads(this.#natt, this.#local, this.#remote, this.#start.policy.encap === "udp");
    return [{ type: PAYLOAD.ke, body: dh.publicValue }, { type: PAYLOAD.nonce, body: this.#nonce }, ...natD];
  }
  /** RFC 2409 §5: 8 to 256 bytes. */
  #readNonce(c: Chain): Uint8Array {
    const n = one(c, PAYLOAD.nonce, "nonce");
    if (n.length < 8 || n.length > 256) throw new DecodeError("bad-length", "nonce", 0);
    return n.slice();
  }
  #readNat(c: Chain): { us: boolean; peer: boolean } {
    if (this.#natt === null) return { us: false, peer: false };
    return (
      this.#detection().compare(all(c, natDType(this.#natt)), this.#local, this.#remote) ?? { us: false, peer: false }
    );
  }
  #detection(): NatDetection {
    return new NatDetection(this.#env.crypto, this.#chosen().hash, this.#start.icookie, this.#rcookie);
  }
  #natSeen(): boolean {
    return this.#nat.us || this.#nat.peer || (this.#natt !== null && this.#start.policy.encap === "udp");
  }
  #natRefused(): Failure | null {
    const { encap } = this.#start.policy;
    if (encap === "esp" && this.#natSeen()) {
      return failure("nat", `there is a NAT between us and ${this.#peer()}, but encap = esp allows raw ESP only`);
    }
    if (encap === "udp" && this.#natt === null) {
      return failure("no-natt", `${this.#peer()} does not speak NAT traversal, but encap = udp asks for it`);
    }
    return null;
  }
  #derive(gxy: Uint8Array): IkeKeys {
    const mine = this.#dh?.publicValue ?? new Uint8Array(0);
    const we = this.#start.role === "initiator";
    const keys = new IkeKeys(this.#env.crypto, this.#chosen(), {
      psk: this.#start.policy.psk,
      gxy,
      icookie: this.#start.icookie,
      rcookie: this.#rcookie,
      ni: we ? this.#nonce : this.#peerNonce,
      nr: we ? this.#peerNonce : this.#nonce,
      gxi: we ? mine : this.#peerKe,
      gxr: we ? this.#peerKe : mine,
    });
    this.#keys = keys;
    this.#iv = keys.firstIv;
    return keys;
  }
  /** HASH_I or HASH_R, RFC 2409 §5. */
  #authHash(keys: IkeKeys, of: Role, id: Uint8Array): Uint8Array {
    const mine = this.#dh?.publicValue ?? new Uint8Array(0);
    const ours = of === this.#start.role;
    const gx = ours ? [mine, this.#peerKe] : [this.#peerKe, mine];
    const { icookie } = this.#start;
    const cookies = of === "initiator" ? [icookie, this.#rcookie] : [this.#rcookie, icookie];
    return keys.auth([...gx, ...cookies, this.#saBody, id]);
  }
  #ourId(): IkeId {
    return this.#start.policy.localId ?? addressId(this.#local.address);
  }
  #chosen(): IkeProposal {
    if (!this.#proposal) throw new RangeError("main mode: no proposal yet");
    return this.#proposal;
  }

  #say(expect: number, payloads: readonly Payload[]): void {
    this.#transmit(expect, writeMessage(this.#header(payloads[0]?.type ?? 0, 0), writeChain(payloads)));
  }
  #saySealed(expect: number, keys: IkeKeys, payloads: readonly Payload[]): void {
    const sealed = keys.encrypt(this.#iv, writeChain(payloads));
    this.#iv = lastBlock(sealed, keys.block);
    this.#transmit(expect, writeMessage(this.#header(payloads[0]?.type ?? 0, FLAG.encrypted), sealed));
  }
  #header(next: number, flags: number): IsakmpHeader {
    return {
      icookie: this.#start.icookie,
      rcookie: this.#rcookie,
      next,
      exchange: EXCHANGE.identity,
      flags,
      messageId: 0,
    };
  }
  #transmit(expect: number, message: Uint8Array): void {
    this.#expect = expect;
    this.#lastOut = message;
    this.#replays = 0;
    this.#tries = 1;
    this.#timer.arm(this.#start.role === "initiator" ? (RETRY[0] as number) : HALF_OPEN_MS);
    this.#own.send(message);
  }
  #duplicate(): void {
    if (this.#start.role === "initiator" || !this.#lastOut) return; // our own timer repeats
    if (this.#replays++ < REPLAYS) this.#own.send(this.#lastOut);
    else this.#own.bad("ike.replays", "too many repetitions of one message");
  }
  #timeout(): void {
    if (this.#start.role === "responder") {
      this.#end(
        this.#hint ??
          failure(
            this.proved ? "no-answer" : UNPROVED,
            `${this.#peer()} began phase 1 and fell silent (${this.stage()})`,
          ),
      );
      return;
    }
    const wait = RETRY[this.#tries];
    if (wait === undefined) {
      this.#end(this.#hint ?? this.#silence());
      return;
    }
    this.#tries++;
    this.#timer.arm(wait);
    if (this.#lastOut) this.#own.send(this.#lastOut);
  }
  #silence(): Failure {
    if (this.#expect === 2) return failure("no-answer", `no answer from ${this.#peer()} on UDP ${this.#remote.port}`);
    if (this.#expect === 6) return this.#pskMismatch(`no answer to our authentication on UDP ${this.#remote.port}`);
    return failure("no-answer", `${this.#peer()} stopped answering during the key exchange`);
  }
  /** A guess at all times: who does not share the key cannot say so. */
  #pskMismatch(sign: string): Failure {
    return failure(
      "psk-mismatch",
      `phase 1 with ${this.#peer()} does not authenticate (${sign}): probably the pre-shared key differs`,
    );
  }
  #peer(): string {
    return this.#start.remote.address;
  }
  #ours(): string {
    return this.#start.policy.ikeProposals.map((p) => p.text).join(" ");
  }
  #end(why: Failure): void {
    this.close();
    this.#own.failed(why);
  }
}
