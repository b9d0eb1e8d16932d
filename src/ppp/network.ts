// The network control protocols of a session (RFC 1661 §3.6): IPCP, which it stands and falls with, and those that come and go
// beside it. They live as long as the session, however often LCP negotiates anew.
import type { Clock } from "../core/clock.ts";
import type { Failure } from "../core/errors.ts";
import type { Rng } from "../core/rng.ts";
import { said } from "../core/words.ts";
import { PROTOCOL } from "./frame.ts";
import { type Assignment, IpcpOptions, type IpcpWants } from "./ipcp.ts";
import { Ipv6cpOptions, type Ipv6Ids } from "./ipv6cp.ts";
import { ControlProtocol, type Odd, type ProtocolEvents } from "./negotiate.ts";
import { failure } from "./words.ts";

interface Ncp<P> {
  readonly options: P;
  readonly protocol: ControlProtocol<Network<unknown>>;
}

export interface NetworkEvents<O> extends Pick<ProtocolEvents<O>, "odd" | "limit"> {
  send(o: O, protocol: number, packet: Uint8Array): void;
  /** IPCP is open. */
  up(o: O, assignment: Assignment): void;
  /** And no longer. */
  down(o: O): void;
  /** The session cannot go on. */
  failed(o: O, why: Failure): void;
  ipv6(o: O, ids: Ipv6Ids | null): void;
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
  #ipcpSaid = "";
  #ipv6Told = false;

  /** What all have in common. */
  static readonly #COMMON = {
    lcp: false,
    extra: (): boolean => false,
    codeRejected: (): void => {},
    odd: (n: Network<unknown>, name: Odd): void => n.#on.odd(n.#owner, name),
    limit: (n: Network<unknown>): number => n.#on.limit(n.#owner),
  };
  static readonly #IPCP: ProtocolEvents<Network<unknown>> = {
    ...Network.#COMMON,
    send: (n, p) => n.#on.send(n.#owner, PROTOCOL.ipcp, p),
    up: (n) => {
      const a = n.#ipcp?.options.result();
      if (!a) return;
      if ("code" in a) n.#on.failed(n.#owner, a);
      else n.#on.up(n.#owner, a);
    },
    down: (n) => n.#on.down(n.#owner),
    finished: (n) => n.#on.failed(n.#owner, failure("ipcp-failed", `IPCP ended${said(n.#ipcpSaid)}`)),
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

  constructor(clock: Clock, rng: Rng, owner: O, on: NetworkEvents<O>) {
    this.#clock = clock;
    this.#rng = rng;
    this.#owner = owner;
    this.#on = on;
  }
  /** LCP is open and everybody is who they should be. What is wanted is asked for the first time only. */
  open(wants: IpcpWants, ipv6: boolean): void {
    if (!this.#ipcp) {
      const self = this as Network<unknown>;
      const options = new IpcpOptions(wants);
      this.#ipcp = { options, protocol: new ControlProtocol(this.#clock, "ipcp", options, self, Network.#IPCP) };
      this.#ipcp.protocol.open();
      if (ipv6) {
        const options = new Ipv6cpOptions(this.#rng);
        this.#ipv6cp = { options, protocol: new ControlProtocol(this.#clock, "ipv6cp", options, self, Network.#IPV6CP) };
        this.#ipv6cp.protocol.open();
      }
    }
    this.#ipcp.protocol.lowerUp();
    this.#ipv6cp?.protocol.lowerUp();
  }
  lowerDown(): void {
    this.#ipcp?.protocol.lowerDown();
    this.#ipv6cp?.protocol.lowerDown();
  }
  stop(): void {
    this.#ipcp?.protocol.stop();
    this.#ipv6cp?.protocol.stop();
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
    p?.input(body);
    return p !== null;
  }
  protocolRejected(protocol: number): void {
    if (protocol === PROTOCOL.ipcp) this.#on.failed(this.#owner, failure("ipcp-failed", "the peer does not speak IPCP", true));
    else this.#find(protocol)?.protocolRejected();
  }

  #find(protocol: number): ControlProtocol<Network<unknown>> | null {
    if (protocol === PROTOCOL.ipcp) return this.#ipcp?.protocol ?? null;
    if (protocol === PROTOCOL.ipv6cp) return this.#ipv6cp?.protocol ?? null;
    return null;
  }
  #tellIpv6(ids: Ipv6Ids | null): void {
    if (this.#ipv6Told === (ids !== null)) return;
    this.#ipv6Told = ids !== null;
    this.#on.ipv6(this.#owner, ids);
  }
}
