// One PPP session: the phases of RFC 1661 §3 around LCP, authentication and IPCP.
// Implements RFC 1661, 1332, 1334, 1570 (Identification, Time-Remaining), 1877, 1994, 2433, 2759, 3748 (MD5,
// MS-CHAPv2), 5072; on channels whose packets visit us 1144, 1962, 1977, 1979, 1989 (reports are given, not asked for),
// 2118, 3078, and 1990; 3518. Left out: SPAP (Nak'd with what we do), callback (rejected by the
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
import type { FrameChannel, LineCounts, LinkOptions } from "../ports/ports.ts";
import { Admission } from "./admission.ts";
import type { PppConfig, PppDeps, PppDrop, PppOwner } from "./api.ts";
import { methodTitle } from "./auth/methods.ts";
import { Authentication, type AuthenticationEvents } from "./authentication.ts";
import { type Link, type LinkActs, OwnLink, type Seat } from "./bundle.ts";
import { FULL_HEADER, PROTOCOL, protocolName, pushProtocol } from "./frame.ts";
import { Intake, type IntakeEvents } from "./intake.ts";
import { Lcp, type LcpEvents } from "./lcp.ts";
import { DEFAULT_MRU } from "./lcp-options.ts";
import { type Proxied, takeOver } from "./proxied.ts";
import { LinkQuality } from "./quality.ts";
import { endedByPeer, explained, noAnswer, type Phase, tookTooLong } from "./reasons.ts";
import { Report } from "./report.ts";
import { Upper, type UpperEvents } from "./upper.ts";
import { lcpWants } from "./wants.ts";
import { failure } from "./words.ts";

const NO_ECHOES = { answered: 0, agoMs: 0 } as const;
/** A phase that lasts longer than this goes nowhere, however busily the peer answers. */
const PHASE_MS = 60_000;
/** After a Terminate-Request in the middle of negotiation: time for the peer to begin anew. */
const AFTER_TERMINATE_MS = 7000;

export class PppSession {
  readonly #channel: FrameChannel;
  readonly #cfg: PppConfig;
  readonly #owner: PppOwner;
  readonly #lcp: Lcp<PppSession>;
  readonly #auth: Authentication<PppSession>;
  /** Until the phase is over, or the session is up. */
  #deadline: Timer | null = null;
  readonly #drops = new Counters<PppDrop>();
  readonly #report: Report;
  /** What stands on the session's links; more of them may join there. */
  readonly upper: Upper<PppSession>;
  /** This call, as a link of a bundle. */
  readonly #own: Link;
  /** Its place in another session's bundle. */
  #seat: Seat | null = null;
  /** Of the link: in a bundle others carry on without it. */
  #phase: Phase = "dead";
  #finished = false;
  #why: Failure | null = null;
  #peerWords: string | null = null;
  readonly #admission: Admission;
  /** As LCP agreed, and the channel was told; null: as it begins. */
  #link: LinkOptions | null = null;
  readonly #intake: Intake<PppSession>;
  readonly #turns: Turns;
  readonly #quality: LinkQuality | null;

  static readonly #LCP: LcpEvents<PppSession> = {
    send: (s, p) => s.#send(PROTOCOL.lcp, p),
    up: (s) => s.#lcpUp(),
    down: (s) => s.#lcpDown(),
    finished: (s) => s.#lcpFinished(),
    failed: (s, why) => s.#failLink(why),
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
      s.#hurry(ms);
      s.#turns.run(() => s.#owner.onExpired?.(ms));
    },
    renewed: (s) => s.#turns.run(() => s.#owner.onRenewed?.()),
    done: (s) => s.#network(),
    failed: (s, why) => s.#failLink(why),
  };
  static readonly #UPPER: UpperEvents<PppSession> = {
    agreeing: (s) => {
      if (s.#phase === "network") s.#hurry();
    },
    agreed: (s) => s.#settled(),
    how: (s) => s.#authWords(),
    agreedOn: (s) => s.#link ?? s.#lcp.options.link(),
    failed: (s, why) => s.#fail(why),
    alone: (s, why) => s.#failLink(why),
  };
  static readonly #OWN: LinkActs<PppSession> = {
    options: (s) => s.#lcp.options.link(),
    agreed: (s) => s.#lcp.options.multilink,
    send: (s, protocol, p) => s.#send(protocol, p),
    reject: (s, protocol, body) => s.#lcp.sendProtocolReject(protocol, body),
    end: (s, why) => s.stop(why),
  };

  constructor(deps: PppDeps, channel: FrameChannel, cfg: PppConfig, owner: PppOwner) {
    this.#report = new Report(deps.clock, deps.log, cfg.link);
    this.#channel = channel;
    this.#cfg = cfg;
    this.#owner = owner;
    const turns = new Turns(deps.clock, (e) => this.#fault(e));
    this.#turns = turns;
    const wants = lcpWants(cfg, channel, deps.crypto);
    this.#lcp = new Lcp({ clock: turns, rng: deps.crypto, wants, echo: cfg.echo }, this, PppSession.#LCP);
    this.#auth = new Authentication({ turns, deps, cfg, users: owner }, this, PppSession.#AUTH);
    this.#admission = new Admission(cfg, owner);
    const [lcp, auth, drops, report] = [this.#lcp, this.#auth, this.#drops, this.#report];
    const parts = { deps, cfg, owner, channel, turns, lcp, auth, drops, report }; // one object for both
    this.#intake = new Intake(parts, this, PppSession.#INTAKE);
    this.upper = new Upper<PppSession>(parts, this, PppSession.#UPPER);
    this.#own = new OwnLink<PppSession>(channel, this, PppSession.#OWN);
    const counts = channel.counts?.bind(channel);
    this.#quality = counts ? this.#makeQuality(turns, counts) : null;
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
      this.upper.links.end(this.#own, why);
      this.#gone(why);
    });
  }
  /** The call is gone. True: other links of the bundle carry on; else as lowerDown(). */
  linkDown(why: Failure): boolean {
    this.#turns.run(() => this.#gone(why));
    return this.upper.serves;
  }
  /** Other links than this call carry it. */
  get bundled(): boolean {
    return this.upper.links.others(this.#own);
  }
  #gone(why: Failure): void {
    this.#why ??= this.#peerEnded() ?? why;
    if (this.#phase !== "over") this.#end();
    else if (!this.upper.serves) this.#finish();
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
      ipcp: this.upper.state,
      auth: this.#authWords(),
      user: this.#auth.user,
      mru: this.#lcp.options.mru,
      peerMru: this.#lcp.options.peerMru,
    };
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
    if (this.#seat) this.#seat.input(protocol, p);
    else this.upper.packet(protocol, p, this.#own);
  }

  #send(protocol: number, packet: Uint8Array): void {
    if (this.#phase === "over") return;
    const p = Packet.of(packet);
    pushProtocol(p, protocol, protocol === PROTOCOL.lcp ? FULL_HEADER : (this.#link ?? FULL_HEADER));
    this.#channel.send(p);
  }

  #enter(phase: "establish" | "authenticate" | "network"): void {
    this.#phase = phase;
    this.#hurry();
    if (this.upper.serves) return; // others carry on
    this.#turns.run(() => {
      if (this.#phase === phase) this.#owner.onPhase(phase);
    });
  }
  #lcpUp(): void {
    if (this.#phase !== "establish") return;
    const o = this.#lcp.options;
    const link = o.link();
    this.#link = link;
    this.#peerWords = null;
    this.#channel.configure(link);
    if (!this.upper.serves) this.upper.path.open(o.multilink, link);
    // What we required is agreed on here, or LCP would not have opened; a mistake of ours must not let anybody in.
    if (this.#cfg.require.length > 0 && o.peerAuth === null)
      return this.#failLink(failure("auth-refused", "the peer refuses to authenticate itself", true));
    if (o.reportMs !== null) this.#quality?.start(o.reportMs);
    this.#auth.prepare(o.ourAuth, o.peerAuth);
    const { link: name } = this.#cfg;
    this.#report.emit({ kind: "ppp.lcp-up", link: name, mru: o.mru, peerMru: o.peerMru, auth: this.#authWords() });
    const { mrruIn, mrruOut } = o.multilink;
    if (mrruIn !== null && mrruOut !== null)
      this.#report.emit({ kind: "ppp.multilink", link: name, mrru: mrruIn, peerMrru: mrruOut });
    if (o.ourAuth === null && o.peerAuth === null) return this.#network();
    this.#enter("authenticate");
    this.#auth.start();
  }
  #lcpDown(): void {
    this.#auth.stop();
    this.#quality?.stop();
    this.#leave(failure("lcp-failed", "the peer negotiates LCP anew"));
    if (!this.upper.serves) this.upper.lowerDown();
    this.#unconfigure();
    if (this.#phase !== "authenticate" && this.#phase !== "network") return;
    if (this.#lcp.protocol.state === "req-sent" || this.#lcp.protocol.state === "ack-sent") {
      this.#enter("establish");
      return;
    }
    // The peer's Terminate-Request, or its Code-Reject of what LCP is made of.
    this.#why ??= this.#peerEnded() ?? failure("lcp-failed", "the peer rejects LCP itself");
    this.#phase = "terminate";
    this.#settled();
  }
  /** Our link carries no network packets any more. */
  #leave(why: Failure): void {
    this.#seat?.left(this.#why ?? this.#peerEnded() ?? why);
    this.#seat = null;
    this.upper.links.remove(this.#own);
  }
  #lcpFinished(): void {
    this.#why ??= this.#peerEnded() ?? noAnswer(this.#lcp.options.turnedDown);
    this.#end();
  }
  #lcpTerminated(text: string): void {
    this.#peerWords = text;
    // A peer that is still willing begins anew at once; one that is not leaves us talking to ourselves.
    if (this.#phase === "establish" && !this.#lcp.protocol.opened) this.#hurry(AFTER_TERMINATE_MS);
  }
  #peerEnded(): Failure | null {
    if (this.#peerWords === null) return null;
    return endedByPeer(this.#phase, this.#peerWords, this.#lcp.options.turnedDown);
  }
  #hurry(ms = PHASE_MS): void {
    this.#deadline ??= this.#turns.timer("ppp-phase", () => this.#deadlinePassed());
    this.#deadline.arm(ms);
  }
  #settled(): void {
    this.#deadline?.disarm();
    this.#deadline = null;
  }
  #deadlinePassed(): void {
    const phase = this.#phase;
    if (phase !== "establish" && phase !== "authenticate" && phase !== "network") return;
    const ended = phase === "establish" ? this.#peerEnded() : null;
    this.#failLink(ended ?? tookTooLong(phase, PHASE_MS / 1000, this.upper.missing));
  }

  #network(): void {
    if (this.#phase !== "establish" && this.#phase !== "authenticate") return;
    const joined = this.#joins();
    if (joined === true) return;
    const wants = joined || this.#admission.ask(this.#auth);
    if ("code" in wants) {
      this.#failLink(wants);
      return;
    }
    const { serves, links } = this.upper;
    this.#enter("network");
    if (serves) this.#settled(); // back in our own bundle
    const why = serves ? links.add(this.#own) : this.upper.open(this.#own, wants);
    if (why) this.#failLink(why);
  }
  /** True: our link is in another session's bundle; a Failure: it should be, and cannot. */
  #joins(): boolean | Failure {
    const { multilink: agreed, endpoint } = this.#lcp.options;
    if (agreed.mrruIn === null || agreed.mrruOut === null || this.#admission.given || this.upper.serves) return false;
    const head = this.#owner.bundle?.(this.#auth.user, endpoint) ?? false;
    if (!head || "code" in head) return head;
    this.upper.path.lowerDown();
    const seat = head.join(this.#own);
    if ("code" in seat) return seat;
    this.#seat = seat;
    this.#enter("network");
    this.#settled();
    return true;
  }
  #makeQuality(clock: Clock, counts: () => LineCounts): LinkQuality {
    return new LinkQuality(clock, {
      send: (p) => this.#send(PROTOCOL.lqr, p),
      counts,
      magic: () => this.#lcp.options.magic,
      overhead: () => (this.#link?.acfc ? 2 : 4) + (this.#link?.sendFcs32 ? 4 : 2) + 1,
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
      this.#failLink(failure("auth-refused", `the peer rejects ${protocolName(protocol)} after agreeing to it`, false));
      return;
    }
    if (protocol === PROTOCOL.lqr) this.#quality?.stop();
    else if (this.#seat) this.#seat.protocolRejected(protocol);
    else this.upper.protocolRejected(protocol);
  }

  #fail(why: Failure): void {
    this.upper.links.end(this.#own, why);
    this.#failLink(why);
  }
  /** What is left of the bundle carries on. */
  #failLink(why: Failure): void {
    this.#seat?.left(why);
    this.upper.links.remove(this.#own);
    this.#why ??= why;
    if (this.#phase === "over") {
      if (!this.upper.serves) this.#finish();
      return;
    }
    if (this.#phase === "terminate") return;
    const wasDead = this.#phase === "dead";
    this.#phase = "terminate";
    this.#settled();
    this.#auth.stop();
    // The code alone: the sentence may say more about users than the peer should learn.
    if (!wasDead) this.#lcp.protocol.close(utf8(this.#why.code));
    // A peer that answers no question will not answer that one: it is told, and not waited for.
    if (wasDead || this.#why.code === "echo-timeout") this.#end();
  }
  #end(): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    const why = this.#why ?? failure("down", "the session ended");
    allOf(
      (e) => this.#report.fault(e),
      () => this.#settled(),
      () => this.#auth.stop(),
      () => this.#lcp.stop(),
      () => this.#quality?.stop(),
      () => this.#leave(why),
    );
    this.#intake.stop();
    if (!this.upper.serves) return this.#finish();
    this.#why = null; // it was the link's
    allOf(
      (e) => this.#report.fault(e),
      () => this.#unconfigure(),
    );
    this.#turns.run(() => this.#owner.onLinkDown?.(why));
  }
  /** The last link is gone. */
  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#turns.clear();
    const why = explained(this.#why ?? failure("down", "the session ended"), this.#lcp.options.callback);
    allOf(
      (e) => this.#report.fault(e),
      () => this.upper.stop(),
      () => this.upper.close(),
      () => this.#unconfigure(),
    );
    this.#turns.clear();
    this.#turns.run(() => this.#owner.onDown(why));
  }
  /** Rule 7. Nothing more is said in a state that nobody knows: the layer below says goodbye. */
  #fault(e: unknown): void {
    this.#report.fault(e);
    this.#why ??= internal("ppp", e);
    const why = this.#why;
    allOf(
      (again) => this.#report.fault(again),
      () => this.upper.links.end(this.#own, why),
    );
    this.#end();
    if (this.#phase === "over") this.#finish();
  }
  /** RFC 1661 §6: defaults hold while LCP is not opened. */
  #unconfigure(): void {
    if (!this.#link) return;
    this.#link = null;
    if (!this.upper.serves) this.upper.path.lowerDown();
    const mtu = Math.min(DEFAULT_MRU, this.#channel.mru);
    this.#channel.configure({ sendAccm: 0xffff_ffff, recvAccm: 0xffff_ffff, pfc: false, acfc: false, mtu });
  }

  #authWords(): string {
    const methods = [this.#auth.ourMethod, this.#auth.peerMethod].filter((m) => m !== null);
    return [...new Set(methods)].map(methodTitle).join(" and ") || "none";
  }
}
