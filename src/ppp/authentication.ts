// The Authentication phase (RFC 1661 §3.5): both directions at once, each by its own method, as LCP agreed.

import type { Failure } from "../core/errors.ts";
import { LazyMap, LazySet } from "../core/lazy.ts";
import type { Turns } from "../core/turns.ts";
import { printable } from "../core/words.ts";
import type { PppDeps, PppOwner } from "./api.ts";
import { ChapAuthenticatee, ChapAuthenticator } from "./auth/chap.ts";
import type { EapMethod } from "./auth/eap.ts";
import { EapAuthenticatee } from "./auth/eap-authenticatee.ts";
import { EapAuthenticator } from "./auth/eap-authenticator.ts";
import { EapTls, type EapTlsCredentials } from "./auth/eap-tls.ts";
import { type AuthMethod, methodProtocol, methodTitle } from "./auth/methods.ts";
import { PapAuthenticatee, PapAuthenticator } from "./auth/pap.ts";
import { judge, type Proof, type Verdict } from "./auth/proof.ts";
import type { AuthenticatorEvents, AuthenticatorNeeds, AuthSide, Begun, Identity } from "./auth/side.ts";
import type { MppeBits, MppeMaster } from "./compress/mppe.ts";
import { failure } from "./words.ts";

interface AuthenticationConfig {
  readonly hostName: string;
  readonly identity: Identity | null;
  readonly eapTls?: EapTlsCredentials | null;
  /** Of EAP's types those that are refused by their plain names are left out. */
  readonly refuse: readonly AuthMethod[];
  /** What the peer is asked for; of EAP's types those whose plain names are here. */
  readonly require: readonly AuthMethod[];
  /** Null: nobody needs the keys that MS-CHAP leaves. */
  readonly mppe?: MppeBits | null;
}
export interface AuthenticationEvents<O> {
  send(o: O, protocol: number, packet: Uint8Array): void;
  unexpected(o: O): void;
  event(o: O, user: string, method: string, ok: boolean, text: string): void;
  /** The peer's password has expired, and it may take so many milliseconds to change it. */
  expired(o: O, ms: number): void;
  /** The server has our new password. */
  renewed(o: O): void;
  /** Every direction that was asked for has succeeded; once. */
  done(o: O): void;
  failed(o: O, why: Failure): void;
}

interface AuthenticationStart {
  /** What comes later comes in there. */
  readonly turns: Turns;
  readonly deps: Pick<PppDeps, "crypto" | "challenges"> & Partial<Pick<PppDeps, "tls">>;
  readonly cfg: AuthenticationConfig;
  readonly users: Users;
}
/** As PppOwner has them. */
export type Users = Pick<PppOwner, "secretOf" | "ask" | "pause" | "wrong">;
type Judged = Exclude<Proof, { method: "eap" }>;
/** EAP's types, best first, and what they are outside of EAP. */
const EAP_METHODS: readonly (readonly [EapMethod, AuthMethod])[] = [
  ["mschapv2", "mschapv2"],
  ["md5", "chap"],
];

export class Authentication<O> {
  readonly #turns: Turns;
  readonly #deps: AuthenticationStart["deps"];
  readonly #cfg: AuthenticationConfig;
  readonly #users: Users;
  readonly #owner: O;
  readonly #on: AuthenticationEvents<O>;
  #ours: { readonly method: AuthMethod; readonly side: AuthSide } | null = null;
  #peers: { readonly method: AuthMethod; readonly side: AuthSide } | null = null;
  #ourMethod: AuthMethod | null = null;
  #peerMethod: AuthMethod | null = null;
  /** Directions still open. */
  readonly #open = new LazySet<"ours" | "peers">();
  readonly #masters = new LazyMap<"ours" | "peers", MppeMaster>();
  #user = "";
  /** The answer to what the peer tries now is no, whatever it is. */
  #paused: Failure | null = null;
  /** While it starts: what the peer has shown already, by the method that LCP agreed on. */
  begun: Begun | null = null;
  /** Takes back what somebody else was asked. */
  #unask: (() => void) | null = null;

  constructor({ turns, deps, cfg, users }: AuthenticationStart, owner: O, on: AuthenticationEvents<O>) {
    this.#owner = owner;
    this.#turns = turns;
    this.#deps = deps;
    this.#cfg = cfg;
    this.#users = users;
    this.#on = on;
  }
  /** How we show who we are, null when nobody asked. */
  get ourMethod(): AuthMethod | null {
    return this.#ourMethod;
  }
  get peerMethod(): AuthMethod | null {
    return this.#peerMethod;
  }
  /** The peer's user where it authenticated itself, else ours, else "". */
  get user(): string {
    return this.#user;
  }

  /**
   * What MS-CHAP left for MPPE, and whether we are the server by it: by the caller's credentials, where there are two
   * (RFC 3079 §3).
   */
  mppe(role: "client" | "server"): { readonly master: MppeMaster; readonly server: boolean } | null {
    for (const which of role === "client" ? (["ours", "peers"] as const) : (["peers", "ours"] as const)) {
      const master = this.#masters.get(which);
      if (master) return { master, server: which === "peers" };
    }
    return null;
  }

  prepare(ourMethod: AuthMethod | null, peerMethod: AuthMethod | null): void {
    this.stop();
    this.#ourMethod = ourMethod;
    this.#peerMethod = peerMethod;
    this.#user = "";
    this.#paused = null;
  }
  start(): void {
    if (this.#ourMethod) this.#open.add("ours");
    if (this.#peerMethod) this.#open.add("peers");
    if (this.#peerMethod) this.#peers = { method: this.#peerMethod, side: this.#authenticator(this.#peerMethod) };
    if (this.#ourMethod) {
      const side = this.#authenticatee(this.#ourMethod);
      if (!side) {
        this.#on.failed(
          this.#owner,
          failure("auth-refused", "the peer asks this side to authenticate, but no username is set", true),
        );
        return;
      }
      this.#ours = { method: this.#ourMethod, side };
    }
    if (this.begun && this.#peers?.side.goOn) this.#peers.side.goOn(this.begun);
    else this.#peers?.side.start();
    this.#ours?.side.start();
  }
  stop(): void {
    this.#ours?.side.stop();
    this.#peers?.side.stop();
    this.#unask?.();
    this.#unask = null;
    this.#ours = null;
    this.#peers = null;
    this.#open.clear();
    for (const m of this.#masters.values()) m.key.wipe();
    this.#masters.clear();
  }
  /** False when LCP agreed on no such protocol. Late repetitions are answered in the network phase too. */
  input(protocol: number, packet: Uint8Array): boolean {
    const sides = [this.#ours, this.#peers].filter((s) => s !== null && methodProtocol(s.method) === protocol);
    for (const s of sides) s?.side.input(packet);
    if (sides.length === 0) this.#on.unexpected(this.#owner);
    return sides.length > 0;
  }

  #authenticatee(method: AuthMethod): AuthSide | null {
    const { identity } = this.#cfg;
    if (!identity) return null;
    const { crypto } = this.#deps;
    const clock = this.#turns;
    const title = methodTitle(method);
    const on = {
      send: this.#sender(method),
      done: (master?: MppeMaster | null) => this.#succeeded("ours", identity.user, title, master ?? null),
      renewed: () => this.#on.renewed(this.#owner),
      failed: (why: Failure) => this.#failed(identity.user, title, why),
      ignored: () => this.#on.unexpected(this.#owner),
    };
    if (method === "pap") return new PapAuthenticatee(clock, identity, on);
    const needs = { clock, crypto, isOurs: (challenge: Uint8Array) => this.#deps.challenges.has(challenge) };
    if (method !== "eap") return new ChapAuthenticatee(needs, method, identity, on);
    const { eapTls } = this.#cfg;
    const tls = eapTls ? new EapTls(this.#deps.tls ?? null, eapTls) : null;
    return new EapAuthenticatee(needs, { identity, methods: this.#eapMethods(), tls }, on);
  }
  #authenticator(method: AuthMethod): AuthSide {
    const end = new Authentication.#Judge(this, method);
    if (method === "pap") return new PapAuthenticator(end, end);
    if (method === "eap") return new EapAuthenticator(end, this.#eapOffers(), end);
    return new ChapAuthenticator(end, method, end);
  }
  /** What an authenticator needs and tells. A class: it stays for as long as the session, and closures cost memory. */
  static readonly #Judge = class implements AuthenticatorNeeds, AuthenticatorEvents {
    readonly #a: Authentication<unknown>;
    readonly #method: AuthMethod;
    constructor(a: Authentication<unknown>, method: AuthMethod) {
      this.#a = a;
      this.#method = method;
    }
    get clock(): Turns {
      return this.#a.#turns;
    }
    get crypto(): PppDeps["crypto"] {
      return this.#a.#deps.crypto;
    }
    get challenges(): PppDeps["challenges"] {
      return this.#a.#deps.challenges;
    }
    get hostName(): string {
      return this.#a.#cfg.hostName;
    }
    check(proof: Judged, answer: (v: Verdict) => void): void {
      this.#a.#check(proof, answer, this.#method !== "eap");
    }
    relay(proof: Proof, answer: (v: Verdict | null) => void): boolean {
      return this.#a.#pauseOf(proof.user) === 0 && this.#a.#elsewhere(proof, answer);
    }
    send(packet: Uint8Array): void {
      this.#a.#on.send(this.#a.#owner, methodProtocol(this.#method), packet);
    }
    wrong(user: string): void {
      if (!this.#a.#paused) this.#a.#users.wrong?.(user);
    }
    expired(user: string, why: Failure, ms: number): void {
      this.#a.#on.event(this.#a.#owner, user, methodTitle(this.#method), false, why.text);
      this.#a.#on.expired(this.#a.#owner, ms);
    }
    done(user: string, master?: MppeMaster | null): void {
      this.#a.#succeeded("peers", user, methodTitle(this.#method), master ?? null);
    }
    failed(user: string, why: Failure): void {
      this.#a.#failed(user, methodTitle(this.#method), this.#a.#paused ?? why);
    }
    ignored(): void {
      this.#a.#on.unexpected(this.#a.#owner);
    }
  };
  /** `outside`: the user may be known elsewhere. */
  #check(proof: Judged, answer: (v: Verdict) => void, outside: boolean): void {
    const paused = this.#pauseOf(proof.user) > 0;
    const known = !paused && !("change" in proof && proof.change); // a password is changed where RADIUS has it
    const here = (): Verdict => judge(this.#deps.crypto, proof, (user) => (known ? this.#users.secretOf(user) : null));
    if (paused || !outside || !this.#elsewhere(proof, (v) => answer(v ?? here()))) answer(here());
  }
  /** In a pause nothing is looked at, the right password neither. */
  #pauseOf(user: string): number {
    const ms = this.#users.pause?.(user) ?? 0;
    const text = `user "${printable(user)}" must wait ${Math.ceil(ms / 1000)} s after wrong passwords`;
    this.#paused = ms === 0 ? null : failure("login-paused", text);
    return ms;
  }
  #elsewhere(proof: Proof, answer: (v: Verdict | null) => void): boolean {
    let wanted = true;
    const unask =
      this.#users.ask?.(proof, (v) =>
        this.#turns.run(() => {
          if (!wanted) return;
          wanted = false;
          this.#unask = null;
          answer(v);
        }),
      ) ?? null;
    if (!unask) return false;
    this.#unask = () => {
      wanted = false;
      unask();
    };
    return true;
  }
  #sender(method: AuthMethod): (packet: Uint8Array) => void {
    return (packet) => this.#on.send(this.#owner, methodProtocol(method), packet);
  }
  #eapMethods(): EapMethod[] {
    const { refuse } = this.#cfg;
    return EAP_METHODS.filter(([, plain]) => !refuse.includes(plain)).map(([m]) => m);
  }
  /** EAP is no way around the list; alone, it is with the method that proves both sides. */
  #eapOffers(): EapMethod[] {
    const { require } = this.#cfg;
    const listed = EAP_METHODS.filter(([, plain]) => require.includes(plain)).map(([m]) => m);
    return listed.length > 0 ? listed : ["mschapv2"];
  }
  #succeeded(which: "ours" | "peers", user: string, method: string, master: MppeMaster | null): void {
    if (!this.#open.delete(which)) return; // a repeated challenge, answered and accepted
    if (master && this.#cfg.mppe) this.#masters.set(which, master);
    else master?.key.wipe();
    if (which === "peers" || this.#user === "") this.#user = user;
    this.#on.event(
      this.#owner,
      user,
      method,
      true,
      which === "ours" ? "the peer accepts this side" : "the peer is who it says",
    );
    if (this.#open.size === 0) this.#on.done(this.#owner);
  }
  #failed(user: string, method: string, why: Failure): void {
    this.#on.event(this.#owner, user, method, false, why.text);
    this.#on.failed(this.#owner, why);
  }
}
