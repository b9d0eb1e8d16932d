// What a session has of its links together: the network control protocols, the way of its packets, and the bundle
// (RFC 1990 §2). It stands while one link carries it.
import { DecodeError, type Failure } from "../core/errors.ts";
import { Packet } from "../core/packet.ts";
import type { Turns } from "../core/turns.ts";
import type { FrameChannel, LinkOptions } from "../ports/ports.ts";
import { MPPE_GROWTH, type PppConfig, type PppDeps, type PppDrop, type PppOwner, type PppUp } from "./api.ts";
import type { Authentication } from "./authentication.ts";
import { BRIDGED_HEADER, type BridgedFormat, pullBridged, pushBridged } from "./bridged.ts";
import { type Link, Links, type Seat } from "./bundle.ts";
import type { Coding } from "./coding.ts";
import { CODE } from "./cp.ts";
import { DataPath } from "./data-path.ts";
import { PROTOCOL, protocolName } from "./frame.ts";
import type { Assignment, IpcpWants } from "./ipcp.ts";
import type { Lcp } from "./lcp.ts";
import { DEFAULT_MRU } from "./lcp-options.ts";
import { Network, type NetworkEvents } from "./network.ts";
import type { Lane } from "./reassembly.ts";
import type { Report } from "./report.ts";
import { networkWants } from "./wants.ts";
import { failure } from "./words.ts";

/** Header of an Ethernet frame of a VLAN. */
const ETHERNET_TAGGED = 18;

interface UpperParts {
  readonly deps: PppDeps;
  readonly cfg: PppConfig;
  readonly owner: PppOwner;
  readonly channel: FrameChannel;
  readonly turns: Turns;
  readonly report: Report;
  readonly drops: { bump(name: PppDrop): void };
  /** Of the session's own link. */
  readonly lcp: Pick<Lcp<unknown>, "options">;
  readonly auth: Pick<Authentication<unknown>, "user" | "mppe">;
}
export interface UpperEvents<O> {
  /** Authentication in words. */
  how(o: O): string;
  /** As LCP of the session's own link agreed. */
  agreedOn(o: O): LinkOptions;
  /** IPCP negotiates again, and is done. */
  agreeing(o: O): void;
  agreed(o: O): void;
  failed(o: O, why: Failure): void;
  /** The last link has left. */
  alone(o: O, why: Failure): void;
}

export class Upper<O> {
  readonly #p: UpperParts;
  readonly #owner: O;
  readonly #on: UpperEvents<O>;
  readonly #net: Network<Upper<O>>;
  readonly path: DataPath;
  readonly links: Links;
  /** While BCP is open. */
  #bridged: BridgedFormat | null = null;

  static readonly #NET: NetworkEvents<Upper<unknown>> = {
    send: (u, protocol, p) => u.links.carrier?.send(protocol, p),
    up: (u, a) => u.#ipcpUp(a),
    down: (u) => {
      if (!u.serves) return;
      u.#on.agreeing(u.#owner);
      u.#p.turns.run(() => {
        if (u.serves) u.#p.owner.onPhase("network");
      });
    },
    failed: (u, why) => {
      if (u.serves) u.#on.failed(u.#owner, why);
    },
    bridge: (u, format) => {
      u.#bridged = format;
      u.#p.turns.run(() => u.#p.owner.onBridge?.(format && u.#bridgeMtu));
    },
    unbridged: (u, why) =>
      u.#p.report.emit({ kind: "daemon.warning", link: u.#p.cfg.link, text: `the peer bridges no frames: ${why}` }),
    ipv6: (u, ids) => u.#p.turns.run(() => u.#p.owner.onIpv6?.(ids)),
    compression: (u, sending, receiving) =>
      u.#p.report.emit({ kind: "ppp.ccp-up", link: u.#p.cfg.link, sending, receiving }),
    refused: (u, what) => u.#p.report.rejected(what),
    ignored: (u, name) => u.#p.drops.bump(`ppp.${name}`),
    limit: (u) => u.#p.lcp.options.peerMru,
  };

  constructor(p: UpperParts, owner: O, on: UpperEvents<O>) {
    this.#p = p;
    this.#owner = owner;
    this.#on = on;
    this.path = new DataPath(p.channel, p.drops, p.turns);
    this.links = new Links(this.path, this);
    this.#net = new Network<Upper<O>>(p.turns, p.deps.crypto, this, Upper.#NET);
  }
  /** A link carries network packets. */
  get serves(): boolean {
    return this.links.size > 0;
  }
  /** Network packets go by this one. */
  get channel(): FrameChannel {
    return this.links.carrier?.channel ?? this.#p.channel;
  }
  /** The endpoint discriminator of the first link's peer. */
  get endpoint(): Uint8Array | null {
    return this.#p.lcp.options.endpoint;
  }
  /** What a link's fragments came to. */
  counts(channel: FrameChannel): Lane["counts"] | null {
    return this.path.counts(channel);
  }
  get state(): string {
    return this.#net.state;
  }
  get missing(): "CCP" | "IPCP" {
    return this.#net.missing;
  }
  /** For `links`. */
  moved(): void {
    this.#p.turns.run(() => {
      if (this.serves) this.#p.owner.onMoved?.();
    });
  }

  /** The first link is there: null, or why the session cannot go on. */
  open(own: Link, wants: IpcpWants): Failure | null {
    const { cfg, deps, channel, auth } = this.#p;
    this.links.add(own);
    const { compression, mppe } = cfg;
    const asked = wants.role === "server" ? wants.bridge : cfg.bridge;
    const bridge = asked === true && channel.sendPacket !== undefined;
    const coding = compression || mppe ? this.#makeCoding() : null;
    const more = networkWants(cfg, deps, coding, mppe ? auth.mppe(cfg.role) : null, bridge);
    if ("code" in more) return more;
    this.#net.open(wants, more);
    return null;
  }
  lowerDown(): void {
    this.#net.lowerDown();
  }
  stop(): void {
    this.#net.stop();
  }
  close(): void {
    this.#bridged = null;
    this.path.close();
  }

  /** One more link for the bundle; its peer has authenticated itself. */
  join(link: Link): Seat | Failure {
    const { turns } = this.#p;
    const refused = this.serves ? this.links.add(link) : failure("bundle", "the session is not up");
    if (refused) return refused;
    this.#tell();
    return {
      input: (protocol, p) => {
        const mine = turns.busy ? Packet.of(p.view()) : p;
        turns.run(() => this.#joint(protocol, mine, link));
      },
      protocolRejected: (protocol) => turns.run(() => this.protocolRejected(protocol)),
      left: (why) => turns.run(() => this.#left(link, why)),
    };
  }
  /** By another link than the session's own. */
  #joint(protocol: number, p: Packet, by: Link): void {
    try {
      if (this.serves) this.packet(protocol, p, by);
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      this.#p.drops.bump("ppp.malformed");
    }
  }
  #left(link: Link, why: Failure): void {
    if (!this.links.remove(link)) return;
    this.#tell();
    if (!this.serves) this.#on.alone(this.#owner, why);
  }
  #tell(): void {
    const { report, cfg, auth } = this.#p;
    report.emit({ kind: "ppp.bundle", link: cfg.link, user: auth.user, links: this.links.size });
  }

  /** Of the network phase; `p` is valid during the call. May throw DecodeError. */
  packet(protocol: number, p: Packet, by: Link): void {
    const { drops, owner, report } = this.#p;
    const body = p.view();
    // Of a peer that has restarted, and has the same discriminator again: the first link is dead, and it knows of none.
    if (protocol === PROTOCOL.ipcp && body[0] === CODE.configureRequest && by !== this.links.carrier && this.#up)
      return this.#on.failed(this.#owner, failure("replaced", "the peer begins anew by another call"));
    if (this.#net.input(protocol, body)) return;
    if (protocol === PROTOCOL.bridged && this.#bridged) {
      const drop = pullBridged(p);
      if (drop) drops.bump(drop);
      else owner.onBridged?.(p);
      return;
    }
    // The data plane takes these on its own way once the link is up.
    if (protocol === PROTOCOL.ip || (protocol === PROTOCOL.ipv6 && this.#net.opened(PROTOCOL.ipv6cp))) {
      drops.bump("ppp.data");
      return;
    }
    drops.bump("ppp.unknown-protocol");
    report.rejected(protocolName(protocol));
    by.reject(protocol, body);
  }
  protocolRejected(protocol: number): void {
    if (this.serves) this.#net.protocolRejected(protocol);
  }
  /**
   * An Ethernet frame without FCS goes to the peer, in place and with HEADROOM in front; unless BCP is open it is
   * dropped.
   */
  sendBridged(frame: Packet): void {
    const drop = this.#bridged ? pushBridged(frame, this.#bridged) : "bcp.not-open";
    if (drop) this.#p.drops.bump(drop);
    else if (frame.length > this.#longest) this.#p.drops.bump("bcp.too-long");
    else this.channel.sendPacket?.(PROTOCOL.bridged, frame);
  }
  /** The longest packet that the peer takes, in bytes. */
  get #longest(): number {
    return this.path.longest ?? Math.min(this.#p.lcp.options.peerMru, this.#p.channel.mru);
  }
  /** The payload of a frame of a VLAN. */
  get #bridgeMtu(): number {
    return Math.min(DEFAULT_MRU, this.#longest - this.#growth - BRIDGED_HEADER - ETHERNET_TAGGED);
  }
  #makeCoding(): Coding | null {
    const { channel, cfg, deps, turns } = this.#p;
    const longest = Math.max(channel.mru, cfg.mrru ?? 0);
    // Packets come in outside of our turns: what they break is told in one.
    return this.path.makeCoding(deps.zlib ?? null, longest, () => turns.run(() => this.#net.askReset()));
  }
  get #growth(): number {
    const { mppe, compression } = this.#p.cfg;
    return mppe || compression?.mppc ? MPPE_GROWTH : 0;
  }
  #ipcpUp(a: Assignment): void {
    const { report, cfg, owner, turns, auth } = this.#p;
    const lcp = this.#p.lcp.options;
    this.#on.agreed(this.#owner);
    lcp.callback = false; // it does without
    report.emit({ kind: "ppp.ipcp-up", link: cfg.link, local: a.local, remote: a.remote });
    const info: PppUp = {
      ...a,
      mru: lcp.mru,
      peerMru: lcp.peerMru,
      auth: this.#on.how(this.#owner),
      user: auth.user,
      link: this.#on.agreedOn(this.#owner),
      mrru: lcp.multilink.mrruOut,
      growth: this.#growth,
    };
    turns.run(() => {
      if (this.#up) owner.onUp(info);
    });
  }
  get #up(): boolean {
    return this.serves && this.#net.opened(PROTOCOL.ipcp);
  }
}
