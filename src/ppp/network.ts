// The network control protocols of a session (RFC 1661 §3.6): IPCP, which it stands and falls with, and those that come and go
// beside it. They live as long as the session, however often LCP negotiates anew.
import type { Clock } from "../core/clock.ts";
import type { Failure } from "../core/errors.ts";
import type { Rng } from "../core/rng.ts";
import { said } from "../core/words.ts";
import { PROTOCOL, protocolName } from "./frame.ts";
import { type Assignment, IpcpOptions, type IpcpWants } from "./ipcp.ts";
import { Ipv6cpOptions, type Ipv6Ids } from "./ipv6cp.ts";
import { ControlProtocol, type OptionPolicy, type ProtocolEvents } from "./negotiate.ts";
import { failure } from "./words.ts";

export interface NetworkOwner {
  send(protocol: number, packet: Uint8Array): void;
  /** IPCP is open. */
  up(assignment: Assignment): void;
  /** And no longer. */
  down(): void;
  /** The session cannot go on. */
  failed(why: Failure): void;
  ipv6(ids: Ipv6Ids | null): void;
  /** The peer, or we, do without something; in words. */
  refused(what: string): void;
  readonly odd: ProtocolEvents["odd"];
  readonly limit: ProtocolEvents["limit"];
}
type Events = Pick<ProtocolEvents, "up" | "down" | "finished" | "failed" | "terminated">;

export class Network {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #owner: NetworkOwner;
  readonly #all = new Map<number, ControlProtocol>();

  constructor(clock: Clock, rng: Rng, owner: NetworkOwner) {
    this.#clock = clock;
    this.#rng = rng;
    this.#owner = owner;
  }
  /** LCP is open and everybody is who they should be. What is wanted is asked for the first time only. */
  open(wants: IpcpWants, ipv6: boolean): void {
    if (this.#all.size === 0) {
      this.#ipcp(wants);
      if (ipv6) this.#ipv6cp();
      for (const p of this.#all.values()) p.open();
    }
    for (const p of this.#all.values()) p.lowerUp();
  }
  lowerDown(): void {
    for (const p of this.#all.values()) p.lowerDown();
  }
  stop(): void {
    for (const p of this.#all.values()) p.stop();
  }
  opened(protocol: number): boolean {
    return this.#all.get(protocol)?.opened ?? false;
  }
  get state(): string {
    return this.#all.get(PROTOCOL.ipcp)?.state ?? "initial";
  }
  /** False when it is none of ours. Throws DecodeError. */
  input(protocol: number, body: Uint8Array): boolean {
    const p = this.#all.get(protocol);
    p?.input(body);
    return p !== undefined;
  }
  protocolRejected(protocol: number): void {
    if (protocol === PROTOCOL.ipcp) this.#owner.failed(failure("ipcp-failed", "the peer does not speak IPCP", true));
    else this.#all.get(protocol)?.protocolRejected();
  }

  #ipcp(wants: IpcpWants): void {
    const options = new IpcpOptions(wants);
    let words = "";
    this.#make(PROTOCOL.ipcp, options, {
      up: () => {
        const a = options.result();
        if ("code" in a) this.#owner.failed(a);
        else this.#owner.up(a);
      },
      down: () => this.#owner.down(),
      finished: () => this.#owner.failed(failure("ipcp-failed", `IPCP ended${said(words)}`)),
      failed: (why) => this.#owner.failed(why),
      terminated: (text) => {
        words = text;
      },
    });
  }
  #ipv6cp(): void {
    const options = new Ipv6cpOptions(this.#rng);
    let told = false;
    const tell = (ids: Ipv6Ids | null): void => {
      if (told === (ids !== null)) return;
      told = ids !== null;
      this.#owner.ipv6(ids);
    };
    const protocol = this.#make(PROTOCOL.ipv6cp, options, {
      up: () => tell(options.result()),
      down: () => tell(null),
      finished: () => {},
      failed: (why) => {
        this.#owner.refused(`IPv6: ${why.text}`);
        protocol.close();
      },
      terminated: () => {},
    });
  }
  #make(number: number, options: OptionPolicy, on: Events): ControlProtocol {
    const { odd, limit } = this.#owner;
    const protocol = new ControlProtocol(this.#clock, protocolName(number).toLowerCase(), options, {
      ...on, send: (p) => this.#owner.send(number, p), lcp: false, extra: () => false, codeRejected: () => {}, odd, limit,
    });
    this.#all.set(number, protocol);
    return protocol;
  }
}
