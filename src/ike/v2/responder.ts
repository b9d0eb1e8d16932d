// The initial exchanges, as responder: RFC 7296 §1.2; the messages are in initiator.ts. Nothing is kept of a peer whose
// first message is refused, and whoever asks for Diffie-Hellman computations waits for its turn (admission.ts).
import type { Timer } from "../../core/clock.ts";
import type { Failure } from "../../core/errors.ts";
import { faultEvent } from "../../core/fault.ts";
import { contain, Scope } from "../../core/scope.ts";
import { sameBytes } from "../../core/text.ts";
import type { KeName } from "../../ports/ports.ts";
import type { HalfOpen } from "../admission.ts";
import { failure, type IkeEnv, type IkePolicy } from "../types.ts";
import { tooLong } from "../unheard.ts";
import type { IkeId } from "../wire/id.ts";
import { optional, type Payload, payload, writeChain } from "../wire/payloads.ts";
import { answerKe, IntAuth, kePayload, keValue, nextKeys } from "./addke.ts";
import {
  certificateRequest,
  ourAuth,
  peerOf,
  readSignatureHashes,
  type Signed,
  signatureHashes,
} from "./authentication.ts";
import type { Received } from "./channel.ts";
import { type Agreed, answerOffer, hasNotify, isRefusal, NONCE_BYTES } from "./childsa.ts";
import { clearAnswer, type FirstMessage } from "./first.ts";
import { IkeSa, natPayloads, readNat, type SaUser } from "./ikesa.ts";
import { natFault } from "./initiator.ts";
import { firstSeed, makeKeys } from "./keys.ts";
import { ppkAgreed, ppkIdentity, usePpk, withPpk } from "./ppk.ts";
import { NOTIFY, notification } from "./wire/bodies.ts";
import { EXCHANGE, type Message, PAYLOAD, type Path } from "./wire/message.ts";
import { writeSa } from "./wire/sa.ts";

/** A peer authenticates within this time after the first message. */
const HALF_OPEN_MS = 30_000;
/** Of an answer to IKE_AUTH, at most, besides what authenticates us. */
const REST_BYTES = 400;
/** Copies of the first message that are answered. */
const REPLAYS = 5;

/** What a peer has authenticated itself for. */
export interface Accepted {
  readonly sa: IkeSa;
  readonly peerId: IkeId;
  /** As peerOf() has it. */
  readonly unchecked: readonly Uint8Array[] | null;
  readonly initialContact: boolean;
  /** Null: without a pair of ESP SAs (RFC 6023), or it is refused. */
  readonly child: (Agreed & { readonly payloads: readonly Payload[] }) | null;
  /** Of the answer, without the pair. */
  readonly payloads: readonly Payload[];
}
export interface ResponderOwner {
  made(sa: IkeSa): void;
  closed(sa: IkeSa): void;
  /** The peer was refused: `sa` is only there for its answer to be repeated. */
  refused(sa: IkeSa): void;
  /** Diffie-Hellman: exchangeKeys() or putOff() follows. */
  asksTurn(r: Responder): void;
  /** The peer is who it has to be: answers sa.channel. */
  accepted(r: Responder, a: Accepted): void;
  /** It asks for a pair that we refuse, and is authentic. */
  childRefused(r: Responder, why: Failure): void;
  /** Null: without a word. `proved`: the peer has shown that it hears us. */
  failed(r: Responder, why: Failure | null, proved: boolean): void;
  /** It is over, whatever came of it. */
  gone(r: Responder): void;
}

export class Responder implements HalfOpen, SaUser {
  readonly policy: IkePolicy;
  readonly path: Path;
  readonly spiI: Uint8Array;
  readonly #env: IkeEnv;
  readonly #owner: ResponderOwner;
  readonly #request: Uint8Array;
  readonly #spiR: Uint8Array;
  readonly #timer: Timer;
  #first: FirstMessage | null;
  #answer: Uint8Array | null = null;
  #signed: Signed | null = null;
  /** Additional key exchanges that are still to come. */
  #addKe: readonly KeName[] = [];
  #sa: IkeSa | null = null;
  #replays = 0;
  #over = false;

  constructor(
    env: IkeEnv,
    policy: IkePolicy,
    owner: ResponderOwner,
    m: Message,
    first: FirstMessage,
    spiR: Uint8Array,
  ) {
    this.#env = env;
    this.policy = policy;
    this.#owner = owner;
    this.path = m.path;
    this.spiI = m.header.spiI.slice(); // the IKE SA has it, and would keep the whole message
    this.#request = m.datagram;
    this.#first = first;
    this.#spiR = spiR;
    const scope = new Scope(env.clock, (e) => this.#fault(e));
    this.#timer = scope.timer("ike half-open", () => this.#end(null, false));
    this.#timer.arm(HALF_OPEN_MS);
  }
  get began(): { readonly address: string } {
    return this.path.remote;
  }
  begin(): void {
    contain(
      () => this.#owner.asksTurn(this),
      (e) => this.#fault(e),
    );
  }
  /** The first message once more, or another one with its SPI. */
  repeated(m: Message): void {
    const { remote } = this.path;
    const same = m.path.remote.address === remote.address && m.path.remote.port === remote.port;
    if (!this.#answer || !same || !sameBytes(m.datagram, this.#request)) return;
    if (this.#replays++ < REPLAYS) this.#env.port.send(m.path.local, remote, this.#answer);
    else this.#env.counters.bump("ike.replays");
  }
  exchangeKeys(): void {
    contain(
      () => this.#exchangeKeys(),
      (e) => this.#fault(e),
    );
  }
  /** The peer sends its first message again. */
  putOff(): void {
    this.drop();
  }
  drop(): void {
    if (this.#over) return;
    this.#finish();
    this.#sa?.close(null);
  }
  #finish(): void {
    this.#over = true;
    this.#timer.disarm();
    this.#first = null;
    this.#signed = null;
    this.#owner.gone(this);
  }
  #end(why: Failure | null, proved: boolean): void {
    if (this.#over) return;
    this.drop();
    this.#owner.failed(this, why, proved);
  }

  // IKE_SA_INIT
  #exchangeKeys(): void {
    const first = this.#first;
    if (!first || this.#over) return;
    this.#first = null;
    const { crypto } = this.#env;
    const { policy, path } = this;
    const suite = first.choice.ours;
    const dh = crypto.dh(suite.group);
    const gir = dh.shared(first.ke);
    const spis = { spiI: this.spiI, spiR: this.#spiR };
    if (!gir) {
      const why = failure("bad-key", `${path.remote.address} sent a Diffie-Hellman value that is not acceptable`);
      return this.#end(why, false);
    }
    const nat = readNat(crypto, { ...spis, spiR: new Uint8Array(8) }, path, first.chain);
    const fault = natFault({ encap: policy.encap, remote: path.remote.address }, nat);
    if (fault) return this.#end(fault, false);
    const { ni } = first;
    const nr = crypto.random(NONCE_BYTES);
    const keys = makeKeys(crypto, suite, firstSeed(crypto, suite, gir, { ...spis, ni, nr }), { ...spis, ni, nr });
    const fragments = hasNotify(first.chain, NOTIFY.fragmentationSupported);
    const { number, transforms, addKe } = first.choice;
    const answer = clearAnswer(spis, [
      payload(PAYLOAD.sa, writeSa([{ number, protocol: 1, spi: new Uint8Array(0), transforms }])),
      kePayload(suite.group, dh.publicValue),
      payload(PAYLOAD.nonce, nr),
      ...(nat ? natPayloads(crypto, spis, path, policy.encap === "udp") : []),
      ...(fragments ? [notification(NOTIFY.fragmentationSupported)] : []),
      notification(NOTIFY.childlessSupported),
      ...(addKe.length > 0 ? [notification(NOTIFY.intermediateSupported)] : []),
      ...signatureHashes(policy),
      ...(hasNotify(first.chain, NOTIFY.usePpk) ? usePpk(policy) : []),
      ...certificateRequest(policy),
    ]);
    this.#answer = answer;
    this.#addKe = addKe;
    this.#signed = {
      env: this.#env,
      policy,
      suite,
      keys,
      request: this.#request,
      response: answer,
      ni: ni.slice(),
      nr,
      intAuth: new IntAuth(crypto, suite),
      hashes: readSignatureHashes(first.chain),
    };
    const seen = nat ?? { us: false, peer: false };
    const udp = nat !== null && (nat.us || nat.peer || policy.encap === "udp");
    // not by way of `this`: the SA would keep this exchange and its messages for as long as it lives
    const owner = this.#owner;
    const closed = (sa: IkeSa): void => owner.closed(sa);
    const own = { env: this.#env, policy, role: "responder", firstId: 1, user: this, closed } as const;
    const sa = new IkeSa({
      ...own,
      ...spis,
      ...path,
      suite,
      addKe,
      keys,
      nat: seen,
      udp,
      fragments,
    });
    this.#sa = sa;
    this.#owner.made(sa);
    this.#env.port.send(path.local, path.remote, answer);
  }

  asked(sa: IkeSa, r: Received): void {
    const [name, ...later] = this.#addKe;
    const signed = this.#signed;
    if (signed && name && r.exchange === EXCHANGE.intermediate) this.#intermediate(sa, r, signed, name, later);
    else if (signed && !name && r.exchange === EXCHANGE.auth) this.#authenticate(sa, r, signed);
    else {
      sa.bad("ike.unexpected", `exchange type ${r.exchange} before IKE_AUTH`);
      sa.channel.answer([notification(NOTIFY.invalidSyntax)]);
    }
  }

  // IKE_INTERMEDIATE; it costs no more than the computation before it, which had its turn
  #intermediate(sa: IkeSa, r: Received, signed: Signed, name: KeName, later: readonly KeName[]): void {
    const { crypto } = this.#env;
    const value = keValue(r.chain, name);
    const x = value && answerKe(crypto, name, value);
    if (!x) {
      sa.channel.answer([notification(NOTIFY.invalidSyntax)]);
      const text = `${sa.remote.address} sent a value for ${name} that is not acceptable`;
      return this.#end(failure("bad-key", text), true);
    }
    const payloads = [kePayload(name, x.value)];
    sa.channel.answer(payloads);
    signed.intAuth.add(sa.keys, r, "responder", payloads);
    sa.rekey(nextKeys(sa, x.secret, signed));
    this.#signed = { ...signed, keys: sa.keys };
    this.#addKe = later;
  }

  // IKE_AUTH
  #authenticate(sa: IkeSa, r: Received, before: Signed): void {
    // RFC 8784 §3: behind the last key exchange
    sa.keys = withPpk(this.#env, this.policy, sa.suite, before.keys);
    const signed = { ...before, keys: sa.keys };
    sa.local = r.path.local;
    sa.remote = r.path.remote;
    const { chain } = r;
    const address = sa.remote.address;
    if (!optional(chain, PAYLOAD.auth, "auth")) {
      const text = `${address} wants EAP: only pre-shared keys and certificates are supported`;
      return this.#refuse(sa, failure("mode", text));
    }
    if (!ppkAgreed(this.policy, "initiator", chain)) {
      const text = `${address} does not name the post-quantum key (ppk, RFC 8784) that is configured here`;
      return this.#refuse(sa, failure("mode", text));
    }
    const peer = peerOf(signed, "initiator", chain, sa.remote);
    if ("why" in peer) return this.#refuse(sa, peer.why);
    const asked = chain.payloads.some((p) => p.type === PAYLOAD.certReq);
    const auth = ourAuth(signed, "responder", sa.local, asked);
    if (typeof auth === "string") return this.#refuse(sa, failure("mode", `${address}: ${auth}`));
    const long = tooLong(address, writeChain(auth).length + REST_BYTES, sa.fragments);
    if (long) return this.#refuse(sa, long);
    sa.mobike = hasNotify(chain, NOTIFY.mobikeSupported);
    const wants = chain.payloads.some((p) => p.type === PAYLOAD.sa);
    const child = wants ? answerOffer(sa, chain, { ports: null, groups: false, ni: signed.ni, nr: signed.nr }) : null;
    const refusal = child && isRefusal(child) ? child : null;
    const mobike = sa.mobike ? [notification(NOTIFY.mobikeSupported)] : [];
    const payloads = [
      ...auth,
      ...mobike,
      ...ppkIdentity(this.policy, "responder"),
      ...(refusal ? [notification(refusal.notify, refusal.data)] : []),
    ];
    this.#finish();
    const initialContact = hasNotify(chain, NOTIFY.initialContact);
    const made = child && !isRefusal(child) ? child : null;
    const accept = (): void => {
      const agreed = made && { ...made.complete([]), payloads: made.payloads };
      this.#owner.accepted(this, { sa, ...peer, initialContact, child: agreed, payloads });
    };
    try {
      if (made) made.pair.guard(accept);
      else accept();
    } catch (e) {
      if (sa.user === this) sa.close(null); // no connection has it
      throw e;
    }
    if (refusal) this.#owner.childRefused(this, refusal.why);
  }
  #refuse(sa: IkeSa, why: Failure): void {
    sa.channel.answer([notification(NOTIFY.authenticationFailed)]);
    this.#finish();
    this.#owner.refused(sa);
    this.#owner.failed(this, why, true);
  }
  heard(): void {}
  fault(_: IkeSa, e: unknown): void {
    this.#fault(e);
  }
  #fault(e: unknown): void {
    this.#env.log.emit(faultEvent(this.policy.link, "an IKEv2 responder", e));
    this.#end(null, false);
  }
}
