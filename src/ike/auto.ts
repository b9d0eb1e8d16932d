// Which version of IKE an initiator speaks when it may speak both: IKEv2 goes first, IKEv1 joins when nothing has come
// back after a second, or at once when the peer says that it has no IKEv2 for us; whichever is up first stays, and an
// answer in IKEv2 ends the other, unless nothing comes of it. What a peer spoke is remembered.
import type { Clock, Timer } from "../core/clock.ts";
import type { Failure } from "../core/errors.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { Scope } from "../core/scope.ts";
import type { IkeConnectConfig, IkeConnection, IkeEnv, IkeInfo, IkeOwner } from "./types.ts";

/** IKEv2's second try is under way by then. */
const HEAD_START_MS = 1000;
/** Where the peer spoke IKEv2 before, it gets more time. */
const KNOWN_MS = 6000;
/** So does one that has answered: by then three tries of IKE_AUTH were in vain. */
const ANSWERED_MS = 8000;
/** That a peer spoke IKEv1 only is forgotten after this time. */
const REMEMBERED_MS = 24 * 3600 * 1000;
const PEERS = 256;

export type Version = "v1" | "v2";

/** What peers spoke, by address. */
export class Spoken {
  readonly #clock: Clock;
  readonly #by = new Map<string, { readonly version: Version; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }
  of(address: string): Version | null {
    const s = this.#by.get(address);
    return s && (s.version === "v2" || this.#clock.now() - s.at < REMEMBERED_MS) ? s.version : null;
  }
  /** Null: nothing any more. */
  is(address: string, version: Version | null): void {
    this.#by.delete(address);
    if (version) this.#by.set(address, { version, at: this.#clock.now() });
    const oldest = this.#by.keys().next();
    if (this.#by.size > PEERS && !oldest.done) this.#by.delete(oldest.value);
  }
}
/** What is heard of IKEv2 before it is up. */
export interface Beginning {
  /** The peer has answered in IKEv2; `later`: with a cookie, so it is there, and has much to do. */
  answered(later: boolean): void;
  /** Somebody says that there is no IKEv2: it may be forged. */
  doubted(): void;
}
interface AutoOptions {
  readonly env: IkeEnv;
  readonly cfg: IkeConnectConfig;
  readonly spoken: Spoken;
  readonly owner: IkeOwner;
  begin2(owner: IkeOwner, beginning: Beginning): IkeConnection;
  begin1(owner: IkeOwner): IkeConnection;
}

/** Begins in the version that the configuration names, or in both. */
export function connect(o: AutoOptions): IkeConnection {
  if (o.cfg.versions === "v1") return o.begin1(o.owner);
  if (o.cfg.versions === "v2") return o.begin2(o.owner, { answered: () => {}, doubted: () => {} });
  const c = new AutoConnection(o);
  c.begin();
  return c;
}

class AutoConnection implements IkeConnection {
  readonly peer: string;
  readonly #o: AutoOptions;
  readonly #scope: Scope;
  readonly #timer: Timer;
  #v1: IkeConnection | null = null;
  #v2: IkeConnection | null = null;
  /** Why IKEv2 failed. */
  #failed2: Failure | null = null;
  #answered2 = false;
  #up: IkeConnection | null = null;
  #over = false;

  constructor(o: AutoOptions) {
    this.#o = o;
    this.peer = o.cfg.remote;
    this.#scope = new Scope(o.env.clock, (e) => this.#fault(e));
    this.#timer = this.#scope.timer("ike version", () => this.#begin1());
  }
  get #active(): IkeConnection | null {
    return this.#up ?? this.#v2 ?? this.#v1;
  }
  get flow(): number {
    return this.#active?.flow ?? 0;
  }
  info(): IkeInfo | null {
    return this.#up?.info() ?? null;
  }
  stage(): string {
    return this.#active?.stage() ?? "closed";
  }
  follow(): boolean {
    return this.#up?.follow?.() ?? false;
  }
  close(why: string): void {
    this.#end();
    this.#v1?.close(why);
    this.#v2?.close(why);
  }
  begin(): void {
    const known = this.#o.spoken.of(this.peer);
    if (known === "v1") return this.#begin1();
    this.#timer.arm(known === "v2" ? KNOWN_MS : HEAD_START_MS);
    const beginning: Beginning = {
      answered: (later) => this.#answered(later),
      doubted: () => {
        if (!this.#answered2) this.#begin1();
      },
    };
    this.#v2 = this.#o.begin2(this.#ownerOf("v2"), beginning);
  }
  #end(): void {
    this.#over = true;
    this.#timer.disarm();
  }
  #begin1(): void {
    const pinned = this.#o.cfg.pinned === true && this.#o.spoken.of(this.peer) === "v2";
    this.#timer.disarm();
    if (!this.#over && !this.#up && !this.#v1 && !pinned) this.#v1 = this.#o.begin1(this.#ownerOf("v1"));
  }
  #answered(later: boolean): void {
    this.#answered2 = true;
    if (later) this.#timer.disarm();
    else this.#timer.arm(ANSWERED_MS);
    const other = this.#v1;
    this.#v1 = null;
    if (!this.#up) other?.close("the peer speaks IKEv2");
  }
  #ownerOf(version: Version): IkeOwner {
    return {
      onUp: (c, info) => this.#isUp(version, c, info),
      onRekeyed: (_, info) => this.#o.owner.onRekeyed(this, info),
      onDown: (_, why) => this.#isDown(version, why),
    };
  }
  #isUp(version: Version, c: IkeConnection, info: IkeInfo): void {
    if (this.#over) return;
    const other = version === "v2" ? this.#v1 : this.#v2;
    if (version === "v1" && this.#o.spoken.of(this.peer) === "v2") this.#downgraded();
    this.#up = c;
    this.#v1 = version === "v1" ? c : null;
    this.#v2 = version === "v2" ? c : null;
    this.#timer.disarm();
    this.#o.spoken.is(this.peer, version);
    other?.close(`IKE${version} is up`);
    this.#o.owner.onUp(this, info);
  }
  /** Somebody on the path may have kept IKEv2 away. */
  #downgraded(): void {
    const text = `${this.peer} spoke IKEv2 before, and IKEv1 now: ike_v2_pinned = yes would refuse that`;
    this.#o.env.log.emit({ kind: "daemon.warning", link: this.#o.cfg.link, text });
  }
  #isDown(version: Version, why: Failure): void {
    if (this.#over) return;
    if (version === "v2") this.#v2 = null;
    else this.#v1 = null;
    if (this.#up) return this.#down(why);
    if (version === "v2") {
      this.#failed2 = why;
      if (!this.#v1) this.#begin1();
      if (!this.#v1) this.#down(why);
      return;
    }
    if (this.#v2) return; // IKEv2 may still come
    if (this.#o.spoken.of(this.peer) === "v1") this.#o.spoken.is(this.peer, null);
    // a peer that answers in IKEv2 alone says more there
    this.#down(why.code === "no-answer" && this.#answered2 && this.#failed2 ? this.#failed2 : why);
  }
  #down(why: Failure): void {
    this.#end();
    this.#o.owner.onDown(this, why);
  }
  #fault(e: unknown): void {
    this.#o.env.log.emit(faultEvent(this.#o.cfg.link, "the choice of IKE's version", e));
    if (this.#over) return;
    this.close("internal error");
    this.#o.owner.onDown(this, internal("ike", e));
  }
}
