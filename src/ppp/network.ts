// The network control protocols of a session (RFC 1661 §3.6): IPCP, which it stands and falls with, and those that come
// and go beside it. They live as long as the session, however often LCP negotiates anew.

import type { Clock, Timer } from "../core/clock.ts";
import type { Failure } from "../core/errors.ts";
import { LazyMap } from "../core/lazy.ts";
import type { Rng } from "../core/rng.ts";
import { said } from "../core/words.ts";
import { BcpOptions } from "./bcp.ts";
import type { BridgedFormat } from "./bridged.ts";
import { CCP_CODE, CcpOptions, methodWords } from "./ccp.ts";
import type { Coding, MppeSource } from "./coding.ts";
import type { MppeBits } from "./compress/mppe.ts";
import type { ControlPacket } from "./cp.ts";
import { PROTOCOL } from "./frame.ts";
import { type Assignment, IpcpOptions, type IpcpWants } from "./ipcp.ts";
import { Ipv6cpOptions, type Ipv6Ids, type SharedIds } from "./ipv6cp.ts";
import { ControlProtocol, type Ignored, type ProtocolEvents } from "./negotiate.ts";
import { failure } from "./words.ts";

/** Between two Reset-Requests: longer than the slowest line's round trip. */
const RESET_MS = 1500;

/** What is wanted beside IPv4. */
export interface NetworkWants {
  readonly ipv6: boolean;
  readonly ipv6Ids: SharedIds | null;
  readonly bridge: boolean;
  /** Null: the channel's packets do not visit us, so there is no compression, whatever is wanted. */
  readonly coding: Coding | null;
  readonly vj: boolean;
  readonly deflate: boolean;
  readonly bsd: boolean;
  readonly mppc: boolean;
  /** Null: no encryption is wanted; else IPCP waits for it, and the session ends without it. */
  readonly mppe: { readonly least: MppeBits; readonly source: MppeSource } | null;
}
interface Ncp<P> {
  readonly options: P;
  readonly protocol: ControlProtocol<Network<unknown>>;
}

export interface NetworkEvents<O> extends Pick<ProtocolEvents<O>, "ignored" | "limit"> {
  send(o: O, protocol: number, packet: Uint8Array): void;
  /** IPCP is open. */
  up(o: O, assignment: Assignment): void;
  /** And no longer. */
  down(o: O): void;
  /** The session cannot go on. */
  failed(o: O, why: Failure): void;
  ipv6(o: O, ids: Ipv6Ids | null): void;
  /** BCP is open, or no longer (null). */
  bridge(o: O, format: BridgedFormat | null): void;
  /** The peer does not bridge, in words; the session goes on without. */
  unbridged(o: O, why: string): void;
  /** CCP is open; in words. */
  compression(o: O, sending: string, receiving: string): void;
  /** The peer, or we, do without something; in words. */
  refused(o: O, what: string): void;
}

export class Network<O> {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #owner: O;
  readonly #on: NetworkEvents<O>;
  #ipcp: Ncp<IpcpOptions> | null = null;
  #ipv6cp: Ncp<Ipv6cpOptions> | null = null;
  #bcp: Ncp<BcpOptions> | null = null;
  #ccp: Ncp<CcpOptions> | null = null;
  #coding: Coding | null = null;
  #encrypted = false;
  /** What may begin has begun: everything, or with encryption only CCP. */
  #begun = false;
  /**
   * By protocol, the last packet of a peer that began before there was encryption: its next one would come three
   * seconds later.
   */
  readonly #early = new LazyMap<number, Uint8Array>();
  /** Armed while a Reset-Ack is awaited. */
  #resetTimer: Timer | null = null;
  #resetId = -1;
  #ipcpSaid = "";
  #ipv6Told = false;
  #bridged = false;

  /** What all have in common. */
  static readonly #COMMON = {
    lcp: false,
    extra: (): boolean => false,
    codeRejected: (): void => {},
    ignored: (n: Network<unknown>, name: Ignored): void => n.#on.ignored(n.#owner, name),
    limit: (n: Network<unknown>): number => n.#on.limit(n.#owner),
  };
  static readonly #IPCP: ProtocolEvents<Network<unknown>> = {
    ...Network.#COMMON,
    send: (n, p) => n.#on.send(n.#owner, PROTOCOL.ipcp, p),
    up: (n) => {
      const a = n.#ipcp?.options.result();
      if (!a) return;
      if ("code" in a) return n.#on.failed(n.#owner, a);
      const vj = n.#ipcp?.options.headers();
      n.#coding?.setHeaders(vj?.sending ?? null, vj?.receiving ?? null);
      n.#on.up(n.#owner, a);
    },
    down: (n) => {
      n.#coding?.setHeaders(null, null);
      n.#on.down(n.#owner);
    },
    finished: (n) => n.#on.failed(n.#owner, failure("ipcp-failed", `IPCP ended${said(n.#ipcpSaid)}`, false)),
    failed: (n, why) => n.#on.failed(n.#owner, why),
    terminated: (n, text) => {
      n.#ipcpSaid = text;
    },
  };
  static readonly #IPV6CP: ProtocolEvents<Network<unknown>> = {
    ...Network.#COMMON,
    send: (n, p) => n.#on.send(n.#owner, PROTOCOL.ipv6cp, p),
    up: (n) => n.#tellIpv6(n.#ipv6cp?.options.result() ?? null),
    down: (n) => n.#tellIpv6(null),
    finished: () => {},
    failed: (n, why) => {
      n.#on.refused(n.#owner, `IPv6: ${why.text}`);
      n.#ipv6cp?.protocol.close();
    },
    terminated: () => {},
  };
  static readonly #BCP: ProtocolEvents<Network<unknown>> = {
    ...Network.#COMMON,
    send: (n, p) => n.#on.send(n.#owner, PROTOCOL.bcp, p),
    up: (n) => {
      const format = n.#bcp?.options.result() ?? null;
      if (format === null) return;
      if (typeof format === "string") return n.#noBridging(format);
      n.#bridged = true;
      n.#on.bridge(n.#owner, format);
    },
    down: (n) => {
      if (n.#bridged) n.#on.bridge(n.#owner, null);
      n.#bridged = false;
    },
    finished: () => {},
    failed: (n, why) => n.#noBridging(why.text),
    terminated: () => {},
  };
  static readonly #CCP: ProtocolEvents<Network<unknown>> = {
    ...Network.#COMMON,
    send: (n, p) => n.#on.send(n.#owner, PROTOCOL.ccp, p),
    up: (n) => {
      const r = n.#ccp?.options.result();
      if (!r || (!r.sending && !r.receiving)) return;
      n.#coding?.setData(r.sending, r.receiving);
      if (n.#encrypted) n.#begin();
      n.#on.compression(n.#owner, methodWords(r.sending), methodWords(r.receiving));
    },
    down: (n) => n.#uncompressed(),
    finished: (n) => {
      if (n.#encrypted) n.#on.failed(n.#owner, failure("no-encryption", "the peer ended encryption (CCP)", false));
    },
    failed: (n, why) => {
      if (n.#encrypted) return n.#on.failed(n.#owner, why);
      n.#on.refused(n.#owner, `compression: ${why.text}`);
      n.#ccp?.protocol.close();
    },
    terminated: () => {},
    extra: (n, p) => n.#reset(p),
  };

  constructor(clock: Clock, rng: Rng, owner: O, on: NetworkEvents<O>) {
    this.#clock = clock;
    this.#rng = rng;
    this.#owner = owner;
    this.#on = on;
  }
  /** LCP is open and everybody is who they should be. What is wanted is asked for the first time only. */
  open(wants: IpcpWants, more: NetworkWants): void {
    if (!this.#ipcp) {
      const self = this as Network<unknown>;
      this.#coding = more.coding;
      const options = new IpcpOptions(wants, more.coding !== null && more.vj);
      this.#ipcp = {
        options,
        protocol: new ControlProtocol({ clock: this.#clock, name: "ipcp" }, options, self, Network.#IPCP),
      };
      this.#ipcp.protocol.open();
      this.#encrypted = more.mppe !== null;
      if (more.coding && (more.deflate || more.bsd || more.mppc || more.mppe)) {
        const options = new CcpOptions({
          deflate: more.deflate,
          bsd: more.bsd,
          mppc: more.mppc,
          mppe: more.mppe?.least ?? null,
        });
        this.#ccp = {
          options,
          protocol: new ControlProtocol({ clock: this.#clock, name: "ccp" }, options, self, Network.#CCP),
        };
        this.#ccp.protocol.open();
        this.#resetTimer = this.#clock.timer("ccp-reset", () => this.askReset());
      }
      if (more.ipv6) {
        const options = new Ipv6cpOptions(this.#rng, more.ipv6Ids);
        this.#ipv6cp = {
          options,
          protocol: new ControlProtocol({ clock: this.#clock, name: "ipv6cp" }, options, self, Network.#IPV6CP),
        };
        this.#ipv6cp.protocol.open();
      }
    }
    if (more.bridge && !this.#bcp) {
      const options = new BcpOptions((what) => this.#on.refused(this.#owner, what));
      this.#bcp = {
        options,
        protocol: new ControlProtocol(
          { clock: this.#clock, name: "bcp" },
          options,
          this as Network<unknown>,
          Network.#BCP,
        ),
      };
      this.#bcp.protocol.open();
    }
    if (more.mppe) more.coding?.encryptOnly(more.mppe.source);
    this.#ccp?.protocol.lowerUp();
    if (!this.#encrypted) this.#begin(); // RFC 3078 §9: no user data before there is encryption
  }
  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#ipcp?.protocol.lowerUp();
    this.#ipv6cp?.protocol.lowerUp();
    this.#bcp?.protocol.lowerUp();
    const early = [...this.#early];
    this.#early.clear();
    for (const [protocol, body] of early) this.#find(protocol)?.input(body);
  }
  #end(): void {
    if (!this.#begun) return;
    this.#begun = false;
    this.#ipcp?.protocol.lowerDown();
    this.#ipv6cp?.protocol.lowerDown();
    this.#bcp?.protocol.lowerDown();
  }
  /** What the session waits for. */
  get missing(): "CCP" | "IPCP" {
    return this.#begun ? "IPCP" : "CCP";
  }
  lowerDown(): void {
    this.#early.clear();
    this.#ccp?.protocol.lowerDown();
    this.#end();
  }
  stop(): void {
    for (const p of this.#all()) p.stop();
    this.#resetTimer?.disarm();
    this.#coding?.close();
  }
  opened(protocol: number): boolean {
    return this.#find(protocol)?.opened ?? false;
  }
  get state(): string {
    return this.#ipcp?.protocol.state ?? "initial";
  }
  /** False when it is none of ours. Throws DecodeError. */
  input(protocol: number, body: Uint8Array): boolean {
    const p = this.#find(protocol);
    if (p && !this.#begun && p !== this.#ccp?.protocol) this.#early.set(protocol, body.slice());
    else p?.input(body);
    return p !== null;
  }
  protocolRejected(protocol: number): void {
    if (protocol === PROTOCOL.ipcp)
      this.#on.failed(this.#owner, failure("ipcp-failed", "the peer does not support IPCP", true));
    else if (protocol === PROTOCOL.ccp && this.#encrypted) {
      this.#on.failed(this.#owner, failure("no-encryption", "the peer does not encrypt: it has no CCP", true));
    } else {
      if (protocol === PROTOCOL.bcp && this.#bcp?.protocol.state !== "stopped")
        this.#on.unbridged(this.#owner, "it has no BCP");
      this.#find(protocol)?.protocolRejected();
    }
  }

  /** What the peer sends compressed cannot be read: it is to begin anew, and is asked until it does (RFC 1979 §2). */
  askReset(): void {
    if (!this.#ccp?.protocol.opened || !this.#coding?.waiting) return;
    if (!this.#coding.resettable)
      return this.#on.failed(
        this.#owner,
        failure("no-encryption", "packets from the peer cannot be decrypted (MPPE)", false),
      );
    this.#resetId = this.#ccp.protocol.send(CCP_CODE.resetRequest, new Uint8Array(0));
    this.#resetTimer?.arm(RESET_MS);
  }
  #reset(p: ControlPacket): boolean {
    if (p.code === CCP_CODE.resetRequest) {
      if (this.#ccp?.protocol.opened) {
        this.#coding?.resetSending();
        this.#ccp.protocol.reply(CCP_CODE.resetAck, p);
      }
      return true;
    }
    if (p.code !== CCP_CODE.resetAck) return false;
    // A peer begins anew at every request: only the answer to the last one tells where.
    if (p.id === this.#resetId && this.#coding?.waiting) {
      this.#resetTimer?.disarm();
      this.#coding.resetReceiving();
    }
    return true;
  }
  #uncompressed(): void {
    this.#resetTimer?.disarm();
    this.#coding?.setData(null, null);
    if (this.#encrypted) this.#end();
  }
  #noBridging(why: string): void {
    this.#on.unbridged(this.#owner, why);
    this.#bcp?.protocol.close();
  }
  #all(): ControlProtocol<Network<unknown>>[] {
    return [this.#ipcp, this.#ccp, this.#ipv6cp, this.#bcp].flatMap((n) => n?.protocol ?? []);
  }
  #find(protocol: number): ControlProtocol<Network<unknown>> | null {
    if (protocol === PROTOCOL.ipcp) return this.#ipcp?.protocol ?? null;
    if (protocol === PROTOCOL.ipv6cp) return this.#ipv6cp?.protocol ?? null;
    if (protocol === PROTOCOL.bcp) return this.#bcp?.protocol ?? null;
    if (protocol === PROTOCOL.ccp) return this.#ccp?.protocol ?? null;
    return null;
  }
  #tellIpv6(ids: Ipv6Ids | null): void {
    if (this.#ipv6Told === (ids !== null)) return;
    this.#ipv6Told = ids !== null;
    this.#on.ipv6(this.#owner, ids);
  }
}
