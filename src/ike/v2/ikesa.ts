// One IKE SA of version 2: its keys, its path, and the channel under them.

import { formatEndpoint, parseIp } from "../../core/addr.ts";
import { Scope } from "../../core/scope.ts";
import { sameBytes } from "../../core/text.ts";
import type { Crypto, Endpoint, KeName } from "../../ports/ports.ts";
import type { IkeEnv, IkeInfo, IkePolicy } from "../types.ts";
import { all, type Payload } from "../wire/payloads.ts";
import { Channel, type ChannelOwner, type Received } from "./channel.ts";
import type { ChildSaContext } from "./childsa.ts";
import { decoding } from "./decoding.ts";
import type { Keys } from "./keys.ts";
import { ppkText } from "./ppk.ts";
import { Sealing } from "./sealing.ts";
import { type Suite, saName } from "./suite.ts";
import { NOTIFY, notification, readNotify } from "./wire/bodies.ts";
import { type Chain, type Message, PAYLOAD, type Path } from "./wire/message.ts";

/** Longest datagram where both sides take fragments: it passes every path (RFC 7383 §2.5.1). */
export const FRAGMENT_BYTES = 1200;

export type Role = "initiator" | "responder";

/** Whose address is translated on the way, as NAT detection tells (RFC 7296 §2.23). */
export interface NatSeen {
  readonly us: boolean;
  readonly peer: boolean;
}
export function natName({ us, peer }: NatSeen): IkeInfo["nat"] {
  if (us) return peer ? "both" : "us";
  return peer ? "peer" : "none";
}
/** Both SPIs, 8 bytes each. */
export interface Spis {
  readonly spiI: Uint8Array;
  readonly spiR: Uint8Array;
}
function natHash(c: Crypto, { spiI, spiR }: Spis, e: Endpoint): Uint8Array {
  const address = parseIp(e.address) ?? new Uint8Array(4);
  return c.hash("sha1", [spiI, spiR, address, Uint8Array.of(e.port >>> 8, e.port)]);
}
/** RFC 7296 §2.23. `pretend` falsifies our own address, so that both sides encapsulate. */
export function natPayloads(c: Crypto, s: Spis, { local, remote }: Path, pretend: boolean): Payload[] {
  return [
    notification(NOTIFY.natSource, pretend ? c.random(20) : natHash(c, s, local)),
    notification(NOTIFY.natDestination, natHash(c, s, remote)),
  ];
}
/** Null: the peer does not support NAT traversal. */
export function readNat(c: Crypto, s: Spis, { local, remote }: Path, chain: Chain): NatSeen | null {
  const of = (type: number): Uint8Array[] =>
    all(chain, PAYLOAD.notify)
      .map(readNotify)
      .filter((n) => n.type === type)
      .map((n) => n.data);
  const [source, destination] = [of(NOTIFY.natSource), of(NOTIFY.natDestination)];
  if (source.length === 0 || destination.length === 0) return null;
  const has = (list: readonly Uint8Array[], e: Endpoint): boolean => list.some((d) => sameBytes(d, natHash(c, s, e)));
  return { us: !has(destination, local), peer: !has(source, remote) };
}

/** What serves an IKE SA: whoever authenticates it, then its connection. */
export interface SaUser {
  /** A request of the peer: sa.channel.answer() follows. */
  asked(sa: IkeSa, r: Received): void;
  /** An authentic message came. */
  heard(sa: IkeSa, m: Message): void;
  /** Rule 7: ends it. */
  fault(sa: IkeSa, e: unknown): void;
}
export interface IkeSaOptions extends Spis, Path {
  readonly env: IkeEnv;
  readonly policy: IkePolicy;
  /** Who began this IKE SA. */
  readonly role: Role;
  readonly suite: Suite;
  /** Which additional key exchanges its keys are made with. */
  readonly addKe: readonly KeName[];
  readonly keys: Keys;
  readonly nat: NatSeen;
  /** ESP goes in UDP. */
  readonly udp: boolean;
  readonly fragments: boolean;
  readonly firstId: number;
  readonly user: SaUser;
  /** It is closed, for whatever reason. */
  readonly closed: (sa: IkeSa) => void;
}

export class IkeSa implements ChannelOwner, ChildSaContext {
  readonly env: IkeEnv;
  readonly policy: IkePolicy;
  readonly role: Role;
  readonly suite: Suite;
  readonly addKe: readonly KeName[];
  /** What status calls it. */
  readonly text: string;
  readonly spiI: Uint8Array;
  readonly spiR: Uint8Array;
  readonly scope: Scope;
  readonly channel: Channel;
  readonly mostBytes: number;
  readonly fragments: boolean;
  /** Clock time. */
  readonly upAt: number;
  keys: Keys;
  local: Endpoint;
  remote: Endpoint;
  nat: NatSeen;
  udp: boolean;
  /** The peer follows UPDATE_SA_ADDRESSES (RFC 4555). */
  mobike = false;
  user: SaUser;
  readonly #closed: (sa: IkeSa) => void;
  #over = false;

  constructor(o: IkeSaOptions) {
    this.env = o.env;
    this.policy = o.policy;
    this.role = o.role;
    this.suite = o.suite;
    this.addKe = o.addKe;
    this.text = `IKEv2 ${saName(o.suite, o.addKe)}${ppkText(o.policy)}`;
    this.keys = o.keys;
    this.spiI = o.spiI;
    this.spiR = o.spiR;
    this.local = o.local;
    this.remote = o.remote;
    this.nat = o.nat;
    this.udp = o.udp;
    this.user = o.user;
    this.fragments = o.fragments;
    this.mostBytes = o.fragments ? (o.env.fragmentBytes ?? FRAGMENT_BYTES) : 0;
    this.upAt = o.env.clock.now();
    this.#closed = o.closed;
    this.scope = new Scope(o.env.clock, (e) => this.user.fault(this, e));
    this.channel = new Channel(this, o.firstId, this.#sealing(true), this.#sealing(false));
  }
  /** As role says. */
  get weBegan(): boolean {
    return this.role === "initiator";
  }
  #sealing(ours: boolean): Sealing {
    const side = ours === this.weBegan ? "initiator" : "responder";
    return new Sealing(this.env.crypto, this.suite, this.keys[side]);
  }
  /** An additional key exchange before IKE_AUTH is over. */
  rekey(keys: Keys): void {
    this.keys = keys;
    this.channel.rekey(this.#sealing(true), this.#sealing(false));
  }
  get translated(): boolean {
    return this.nat.us || this.nat.peer;
  }
  get over(): boolean {
    return this.#over;
  }
  /** The SPI that the peer's messages carry for us to find this SA by. */
  get ownSpi(): Uint8Array {
    return this.weBegan ? this.spiI : this.spiR;
  }
  /** Throws DecodeError. */
  receive(m: Message): void {
    if (!this.#over) decoding(this.scope, () => this.channel.receive(m));
  }
  /** `last`: the payloads of a request that says so, or null. */
  close(last: readonly Payload[] | null): void {
    if (this.#over) return;
    this.#over = true;
    try {
      this.channel.close(last);
    } finally {
      this.#closed(this);
    }
  }

  // The channel's owner
  send(message: Uint8Array, { local, remote }: Path): void {
    this.env.port.send(local, remote, message);
  }
  asked(r: Received): void {
    this.user.asked(this, r);
  }
  authentic(m: Message): void {
    this.user.heard(this, m);
  }
  bad(counter: string, what: string): void {
    const peer = formatEndpoint(this.remote);
    this.env.counters.bump(counter);
    this.env.log.emit({ kind: "peer.bad", link: this.policy.link, layer: "ike", peer, what });
  }
}
