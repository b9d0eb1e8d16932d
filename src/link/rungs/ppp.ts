// PPP over any frame channel, in either role; owns the negotiated addresses, MRU and IPv6 interface identifiers.
import { type Failure, failure } from "../../core/failures.ts";
import type { Packet } from "../../core/packet.ts";
import type { Secret } from "../../core/secret.ts";
import type { FrameChannel } from "../../ports/ports.ts";
import type { Joinable, PppConfig, PppDeps, PppOwner, PppUp } from "../../ppp/api.ts";
import type { Proof, Verdict } from "../../ppp/auth/proof.ts";
import type { Assignment } from "../../ppp/ipcp.ts";
import type { Ipv6Ids } from "../../ppp/ipv6cp.ts";
import type { Proxied } from "../../ppp/proxied.ts";
import { PppSession } from "../../ppp/session.ts";
import type { Upper } from "../../ppp/upper.ts";
import type { Account } from "../account.ts";
import type { Callers } from "../callers.ts";
import type { Ladder, Rung } from "../ladder.ts";
import type { Passwords } from "../passwords.ts";
import type { RadiusSeat } from "../radius.ts";

/** What is below PPP, and who is admitted to it. */
export interface PppUser {
  /** While the rung below is up. */
  readonly channel: FrameChannel;
  pppConfig(): PppConfig;
  /** Of a server: who may call, and where this caller is; null at a client. */
  readonly callers?: Callers | null;
  readonly place?: string;
  /** Of a server: the addresses of a user who has authenticated himself, or why there are none. */
  assign?(user: Account): Assignment | Failure;
  /** Of a server whose users are elsewhere as well: this caller's way to ask about them. */
  readonly seat?: RadiusSeat | null;
  /** Of a server: the caller has so many milliseconds more, to change a password that has expired. */
  onExpired?(ms: number): void;
  /** Of a client: how it logs in. */
  readonly passwords?: Passwords | null;
  onPhase?(phase: "establish" | "authenticate" | "network"): void;
  /** Of a server: what a LAC negotiated in its place, as PppSession.start() has it. */
  readonly proxied?: Proxied | string | null;
  /** Of a server: as PppOwner.bundle(). */
  joins?(user: Account, endpoint: Uint8Array | null): Joinable | Failure | null;
  /** As PppOwner.onLinkDown(). */
  onLinkDown?(why: Failure): void;
  /** PPP runs over the channel from now on, or no longer. */
  watched?(channel: FrameChannel, runs: boolean): void;
  /** Maps the end of PPP to this line's failure. */
  meaning?(why: Failure): Failure;
}

export class PppRung implements Rung, PppOwner {
  readonly name = "ppp";
  readonly #ladder: Ladder;
  readonly #deps: PppDeps;
  readonly #user: PppUser;
  #session: PppSession | null = null;
  /** While PPP runs over it. */
  #channel: FrameChannel | null = null;
  /** What stands on PPP, and sets IPv6 as `ids` say. */
  above: { setIpv6(): void; moved(): void } | null = null;
  /** Where frames go, once BCP is open. */
  bridge: { set(mtu: number | null): void; receive(frame: Packet): void } | null = null;
  /** While PPP is up. */
  info: PppUp | null = null;
  /** While IPV6CP is open. */
  ids: Ipv6Ids | null = null;

  /** `deps` may be shared: what its clock runs has turns of its own. */
  constructor(ladder: Ladder, deps: PppDeps, user: PppUser) {
    this.#ladder = ladder;
    this.#deps = deps;
    this.#user = user;
  }
  up(): void {
    this.#ladder.state("ppp");
    this.#ladder.stage("ppp", "busy", "negotiating");
    const { channel } = this.#user;
    this.#channel = channel;
    this.#user.watched?.(channel, true);
    this.#session = new PppSession(this.#deps, channel, this.#user.pppConfig(), this);
    this.#session.start(this.#user.proxied ?? null);
  }
  down(why: Failure): void {
    if (this.#session) this.#session.stop(why);
    else this.#ladder.isDown(this);
  }
  drop(why: Failure): void {
    this.#session?.lowerDown(why);
  }
  /** Data of any kind came from the peer. */
  activity(): void {
    this.#session?.activity();
  }
  /** Sends `length` bytes, which the peer sends back unless they are lost: `answered`, or nothing. */
  probe(length: number, answered: () => void): void {
    this.#session?.probe(length, answered);
  }
  drops(): Record<string, number> {
    return this.#session?.drops() ?? {};
  }

  /** Where further links of its bundle are to join; null: nothing to join. */
  get joinable(): Upper<PppSession> | null {
    return this.#session?.upper ?? null;
  }
  /** The call is gone. Whether other links of the bundle carry on; if not, nothing is done yet. */
  carriesOn(why: Failure): boolean {
    return this.#session?.bundled === true && this.#session.linkDown(why);
  }

  secretOf(name: string): Secret | null {
    return this.#user.callers?.user(name)?.password ?? null;
  }
  ask(proof: Proof, answer: (v: Verdict | null) => void): (() => void) | null {
    return this.#user.seat?.ask(proof, answer) ?? null;
  }
  pause(name: string): number {
    return this.#user.callers?.pause(name, this.#user.place ?? "") ?? 0;
  }
  wrong(name: string): void {
    this.#user.callers?.wrong(name, this.#user.place ?? "");
  }
  admit(name: string): Assignment | Failure {
    const { callers, place = "", seat } = this.#user;
    const user = seat?.account ?? callers?.user(name);
    if (!callers || !this.#user.assign) return failure("role", "this side is a client and admits no callers");
    if (!user) return failure("unknown-user", "no such user");
    callers.right(name, place);
    return this.#user.assign(user);
  }
  onExpired(ms: number): void {
    this.#user.onExpired?.(ms);
  }
  onRenewed(): void {
    const { passwords } = this.#user;
    if (!passwords) return;
    passwords.renewed();
    this.#deps.log.emit({ kind: "daemon.warning", link: passwords.link, text: passwords.note });
  }
  bundle(name: string, endpoint: Uint8Array | null): Joinable | Failure | null {
    const { callers, place = "", seat } = this.#user;
    const user = seat?.account ?? callers?.user(name);
    const to = (user && this.#user.joins?.(user, endpoint)) ?? null;
    if (to && !("code" in to)) callers?.right(name, place);
    return to;
  }
  onLinkDown(why: Failure): void {
    this.#user.onLinkDown?.(why);
  }
  onMoved(): void {
    this.above?.moved();
  }
  onPhase(phase: "establish" | "authenticate" | "network"): void {
    this.info = null;
    this.#ladder.again(this); // the peer renegotiates: no packet may pass until PPP is up again
    if (phase === "authenticate") this.#ladder.stage("ppp", "busy", "authenticating");
    if (phase === "network") this.#ladder.stage("ppp", "busy", "agreeing on addresses");
    this.#user.onPhase?.(phase);
  }
  onUp(info: PppUp): void {
    this.info = info;
    const how = info.auth === "none" ? "no authentication asked" : `authenticated with ${info.auth}`;
    const note = this.#user.passwords?.note ?? "";
    this.#ladder.stage("ppp", "ok", note === "" ? how : `${how}; ${note}`);
    this.#ladder.isUp(this);
  }
  onIpv6(ids: Ipv6Ids | null): void {
    this.ids = ids;
    this.above?.setIpv6();
  }
  onBridge(mtu: number | null): void {
    this.bridge?.set(mtu);
  }
  onBridged(frame: Packet): void {
    this.bridge?.receive(frame);
  }
  /** As PppSession.sendBridged. */
  sendBridged(frame: Packet): void {
    this.#session?.upper.sendBridged(frame);
  }
  onDown(why: Failure): void {
    if (this.#channel) this.#user.watched?.(this.#channel, false);
    this.#channel = null;
    this.#session = null;
    this.info = null;
    this.ids = null;
    this.bridge?.set(null);
    this.#ladder.lost(this, this.#user.meaning?.(why) ?? why);
    this.#ladder.isDown(this);
  }
}
