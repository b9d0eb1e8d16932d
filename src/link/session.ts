// One user's session at a server: a call, PPP in it, an address and routes on the server's netdev.

import type { ServerConfig } from "../config/schema.ts";
import type { Timer } from "../core/clock.ts";
import { addTraffic, restOfTraffic } from "../core/counters.ts";
import { isoTime } from "../core/date.ts";
import { type Failure, failure } from "../core/failures.ts";
import { LazySet } from "../core/lazy.ts";
import { Packet } from "../core/packet.ts";
import type { L2tpRemote, NetPlane, ServerInterface, TrafficCounters, UserInterface } from "../dataplane/dataplane.ts";
import { UserRouter } from "../ipv6/router.ts";
import type { Call } from "../l2tp/call.ts";
import { PPP_IPV6 } from "../packet/ppp.ts";
import type { FrameChannel } from "../ports/ports.ts";
import type { Joinable, PppConfig, PppUp } from "../ppp/api.ts";
import { sameEnd } from "../ppp/bundle.ts";
import type { Assignment } from "../ppp/ipcp.ts";
import type { Ipv6Ids } from "../ppp/ipv6cp.ts";
import type { Proxied } from "../ppp/proxied.ts";
import type { Limits } from "../radius/grant.ts";
import { type Account, SessionAccount } from "./account.ts";
import type { Callers } from "./callers.ts";
import type { LinkDeps } from "./deps.ts";
import { Ladder, type LadderOptions, type LadderOwner } from "./ladder.ts";
import type { Prefixes } from "./prefixes.ts";
import { proxiedOf } from "./proxied.ts";
import type { RadiusSeat } from "./radius.ts";
import { BridgeRung, type BridgeUser, portName } from "./rungs/bridge.ts";
import { CallRung } from "./rungs/call.ts";
import { NetdevRung, type NetdevUser } from "./rungs/netdev.ts";
import { PppRung, type PppUser } from "./rungs/ppp.ts";
import { mrruOf } from "./settings.ts";
import type { MemberStatus, SessionStatus, Traffic } from "./status.ts";

/** The server of a session, one for all of them. */
export interface SessionHost {
  readonly cfg: ServerConfig;
  readonly deps: LinkDeps;
  readonly callers: Callers;
  readonly ladder: LadderOptions;
  pppConfig(mru: number): PppConfig;
  readonly sessions: Seats;
  /** As PppUser.watched(). */
  watched?(channel: FrameChannel, runs: boolean): void;
  /** Where the peer of a call is by now: its way may have changed under the session. */
  addressOf(remote: L2tpRemote): string;
  /** A call from `peer` ended before it was a session. */
  failed(peer: string, why: Failure): void;
}
/** All sessions of a server. */
interface Seats {
  /** An address for a user who has authenticated himself, or why there is none. */
  admit(s: Session, user: Account): string | Failure;
  /** What else admit() gave. */
  prefixesOf(s: Session): Prefixes;
  /** What admit() gave is not needed any more. */
  release(s: Session, ip: string, user: Account): void;
  /** As Sessions.bundleOf(). */
  bundleOf(s: Session, user: Account): Session | Failure | null;
  joined(s: Session): void;
  /** Called once, last. */
  remove(s: Session): void;
  readonly counters: { bump(name: "ipv6.too-often" | "ipv6.malformed"): void };
}
interface SessionPlace {
  readonly server: ServerInterface;
  readonly remote: L2tpRemote;
  readonly mtu: number;
}
/** Time to authenticate: from the call to the first address, and again whenever PPP renegotiates. */
const AUTHENTICATE_MS = 30_000;
const ASYNC = 2; // framing type, RFC 2661 §4.4.4
const NO_TRAFFIC: TrafficCounters = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
const NONE: readonly string[] = []; // of all sessions
let lastId = 0; // for people and the control API; not a secret, never on the wire

export class Session implements LadderOwner, PppUser, NetdevUser, BridgeUser {
  readonly id = ++lastId;
  readonly callOwner: CallRung;
  readonly ppp: PppRung;
  readonly #bridged: BridgeRung;
  readonly #netdev: NetdevRung;
  readonly #ladder: Ladder;
  readonly #host: SessionHost;
  readonly #at: SessionPlace;
  /** Runs until the caller has authenticated. */
  #deadline: Timer | null = null;
  #config: Account | null = null;
  readonly seat: RadiusSeat | null;
  #ip: string | null = null;
  /** While IPv6 passes, and there is something to tell. */
  #router: UserRouter | null = null;
  /** On the clock of timers: when its call began. */
  readonly since: number;
  #since = 0;
  /** On the clock of timers. */
  #upAt = 0;
  /** At RADIUS, where the server has that. */
  #account: SessionAccount | null = null;
  /** session.up was emitted, session.down was not. */
  #announced = false;
  /** Its counters stay, also when it has left the netdev; and those of a call that another has taken the place of. */
  #counted: UserInterface | null = null;
  #countedAt: FrameChannel | null = null;
  #before: TrafficCounters = NO_TRAFFIC;
  /** The peer's end of its link, where that has Multilink. */
  #end: { readonly endpoint: Uint8Array | null } | null = null;
  /** Further calls in this session's bundle; or the session whose bundle this call is in. */
  readonly #members = new LazySet<Session>();
  #head: Session | null = null;
  /** Links that have been in its bundle: RADIUS waits for so many stops (RFC 2866 §5.12). */
  #seen = 1;
  /** What this call had carried when it was last looked at. */
  #carried: TrafficCounters = NO_TRAFFIC;
  /** What members that have left had carried. */
  #left: TrafficCounters = NO_TRAFFIC;
  /** It became a session, or its failure was reported. */
  #told = false;

  constructor(host: SessionHost, at: SessionPlace) {
    this.#host = host;
    this.#at = at;
    this.since = host.deps.clock.now();
    this.seat = host.callers.radius?.seat({ ...placeOf(at), port: this.id }) ?? null;
    this.#ladder = new Ladder(host.ladder, this);
    this.callOwner = new CallRung(this.#ladder, this);
    this.ppp = new PppRung(this.#ladder, host.deps, this);
    this.#bridged = new BridgeRung(this.#ladder, this.ppp, this);
    this.#netdev = new NetdevRung(this.#ladder, this.ppp, this);
    this.#ladder.climb([this.callOwner, this.ppp, this.#bridged, this.#netdev]);
  }
  get user(): string | null {
    return this.#config?.name ?? null;
  }
  get ip(): string | null {
    return this.#ip;
  }
  /** The peer's interface identifier while IPV6CP is open. */
  get id6(): Uint8Array | null {
    return this.ppp.ids?.remote ?? null;
  }
  /** Ends the session politely: PPP, then the call. Its address is free at once. */
  end(why: Failure): void {
    this.#ladder.fail(why);
  }
  /** Ends the session at once: closes the call without an LCP Terminate-Request. */
  drop(why: Failure): void {
    this.#ladder.lost(this.callOwner, why);
  }

  get channel(): FrameChannel {
    return this.#established.channel;
  }
  watched(channel: FrameChannel, runs: boolean): void {
    this.#host.watched?.(channel, runs);
  }
  /** The call that network packets go by. */
  get #carrier(): Call | null {
    const by = this.ppp.joinable?.channel;
    const calls = [this, ...this.#members].flatMap((s) => s.callOwner.call ?? []);
    return calls.find((c) => c.channel === by) ?? calls[0] ?? null;
  }
  get #established(): Call {
    const call = this.#carrier;
    if (!call) throw new RangeError("PPP without a call");
    return call;
  }
  /** Calls in its bundle. */
  get links(): number {
    return this.#members.size + (this.callOwner.call ? 1 : 0);
  }
  /** Whether both calls are links of one system: without discriminators, one with the same address. */
  sameSystem(other: Session): boolean {
    const [a, b] = [this.#end, other.#end];
    if (!a || !b || !sameEnd(a.endpoint, b.endpoint)) return false;
    return a.endpoint !== null || this.place === other.place;
  }
  joins(user: Account, endpoint: Uint8Array | null): Joinable | Failure | null {
    this.#end = { endpoint };
    const head = this.#host.sessions.bundleOf(this, user);
    if (!head || "code" in head) return head;
    const to = head.ppp.joinable;
    if (!to) return null;
    return {
      join: (link) => {
        const seat = to.join(link);
        if (!("code" in seat)) this.#joined(head, user, to.counts(link.channel) ?? NO_TRAFFIC);
        return seat;
      },
    };
  }
  /** `counts` go on. */
  #joined(head: Session, user: Account, counts: TrafficCounters): void {
    this.#head = head;
    this.#carried = counts;
    head.#members.add(this);
    head.#seen++;
    this.#told = true;
    this.#since = this.#host.deps.host.wallClock();
    this.#host.sessions.joined(this);
    this.#accountFor(user, head.#ip ?? "");
  }
  /** A member's call is over; called again it is nothing. */
  lose(member: Session): void {
    if (this.#members.delete(member)) this.#left = addTraffic(this.#left, member.#own);
  }
  /** Its call alone is over. */
  onLinkDown(why: Failure): void {
    const { call } = this.callOwner;
    call?.contain(() => call.close(why));
  }
  get callers(): Callers {
    return this.#host.callers;
  }
  /** Where the call came from. */
  get place(): string {
    return this.#at.remote.address;
  }
  pppConfig(): PppConfig {
    return this.#host.pppConfig(this.#at.mtu);
  }
  assign(user: Account): Assignment | Failure {
    const ip = this.#host.sessions.admit(this, user);
    if (typeof ip !== "string") return ip;
    this.#config = user;
    this.#ip = ip;
    const { local_ip: local, dns, wins } = this.#host.cfg;
    return { local, remote: ip, dns: dns ?? NONE, wins: wins ?? NONE, bridge: this.bridge() !== null };
  }
  onPhase(phase: "establish" | "authenticate" | "network"): void {
    if (phase === "network") this.#disarm();
    else if (!this.#deadline) this.#arm();
  }

  get proxied(): Proxied | string | null {
    return this.#host.cfg.proxy_auth ? proxiedOf(this.#established.connected) : null;
  }
  onExpired(ms: number): void {
    this.#deadline?.arm(ms);
  }

  get net(): NetPlane {
    return this.#host.deps.plane.net;
  }
  bridge(): ReturnType<BridgeUser["bridge"]> {
    const name = this.#config?.bridge ?? this.#host.cfg.bridge;
    return name === null ? null : { name, port: portName(this.ifname, this.id) };
  }
  get ifname(): string {
    return this.#at.server.ifname;
  }
  get mtu(): number {
    return this.#at.mtu;
  }
  attach(info: PppUp, mtu: number): Promise<UserInterface> {
    const call = this.#established;
    if (this.#ip === null) throw new RangeError("PPP came up without an admitted user");
    // A LAC with an asynchronous line does the framing: it must know what LCP agreed on (RFC 2661 §6.14).
    if (((call.connected.framingType ?? 0) & ASYNC) !== 0) call.setLinkInfo(info.link.sendAccm, info.link.recvAccm);
    const { prefix: own, delegated } = this.#prefixes;
    const networks = [...(this.#config?.routes ?? NONE), own, delegated].filter((n) => n !== null);
    const routes = [...new Set(networks)].map((prefix) => ({ prefix }));
    // The netdev's is for those with Multilink.
    const less = mrruOf(this.#host.cfg) === null || info.mrru !== null ? undefined : mtu;
    const asked = own === null && delegated === null ? undefined : (p: Packet): void => this.#router?.input(p.view());
    return this.#at.server.attach(call.channel, this.#ip, routes, less, asked).then((net) => {
      if (this.#countedAt !== call.channel) this.#before = this.#usage;
      this.#counted = net;
      this.#countedAt = call.channel;
      this.#account?.change({});
      return net;
    });
  }
  get sharer(): string {
    return this.user ?? "";
  }
  get #prefixes(): Prefixes {
    return this.#host.sessions.prefixesOf(this);
  }
  onIpv6(ids: Ipv6Ids | null): void {
    this.#router?.close();
    this.#router = null;
    const { prefix, delegated } = this.#prefixes;
    const channel = this.ppp.joinable?.channel;
    if (!ids || !channel || (prefix === null && delegated === null)) return;
    const { cfg, sessions } = this.#host;
    const deps = {
      clock: this.#ladder.scope,
      send: (packet: Uint8Array): void => channel.sendPacket?.(PPP_IPV6, Packet.of(packet)),
      drop: (why: "ipv6.too-often" | "ipv6.malformed"): void => sessions.counters.bump(why),
    };
    this.#router = new UserRouter(deps, { id: ids.local, prefix, delegated, dns: cfg.ipv6_dns ?? NONE });
  }

  onUp(): void {
    this.#open();
    this.#since = this.#host.deps.host.wallClock();
    this.#upAt = this.#host.deps.clock.now();
    this.#announced = this.#told = true;
    this.#host.deps.log.emit({
      kind: "session.up",
      link: this.#host.cfg.name,
      user: this.user ?? "",
      ip: this.#ip ?? "",
      peer: this.place,
      session: this.id,
    });
  }
  /** The address is free from now on: the same user may be calling again, and must not wait for our goodbye. */
  onEnding(why: Failure): void {
    if (!this.#told && why.layer !== "config") this.#host.failed(this.place, why);
    this.#told = true;
    const announced = this.#announced;
    this.#announced = false;
    this.#disarm();
    const ip = this.#ip;
    this.#ip = null;
    this.#account?.stop(why);
    this.#account = null;
    this.#head?.lose(this);
    try {
      if (announced) this.#tellDown(why, ip ?? "");
    } finally {
      if (ip !== null && this.#config) this.#host.sessions.release(this, ip, this.#config);
    }
  }
  /** Once: who renegotiates goes on. */
  #open(): void {
    if (this.#config && this.#ip !== null) this.#accountFor(this.#config, this.#ip);
  }
  #accountFor(user: Account, ip: string): void {
    const { radius } = this.#host.callers;
    const at = radius && this.seat && { books: radius.books, caller: this.seat.caller };
    if (this.#account || (!at && !user.session_timeout && !user.idle_timeout)) return; // most have nothing to keep
    this.#account = new SessionAccount(this.#ladder.scope, user, at, {
      ip,
      prefixes: this.#prefixes,
      usage: () => this.#own,
      multi: () => this.#multi,
      slow: (r) => {
        if (!this.#head) this.#carrier?.channel.setRate?.(bytesOf(r?.from), bytesOf(r?.to));
      },
      end: (why) => this.end(why),
    });
  }
  /** Acct-Multi-Session-Id is the Acct-Session-Id of the call that the session began with. */
  get #multi(): { readonly id: string; readonly links: number } | null {
    const head = this.#head ?? this;
    return head.#end && head.seat ? { id: head.seat.caller.session, links: head.#seen } : null;
  }
  /** Packets of all links. */
  get #usage(): TrafficCounters {
    return this.#counted ? addTraffic(this.#before, this.#counted.counters()) : NO_TRAFFIC;
  }
  /** Of this call: a member's fragments; of the session's own call, what no member has carried. */
  get #own(): TrafficCounters {
    if (this.#head) return { ...this.#carried };
    let others = this.#left;
    for (const m of this.#members) others = addTraffic(others, m.#own);
    this.#carried = restOfTraffic(this.#usage, others, this.#carried);
    return this.#carried;
  }
  /** As RADIUS asks (RFC 5176). */
  disconnect(server: string): void {
    this.end(failure("disconnected", `disconnected by the RADIUS server ${server}`));
  }
  change(limits: Partial<Limits>): void {
    this.#account?.change(limits);
  }
  onEnd(_why: Failure): void {
    this.#host.sessions.remove(this);
  }
  #tellDown(why: Failure, ip: string): void {
    const { deps, cfg } = this.#host;
    const { rx_bytes: rxBytes, tx_bytes: txBytes } = this.traffic;
    deps.log.emit({
      kind: "session.down",
      link: cfg.name,
      user: this.user ?? "",
      ip,
      peer: this.#host.addressOf(this.#at.remote),
      session: this.id,
      seconds: Math.round((deps.clock.now() - this.#upAt) / 1000),
      rxBytes,
      txBytes,
      code: why.code,
      text: why.text,
    });
  }

  #arm(): void {
    this.#deadline = this.#ladder.scope.timer("session", () => {
      this.end(failure("auth-timeout", `the caller did not authenticate within ${AUTHENTICATE_MS / 1000} s`));
    });
    this.#deadline.arm(AUTHENTICATE_MS);
  }
  #disarm(): void {
    this.#deadline?.disarm();
    this.#deadline = null;
  }

  /** So far; its last when it is over. */
  get traffic(): Traffic {
    const t = this.#usage;
    return { rx_bytes: t.rxBytes, tx_bytes: t.txBytes, rx_packets: t.rxPackets, tx_packets: t.txPackets };
  }
  get #place(): { tunnel: number; call: number } {
    const { call } = this.callOwner;
    return { tunnel: call?.tunnel.id ?? 0, call: call?.id ?? 0 };
  }
  #linkStatus(): MemberStatus {
    const peer = this.#host.addressOf(this.#at.remote);
    return { session: this.id, since: isoTime(this.#since), peer, ...this.#place };
  }
  status(): SessionStatus {
    const { prefix, delegated } = this.#prefixes;
    const { filter = null, rate = null } = this.#account?.limits ?? {};
    const call = this.#carrier;
    return {
      session: this.id,
      user: this.user ?? "",
      ip: this.#ip ?? "",
      ifname: this.#netdev.net?.ifname ?? "",
      ip6: this.#netdev.ip6,
      bridge: this.#bridged.joined,
      since: isoTime(this.#since),
      peer: this.#host.addressOf(this.#at.remote),
      auth: this.ppp.info?.auth ?? "",
      ...this.#place,
      ...(this.#members.size === 0 ? {} : { links: [...this.#members].map((m) => m.#linkStatus()) }),
      ...this.traffic,
      ...(prefix === null ? {} : { ipv6_prefix: prefix }),
      ...(delegated === null ? {} : { ipv6_delegated_prefix: delegated }),
      ...(call?.lineErrors ? { line_errors: call.lineErrors } : {}),
      ...(filter === null ? {} : { filter }),
      ...(rate === null ? {} : { rate: rate.text, rate_enforced: call?.channel.setRate !== undefined }),
    };
  }
}

/** A second, of a rate in bits; a rate below one byte is one byte. */
function bytesOf(bits = 0): number {
  return bits === 0 ? 0 : Math.max(1, Math.floor(bits / 8));
}
/** An address of our own that is any address tells nobody anything. */
function placeOf({ remote, mtu }: SessionPlace): { from: string; at: string; mtu: number } {
  const { address, localAddress } = remote;
  return { from: address, at: localAddress === "0.0.0.0" || localAddress === "::" ? "" : localAddress, mtu };
}
