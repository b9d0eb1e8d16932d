// IKEv2 for one daemon: which IKE SA a message belongs to, and who may begin one. RFC 7296, 4555 (MOBIKE), 6023
// (childless), 7383 (fragments).

import { formatEndpoint } from "../../core/addr.ts";
import type { Failure } from "../../core/errors.ts";
import { hex } from "../../core/text.ts";
import type { Endpoint } from "../../ports/ports.ts";
import type { Beginning } from "../auto.ts";
import type { Ports } from "../child.ts";
import { type House, natPath } from "../house.ts";
import { failure, type IkeConnectConfig, type IkeEnv, type IkeOwner, type IkePolicy } from "../types.ts";
import { isZero } from "../wire/header.ts";
import { optional } from "../wire/payloads.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { Cookies } from "./cookies.ts";
import { clearAnswer, readFirst } from "./first.ts";
import type { IkeSa } from "./ikesa.ts";
import { Initiator } from "./initiator.ts";
import { Refused } from "./refused.ts";
import { type Accepted, Responder, type ResponderOwner } from "./responder.ts";
import { NOTIFY, notification, readNotify } from "./wire/bodies.ts";
import { EXCHANGE, FLAG, type Message, PAYLOAD, type Path, readChain, readMessage } from "./wire/message.ts";

/** With this many unfinished, whoever begins another has to show first that it hears us (RFC 7296 §2.6). */
const COOKIES_FROM = 24;
/**
 * And for so long afterwards. What a peer without a cookie sent again, before it heard that it needs one, may arrive
 * after the crowd is gone: an answer to that would be taken for one to the message with the cookie, which AUTH is over.
 */
const COOKIES_MS = 30_000;
/** A server's UDP ports: the peer's may be any. */
const SERVED: Ports = { local: 1701, remote: 0 };

export class Ikev2 {
  readonly #house: House;
  readonly #env: IkeEnv;
  readonly #cookies: Cookies;
  /** By our SPI, in hexadecimal, as are the others. */
  readonly #sas = new Map<string, IkeSa>();
  readonly #initiators = new Map<string, Initiator>();
  /** By the initiator's SPI: its first message has no other. */
  readonly #responders = new Map<string, Responder>();
  readonly #refusals = new Refused();
  /** Cookies are asked for until then. */
  #cookiesUntil = Number.NEGATIVE_INFINITY;

  constructor(house: House) {
    this.#house = house;
    this.#env = house.env;
    this.#cookies = new Cookies(house.env.clock, house.env.crypto);
  }
  get size(): number {
    return this.#sas.size;
  }

  /** IKE_SA_INIT goes out; results go to `owner`, never before this returns. */
  connect(cfg: IkeConnectConfig, owner: IkeOwner, beginning: Beginning): Connection {
    // INITIAL_CONTACT would end other links to the same peer
    const first = !this.#house.peers.at(cfg.remote).some((c) => c.client);
    const ports = { local: cfg.localPort, remote: cfg.remotePort };
    const c = this.#newConnection(cfg, owner, true, ports, natPath(cfg));
    const spi = this.#newSpi();
    const forget = (): void => {
      this.#initiators.delete(hex(spi));
    };
    const initiator = new Initiator({
      env: this.#env,
      cfg,
      spi,
      ports,
      first,
      scope: c.scope,
      owner: {
        answered: (later) => beginning.answered(later),
        doubted: () => beginning.doubted(),
        made: (sa) => {
          forget();
          this.#made(sa);
        },
        closed: (sa) => this.#closed(sa),
        up: ({ sa, agreed, ...peer }) => {
          c.authenticated(sa, peer);
          c.firstChild(agreed);
        },
        failed: (why) => {
          forget();
          c.down(why);
        },
        asked: (sa) => sa.channel.answer([notification(NOTIFY.invalidSyntax)]),
        heard: () => {},
        fault: (sa, e) => c.fault(sa, e),
      },
    });
    this.#initiators.set(hex(spi), initiator);
    c.onEnd = forget;
    c.begin(initiator);
    return c;
  }
  /** What anybody may have said about the message that began with `spi`: no IKEv2 there. */
  doubt(spi: Uint8Array, why: (remote: string) => Failure, remote: Endpoint): boolean {
    const i = this.#initiators.get(hex(spi));
    i?.doubt(why(remote.address));
    return i !== undefined;
  }
  /** Those under way without a connection. */
  close(ours: (policy: IkePolicy) => boolean): void {
    for (const r of [...this.#responders.values()]) if (ours(r.policy)) r.drop();
    this.#refusals.close((sa) => ours(sa.policy));
  }

  /** Throws DecodeError. */
  receive(datagram: Uint8Array, local: Endpoint, remote: Endpoint): void {
    const m = readMessage(datagram, { local, remote });
    const { spiI, spiR, flags, exchange } = m.header;
    const fromInitiator = (flags & FLAG.initiator) !== 0;
    const sa = this.#sas.get(hex(fromInitiator ? spiR : spiI));
    if (sa && same(sa.spiI, spiI) && same(sa.spiR, spiR)) {
      if (exchange !== EXCHANGE.init) sa.receive(m);
      return;
    }
    if (exchange !== EXCHANGE.init) this.#env.counters.bump("ike.bad-spi");
    else if (!fromInitiator) this.#initiators.get(hex(spiI))?.receive(m);
    else if (isZero(spiR) && !(flags & FLAG.response) && m.header.messageId === 0) this.#first(m);
  }
  #first(m: Message): void {
    const { env, admission, refusals } = this.#house;
    const { local, remote } = m.path;
    const { spiI } = m.header;
    const known = this.#responders.get(hex(spiI));
    if (known) return known.repeated(m);
    const served = this.#house.server(local, "v2");
    if (!served) return env.counters.bump("ike.no-policy");
    if (!this.#house.admits(m.datagram.length, remote)) return;
    const answer = (list: Parameters<typeof clearAnswer>[1]): void =>
      env.port.send(local, remote, clearAnswer({ spiI, spiR: new Uint8Array(8) }, list));
    if (this.#crowded()) {
      const chain = readChain(m.header.next, m.body);
      const nonce = optional(chain, PAYLOAD.nonce, "nonce") ?? new Uint8Array(0);
      const [n] = chain.payloads.filter((p) => p.type === PAYLOAD.notify).map((p) => readNotify(p.body));
      if (n?.type !== NOTIFY.cookie || !this.#cookies.fits(n.data, nonce, remote.address, spiI)) {
        env.counters.bump("ike.cookies");
        return answer([notification(NOTIFY.cookie, this.#cookies.make(nonce, remote.address, spiI))]);
      }
    }
    const { cfg, owner } = served;
    const first = readFirst(cfg, env.crypto, m);
    if (!first) return;
    if ("notify" in first) {
      answer([notification(first.notify, first.data)]);
      // another group is asked for: no failure
      if (first.notify !== NOTIFY.invalidKePayload) refusals.tell(owner, cfg.link, remote, first.why, false);
      return;
    }
    const r = new Responder(
      env,
      cfg,
      this.#responderOwner,
      { ...m, datagram: m.datagram.slice() },
      first,
      this.#newSpi(),
    );
    this.#responders.set(hex(spiI), r);
    admission.enter(r);
    r.begin();
  }
  #crowded(): boolean {
    const now = this.#env.clock.now();
    if (this.#house.admission.size >= COOKIES_FROM) this.#cookiesUntil = now + COOKIES_MS;
    return now < this.#cookiesUntil;
  }
  readonly #responderOwner: ResponderOwner = {
    made: (sa) => this.#made(sa),
    closed: (sa) => this.#closed(sa),
    refused: (sa) => this.#refusals.keep(sa),
    asksTurn: (r) => this.#house.admission.ask(r),
    accepted: (r, a) => this.#accepted(r, a),
    childRefused: (r, why) => this.#refused(r, why, true),
    failed: (r, why, proved) => {
      if (!why) this.#env.counters.bump("ike.half-open-expired");
      else this.#refused(r, why, proved);
    },
    gone: (r) => {
      this.#house.admission.leave(r);
      if (this.#responders.get(hex(r.spiI)) === r) this.#responders.delete(hex(r.spiI));
    },
  };
  #refused(r: Responder, why: Failure, proved: boolean): void {
    if (why.code === "psk-mismatch") this.#house.admission.guessed(r.began.address);
    this.#house.refusals.tell(this.#house.ownerOf(r.policy), r.policy.link, r.path.remote, why, proved);
  }
  #accepted({ policy }: Responder, { sa, initialContact, child, payloads, ...peer }: Accepted): void {
    const { address } = sa.remote;
    const owner = this.#house.ownerOf(policy);
    if (initialContact) this.#house.supersede(policy, address, peer.peerId.text, Number.POSITIVE_INFINITY);
    if (!owner || !this.#house.roomFor(address)) {
      child?.pair.release();
      sa.channel.answer([notification(NOTIFY.temporaryFailure)]);
      const text = `${address} already has the most connections that one peer may have`;
      this.#house.refusals.tell(owner, policy.link, sa.remote, failure("full", text), true);
      return this.#refusals.keep(sa);
    }
    this.#env.log.emit({ kind: "ike.started", link: policy.link, peer: formatEndpoint(sa.remote), role: "responder" });
    const c = this.#newConnection(policy, owner, false, SERVED, sa);
    c.authenticated(sa, peer);
    if (!child) return sa.channel.answer(payloads);
    c.install(
      child,
      "now",
      () => {
        sa.channel.answer([...payloads, ...child.payloads]);
        c.childUp(child.child);
      },
      (why) => {
        sa.channel.answer([...payloads, notification(NOTIFY.temporaryFailure)]);
        c.down(why);
      },
    );
  }
  #newConnection(policy: IkePolicy, owner: IkeOwner, client: boolean, ports: Ports, path: Path): Connection {
    const [flow, serial] = [this.#house.newFlow(), this.#house.newSerial()];
    const env = this.#env;
    const c = new Connection({
      env,
      flow,
      serial,
      policy,
      owner,
      manager: this.#connectionOwner,
      client,
      ports,
      address: path.remote.address,
    });
    this.#house.enter(c, path);
    return c;
  }
  readonly #connectionOwner: ConnectionOwner = {
    newSpi: () => this.#newSpi(),
    made: (sa) => this.#made(sa),
    closed: (sa) => this.#closed(sa),
    moved: (c) => this.#house.moved(c),
    gone: (c) => this.#house.gone(c),
  };
  #made(sa: IkeSa): void {
    this.#sas.set(hex(sa.ownSpi), sa);
  }
  #closed(sa: IkeSa): void {
    if (this.#sas.get(hex(sa.ownSpi)) === sa) this.#sas.delete(hex(sa.ownSpi));
  }
  #newSpi(): Uint8Array {
    for (;;) {
      const spi = this.#env.crypto.random(8);
      if (!isZero(spi) && !this.#sas.has(hex(spi)) && !this.#initiators.has(hex(spi))) return spi;
    }
  }
}
function same(a: Uint8Array, b: Uint8Array): boolean {
  return hex(a) === hex(b);
}
