// One PPP session: the phases of RFC 1661 §3 around LCP, authentication and IPCP.
// Implements RFC 1661, 1332, 1334, 1570 (Identification, Time-Remaining), 1877, 1994, 2433, 2759, 3748 (MD5,
// MS-CHAPv2), 5072; on channels whose packets visit us 1144, 1962, 1977, 1979, 1989 (reports are given, not asked for),
// 2118, 3078, and 1990 over one call; 3518. Left out: SPAP (Nak'd with what we do), callback (rejected by the
// protocols' rules).
import type { Clock, Timer } from "../core/clock.ts";
import { Counters } from "../core/counters.ts";
import type { Failure } from "../core/errors.ts";
import { internal } from "../core/fault.ts";
import { Packet } from "../core/packet.ts";
import { allOf } from "../core/scope.ts";
import { utf8 } from "../core/text.ts";
import { Turns } from "../core/turns.ts";
import { printable } from "../core/words.ts";
import type { FrameChannel, LineCounts } from "../ports/ports.ts";
import { Admission } from "./admission.ts";
import { MPPE_GROWTH, type PppConfig, type PppDeps, type PppDrop, type PppOwner, type PppUp } from "./api.ts";
import { methodTitle } from "./auth/methods.ts";
import { Authentication, type AuthenticationEvents } from "./authentication.ts";
import { BRIDGED_HEADER, type BridgedFormat, pullBridged, pushBridged } from "./bridged.ts";
import type { Coding } from "./coding.ts";
import { DataPath } from "./data-path.ts";
import { FULL_HEADER, type HeaderOptions, PROTOCOL, protocolName, pushProtocol } from "./frame.ts";
import { Intake, type IntakeEvents } from "./intake.ts";
import type { Assignment } from "./ipcp.ts";
import { Lcp, type LcpEvents } from "./lcp.ts";
import { DEFAULT_MRU } from "./lcp-options.ts";
import { Network, type NetworkEvents } from "./network.ts";
import { type Proxied, takeOver } from "./proxied.ts";
import { LinkQuality } from "./quality.ts";
import { endedByPeer, noAnswer, type Phase, tookTooLong } from "./reasons.ts";
import { Report } from "./report.ts";
import { lcpWants, networkWants } from "./wants.ts";
import { failure } from "./words.ts";

const NO_ECHOES = { answered: 0, agoMs: 0 } as const;
/** A phase that lasts longer than this goes nowhere, however busily the peer answers. */
const PHASE_MS = 60_000;
/** After a Terminate-Request in the middle of negotiation: time for the peer to begin anew. */
const AFTER_TERMINATE_MS = 7000;
/** Header of an Ethernet frame of a VLAN. */
const ETHERNET_TAGGED = 18;

export class PppSession {
  readonly #deps: PppDeps;
  readonly #channel: FrameChannel;
  readonly #cfg: PppConfig;
  readonly #owner: PppOwner;
  readonly #lcp: Lcp<PppSession>;
  readonly #auth: Authentication<PppSession>;
  readonly #deadline: Timer;
  readonly #drops = new Counters<PppDrop>();
  readonly #report: Report;
  readonly #net: Network<PppSession>;
  #phase: Phase = "dead";
  #why: Failure | null = null;
  #peerWords: string | null = null;
  readonly #admission: Admission;
  #header: HeaderOptions = FULL_HEADER;
  #configured = false;
  readonly #intake: Intake<PppSession>;
  readonly #turns: Turns;
  readonly #path: DataPath;
  /** While BCP is open. */
  #bridged: BridgedFormat | null = null;
  readonly #quality: LinkQuality | null;

  static readonly #LCP: LcpEvents<PppSession> = {
    send: (s, p) => s.#send(PROTOCOL.lcp, p),
    up: (s) => s.#lcpUp(),
    down: (s) => s.#lcpDown(),
    finished: (s) => s.#lcpFinished(),
    failed: (s, why) => s.#fail(why),
    terminated: (s, text) => s.#lcpTerminated(text),
    ignored: (s, name) => s.#drops.bump(`ppp.${name}`),
    protocolRejected: (s, protocol) => s.#protocolRejected(protocol),
    identified: (s, text) => s.#report.emit({ kind: "ppp.identification", link: s.#cfg.link, text }),
    echoes: (s) => s.#channel.echoes?.() ?? NO_ECHOES,
    received: (s) => s.#channel.received?.() ?? 0,
    optionRefused: (s, name) => s.#report.rejected(`LCP option: ${name}`),
  };
  static readonly #INTAKE: IntakeEvents<PppSession> = {
    phase: (s) => s.#phase,
    packet: (s, protocol, p) => s.#dispatch(protocol, p),
    fault: (s, e) => s.#fault(e),
  };
  static readonly #AUTH: AuthenticationEvents<PppSession> = {
    send: (s, protocol, p) => s.#send(protocol, p),
    unexpected: (s) => s.#drops.bump("ppp.unexpected-auth"),
    event: (s, user, method, ok, text) =>
      s.#report.emit({ kind: "ppp.auth", link: s.#cfg.link, user: printable(user), method, ok, text }),
    expired: (s, ms) => {
      s.#deadline.arm(ms);
      s.#turns.run(() => s.#owner.onExpired?.(ms));
    },
    renewed: (s) => s.#turns.run(() => s.#owner.onRenewed?.()),
    done: (s) => s.#network(),
    failed: (s, why) => s.#fail(why),
  };
  static readonly #NET: NetworkEvents<PppSession> = {
    send: (s, protocol, p) => s.#send(protocol, p),
    up: (s, a) => s.#ipcpUp(a),
    down: (s) => {
      if (s.#phase === "network") s.#enter("network");
    },
    failed: (s, why) => {
      if (s.#phase === "network") s.#fail(why);
    },
    bridge: (s, format) => {
      s.#bridged = format;
      s.#turns.run(() => s.#owner.onBridge?.(format && s.#bridgeMtu));
    },
    unbridged: (s, why) =>
      s.#report.emit({ kind: "daemon.warning", link: s.#cfg.link, text: `the peer bridges no frames: ${why}` }),
    ipv6: (s, ids) => s.#turns.run(() => s.#owner.onIpv6?.(ids)),
    compression: (s, sending, receiving) =>
      s.#report.emit({ kind: "ppp.ccp-up", link: s.#cfg.link, sending, receiving }),
    refused: (s, what) => s.#report.rejected(what),
    ignored: (s, name) => s.#drops.bump(`ppp.${name}`),
    limit: (s) => s.#lcp.options.peerMru,
  };

  constructor(deps: PppDeps, channel: FrameChannel, cfg: PppConfig, owner: PppOwner) {
    this.#deps = deps;
    this.#report = new Report(deps.clock, deps.log, cfg.link);
    this.#channel = channel;
    this.#cfg = cfg;
    this.#owner = owner;
    const turns = new Turns(deps.clock, (e) => this.#fault(e));
    this.#turns = turns;
    const wants = lcpWants(cfg, channel, deps.crypto);
    this.#lcp = new Lcp({ clock: turns, rng: deps.crypto, wants, echo: cfg.echo }, this, PppSession.#LCP);
    this.#auth = new Authentication(
      { clock: turns, crypto: deps.crypto, tls: deps.tls ?? null, challenges: deps.challenges, users: owner },
      cfg,
      this,
      PppSession.#AUTH,
    );
    this.#admission = new Admission(cfg, owner);
    this.#path = new DataPath(channel, this.#drops);
    const parts = { turns, channel, lcp: this.#lcp, drops: this.#drops, report: this.#report };
    this.#intake = new Intake(parts, this, PppSession.#INTAKE);
    this.#net = new Network(turns, deps.crypto, this, PppSession.#NET);
    const counts = channel.counts?.bind(channel);
    this.#quality = counts ? this.#makeQuality(turns, counts) : null;
    this.#deadline = turns.timer("ppp-phase", () => this.#deadlinePassed());
    channel.onDown = (why) => this.lowerDown(failure("lower-down", why));
  }

  /** The layer below is up; frames that came earlier are looked at now. `proxied`: as in takeOver(). */
  start(proxied: Proxied | string | null = null): void {
    this.#turns.run(() => {
      if (this.#phase !== "dead") return;
      this.#enter("establish");
      const { protocol } = this.#lcp;
      protocol.open();
      if (!takeOver(proxied, { lcp: protocol, auth: this.#auth, report: this.#report })) protocol.lowerUp();
      this.#intake.start();
    });
  }
  /** Terminate-Request; onDown follows its acknowledgement, or silence after two tries. */
  stop(why: Failure): void {
    this.#turns.run(() => this.#fail(why));
  }
  /** The layer below is gone: nothing is sent, onDown follows at once. */
  lowerDown(why: Failure): void {
    this.#turns.run(() => {
      if (this.#phase === "over") return;
      this.#why ??= this.#peerEnded() ?? why;
      this.#end();
    });
  }
  /** Data of any kind came from the peer. Cheap enough for every batch. */
  activity(): void {
    this.#lcp.activity();
  }
  /** As Lcp.probe(). */
  probe(length: number, answered: () => void): void {
    this.#turns.run(() => this.#lcp.probe(length, () => this.#turns.run(answered)));
  }
  status(): { phase: Phase; lcp: string; ipcp: string; auth: string; user: string; mru: number; peerMru: number } {
    return {
      phase: this.#phase,
      lcp: this.#lcp.protocol.state,
      ipcp: this.#net.state,
      auth: this.#authWords(),
      user: this.#auth.user,
      mru: this.#lcp.options.mru,
      peerMru: this.#lcp.options.peerMru,
    };
  }
  /**
   * An Ethernet frame without FCS goes to the peer, in place and with HEADROOM in front; unless BCP is open it is
   * dropped.
   */
  sendBridged(frame: Packet): void {
    const drop = this.#bridged ? pushBridged(frame, this.#bridged) : "bcp.not-open";
    if (drop) this.#drops.bump(drop);
    else if (frame.length > this.#longest) this.#drops.bump("bcp.too-long");
    else this.#channel.sendPacket?.(PROTOCOL.bridged, frame);
  }
  /** The longest packet that the peer takes, in bytes. */
  get #longest(): number {
    return this.#path.longest ?? Math.min(this.#lcp.options.peerMru, this.#channel.mru);
  }
  /** The payload of a frame of a VLAN. */
  get #bridgeMtu(): number {
    return Math.min(DEFAULT_MRU, this.#longest - this.#growth - BRIDGED_HEADER - ETHERNET_TAGGED);
  }
  /** What was ignored, by name. */
  drops(): Record<string, number> {
    return this.#drops.snapshot();
  }

  /** RFC 1661 §3.4 to §3.6: which protocols are heard in which phase. */
  #dispatch(protocol: number, p: Packet): void {
    const body = p.view();
    if (protocol === PROTOCOL.lcp) {
      this.#lcp.protocol.input(body);
      return;
    }
    if (!this.#lcp.protocol.opened) {
      this.#drops.bump("ppp.before-auth");
      return;
    }
    if (protocol === PROTOCOL.lqr && this.#quality?.running) return this.#quality.input(body);
    if (protocol === PROTOCOL.pap || protocol === PROTOCOL.chap || protocol === PROTOCOL.eap) {
      if (this.#auth.input(protocol, body)) return;
    }
    if (this.#phase !== "network") {
      this.#drops.bump("ppp.before-auth");
      return;
    }
    if (this.#net.input(protocol, body)) return;
    if (protocol === PROTOCOL.bridged && this.#bridged) {
      const drop = pullBridged(p);
      if (drop) this.#drops.bump(drop);
      else this.#owner.onBridged?.(p);
      return;
    }
    // The data plane takes these on its own way once the link is up.
    if (protocol === PROTOCOL.ip || (protocol === PROTOCOL.ipv6 && this.#net.opened(PROTOCOL.ipv6cp))) {
      this.#drops.bump("ppp.data");
      return;
    }
    this.#drops.bump("ppp.unknown-protocol");
    this.#report.rejected(protocolName(protocol));
    this.#lcp.sendProtocolReject(protocol, body);
  }

  #send(protocol: number, packet: Uint8Array): void {
    if (this.#phase === "over") return;
    const p = Packet.of(packet);
    pushProtocol(p, protocol, protocol === PROTOCOL.lcp ? FULL_HEADER : this.#header);
    this.#channel.send(p);
  }

  #enter(phase: "establish" | "authenticate" | "network"): void {
    this.#phase = phase;
    this.#deadline.arm(PHASE_MS);
    this.#turns.run(() => {
      if (this.#phase === phase) this.#owner.onPhase(phase);
    });
  }

  #lcpUp(): void {
    if (this.#phase !== "establish") return;
    const o = this.#lcp.options;
    const link = o.link();
    this.#header = link;
    this.#configured = true;
    this.#peerWords = null;
    this.#channel.configure(link);
    this.#path.open(o.multilink, link);
    // What we required is agreed on here, or LCP would not have opened; a mistake of ours must not let anybody in.
    if (this.#cfg.require.length > 0 && o.peerAuth === null) {
      this.#fail(failure("auth-refused", "the peer refuses to authenticate itself", true));
      return;
    }
    if (o.reportMs !== null) this.#quality?.start(o.reportMs);
    this.#auth.prepare(o.ourAuth, o.peerAuth);
    const { link: name } = this.#cfg;
    this.#report.emit({ kind: "ppp.lcp-up", link: name, mru: o.mru, peerMru: o.peerMru, auth: this.#authWords() });
    const { mrruIn, mrruOut } = o.multilink;
    if (mrruIn !== null && mrruOut !== null)
      this.#report.emit({ kind: "ppp.multilink", link: name, mrru: mrruIn, peerMrru: mrruOut });
    if (o.ourAuth === null && o.peerAuth === null) {
      this.#network();
      return;
    }
    this.#enter("authenticate");
    this.#auth.start();
  }
  #lcpDown(): void {
    this.#auth.stop();
    this.#quality?.stop();
    this.#net.lowerDown();
    this.#unconfigure();
    if (this.#phase !== "authenticate" && this.#phase !== "network") return;
    if (this.#lcp.protocol.state === "req-sent" || this.#lcp.protocol.state === "ack-sent") {
      this.#enter("establish");
      return;
    }
    // The peer's Terminate-Request, or its Code-Reject of what LCP is made of.
    this.#why ??= this.#peerEnded() ?? failure("lcp-failed", "the peer rejects LCP itself");
    this.#phase = "terminate";
    this.#deadline.disarm();
  }
  #lcpFinished(): void {
    this.#why ??= this.#peerEnded() ?? noAnswer(this.#lcp.options.turnedDown);
    this.#end();
  }
  #lcpTerminated(text: string): void {
    this.#peerWords = text;
    // A peer that is still willing begins anew at once; one that is not leaves us talking to ourselves.
    if (this.#phase === "establish" && !this.#lcp.protocol.opened) this.#deadline.arm(AFTER_TERMINATE_MS);
  }
  #peerEnded(): Failure | null {
    if (this.#peerWords === null) return null;
    return endedByPeer(this.#phase, this.#peerWords, this.#lcp.options.turnedDown);
  }
  #deadlinePassed(): void {
    const phase = this.#phase;
    if (phase !== "establish" && phase !== "authenticate" && phase !== "network") return;
    const ended = phase === "establish" ? this.#peerEnded() : null;
    this.#fail(ended ?? tookTooLong(phase, PHASE_MS / 1000, this.#net.missing));
  }

  #network(): void {
    if (this.#phase !== "establish" && this.#phase !== "authenticate") return;
    const wants = this.#admission.ask(this.#auth);
    if ("code" in wants) {
      this.#fail(wants);
      return;
    }
    this.#enter("network");
    const { compression, mppe } = this.#cfg;
    const asked = wants.role === "server" ? wants.bridge : this.#cfg.bridge;
    const bridge = asked === true && this.#channel.sendPacket !== undefined;
    const coding = compression || mppe ? this.#makeCoding() : null;
    const more = networkWants(this.#cfg, this.#deps, coding, mppe ? this.#auth.mppe(this.#cfg.role) : null, bridge);
    if ("code" in more) this.#fail(more);
    else this.#net.open(wants, more);
  }
  #makeCoding(): Coding | null {
    const longest = Math.max(this.#channel.mru, this.#cfg.mrru ?? 0);
    // Packets come in outside of our turns: what they break is told in one.
    return this.#path.makeCoding(this.#deps.zlib ?? null, longest, () => this.#turns.run(() => this.#net.askReset()));
  }
  #makeQuality(clock: Clock, counts: () => LineCounts): LinkQuality {
    return new LinkQuality(clock, {
      send: (p) => this.#send(PROTOCOL.lqr, p),
      counts,
      magic: () => this.#lcp.options.magic,
      overhead: () => (this.#header.acfc ? 2 : 4) + (this.#lcp.options.link().sendFcs32 ? 4 : 2) + 1,
    });
  }
  get #growth(): number {
    return this.#cfg.mppe || this.#cfg.compression?.mppc ? MPPE_GROWTH : 0;
  }
  #ipcpUp(a: Assignment): void {
    this.#deadline.disarm();
    const lcp = this.#lcp.options;
    this.#report.emit({ kind: "ppp.ipcp-up", link: this.#cfg.link, local: a.local, remote: a.remote });
    const info: PppUp = {
      ...a,
      mru: lcp.mru,
      peerMru: lcp.peerMru,
      auth: this.#authWords(),
      user: this.#auth.user,
      link: lcp.link(),
      mrru: lcp.multilink.mrruOut,
      growth: this.#growth,
    };
    this.#turns.run(() => {
      if (this.#net.opened(PROTOCOL.ipcp) && this.#phase === "network") this.#owner.onUp(info);
    });
  }

  #protocolRejected(protocol: number): void {
    if (protocol === PROTOCOL.lcp) {
      this.#lcp.protocol.protocolRejected();
      return;
    }
    if (
      (protocol === PROTOCOL.pap || protocol === PROTOCOL.chap || protocol === PROTOCOL.eap) &&
      this.#phase === "authenticate"
    ) {
      this.#fail(failure("auth-refused", `the peer rejects ${protocolName(protocol)} after agreeing to it`, false));
      return;
    }
    if (protocol === PROTOCOL.lqr) this.#quality?.stop();
    else if (this.#phase === "network") this.#net.protocolRejected(protocol);
  }

  #fail(why: Failure): void {
    if (this.#phase === "over") return;
    this.#why ??= why;
    if (this.#phase === "terminate") return;
    const wasDead = this.#phase === "dead";
    this.#phase = "terminate";
    this.#deadline.disarm();
    this.#auth.stop();
    // The code alone: the sentence may say more about users than the peer should learn.
    if (!wasDead) this.#lcp.protocol.close(utf8(this.#why.code));
    // A peer that answers no question will not answer that one: it is told, and not waited for.
    if (wasDead || this.#why.code === "echo-timeout") this.#end();
  }
  #end(): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#turns.clear();
    const why = this.#why ?? failure("down", "the session ended");
    allOf(
      (e) => this.#report.fault(e),
      () => this.#deadline.disarm(),
      () => this.#auth.stop(),
      () => this.#lcp.stop(),
      () => this.#quality?.stop(),
      () => this.#net.stop(),
      () => this.#path.close(),
      () => this.#unconfigure(),
    );
    this.#intake.stop();
    this.#bridged = null;
    this.#turns.clear();
    this.#turns.run(() => this.#owner.onDown(why));
  }
  /** Rule 7. Nothing more is said in a state that nobody knows: the layer below says goodbye. */
  #fault(e: unknown): void {
    this.#report.fault(e);
    this.#why ??= internal("ppp", e);
    this.#end();
  }
  /** RFC 1661 §6: defaults hold while LCP is not opened. */
  #unconfigure(): void {
    this.#header = FULL_HEADER;
    if (!this.#configured) return;
    this.#configured = false;
    this.#path.lowerDown();
    const mtu = Math.min(DEFAULT_MRU, this.#channel.mru);
    this.#channel.configure({ sendAccm: 0xffff_ffff, recvAccm: 0xffff_ffff, pfc: false, acfc: false, mtu });
  }

  #authWords(): string {
    const methods = [this.#auth.ourMethod, this.#auth.peerMethod].filter((m) => m !== null);
    return [...new Set(methods)].map(methodTitle).join(" and ") || "none";
  }
}
