// The netdev, or a session's part in one: addresses, routes and MTU as PPP agreed on them, and IPv6 while IPV6CP is
// open.
import { linkLocal } from "../../core/addr.ts";
import type { Failure } from "../../core/failures.ts";
import { giveBack } from "../../core/give-back.ts";
import type { ClientInterface, NetInterface, UserInterface } from "../../dataplane/dataplane.ts";
import type { PppUp } from "../../ppp/api.ts";
import type { Ipv6Ids } from "../../ppp/ipv6cp.ts";
import { systemFailure } from "../deps.ts";
import type { Ladder, Rung } from "../ladder.ts";
import { PathMtu } from "../path-mtu.ts";
import { ETHERNET_MTU } from "../settings.ts";
import type { MtuSource } from "../status.ts";
import type { PppRung } from "./ppp.ts";

const IPV6_MTU = 1280; // RFC 8200 §5

export interface NetdevUser {
  readonly ifname: string;
  /** The largest packet that the call carries, as far as known, and how. */
  readonly mtu: number;
  readonly mtuSource?: MtuSource;
  /** Whether that is made sure of. */
  readonly probes?: boolean;
  /** Rejects with SystemError. */
  attach(info: PppUp, mtu: number): Promise<NetInterface | ClientInterface | UserInterface>;
  /** Whose part of a shared netdev it is; undefined: it is a netdev of its own. */
  readonly sharer?: string;
  /** PPP goes by another channel of its bundle: what attach() gave goes by that too. Absent: it is made anew. */
  rebind?(net: ClientInterface): Promise<void> | undefined;
  /** IPv6 passes from now on, or no longer (null). */
  onIpv6?(ids: Ipv6Ids | null): void;
}

export class NetdevRung implements Rung {
  readonly name = "netdev";
  readonly #ladder: Ladder;
  readonly #ppp: PppRung;
  readonly #user: NetdevUser;
  net: NetInterface | ClientInterface | UserInterface | null = null;
  #probing: PathMtu | null = null;
  /** What probing found; null: no less than was agreed on. */
  #found: number | null = null;
  /** The link-local address (ours, or a sharer's) while IPv6 passes. */
  ip6: string | null = null;
  /** What was agreed on when the netdev that is being made was asked for; null: nobody waits for it. */
  #wanted: PppUp | null = null;
  /** Netdevs come and go one after another; null: nothing is going on. Never rejects. */
  #turn: Promise<void> | null = null;

  constructor(ladder: Ladder, ppp: PppRung, user: NetdevUser) {
    this.#ladder = ladder;
    this.#ppp = ppp;
    this.#user = user;
    ppp.above = this;
  }
  get mtu(): number {
    return this.#found ?? this.#agreed;
  }
  get mtuSource(): MtuSource {
    if (this.#found !== null) return "probe";
    const { info } = this.#ppp;
    return info && info.peerMru < this.#user.mtu ? "peer" : (this.#user.mtuSource ?? "option");
  }
  get #agreed(): number {
    const { info } = this.#ppp;
    if (!info) return this.#user.mtu;
    return Math.min(...(info.mrru === null ? [this.#user.mtu, info.peerMru] : [ETHERNET_MTU, info.mrru])) - info.growth;
  }
  up(): void {
    const { info } = this.#ppp;
    if (!info) return; // PPP renegotiated in the same turn
    this.#wanted = info;
    this.#ladder.stage("ip", "busy", `setting up ${this.#user.ifname}`);
    const made = (this.#turn ?? Promise.resolve()).then(() => this.#make(info));
    this.#wait(made.catch(() => {}));
    this.#ladder.settle(made, () => {
      if (!this.net) return;
      this.#told(info, this.net.ifname);
      this.#ladder.isUp(this);
      this.setIpv6();
      // Multilink carries what is longer than the path in fragments.
      if (this.#user.probes && info.mrru === null) this.#probe(this.net, info);
    });
  }
  #told(info: PppUp, ifname: string): void {
    this.#ladder.stage("ip", "ok", `${info.local} to ${info.remote} on ${ifname}, MTU ${this.mtu}`);
  }
  #probe(net: NetInterface | ClientInterface | UserInterface, info: PppUp): void {
    if (!("setMtu" in net)) return;
    const { scope, link } = this.#ladder;
    this.#probing = new PathMtu(scope, link, this.#agreed, {
      probe: (size, answered) => this.#ppp.probe(size + info.growth, () => scope.run(answered)),
      found: (mtu) => {
        this.#setMtu(net, mtu);
        this.#told(info, net.ifname);
      },
    });
  }
  /** Below IPV6_MTU the kernel takes IPv6 from a netdev. */
  #setMtu(net: ClientInterface, mtu: number): void {
    const { scope, link } = this.#ladder;
    this.#found = mtu === this.#agreed ? null : mtu;
    if (mtu < IPV6_MTU) this.setIpv6();
    this.#ladder.emit({ kind: "link.mtu", link, mtu, source: this.mtuSource });
    scope.settle(
      net.setMtu(mtu),
      () => this.setIpv6(),
      (e) => this.#ladder.emit({ kind: "daemon.warning", link, text: systemFailure(e).text }),
    );
  }
  /** PPP goes by another channel. */
  moved(): void {
    const { net } = this;
    const { info } = this.#ppp;
    if (!net || !info) return;
    const rebound = "setMtu" in net ? this.#user.rebind?.(net) : undefined;
    if (!rebound) void this.drop();
    else if (this.ip6 !== null) this.#user.onIpv6?.(null);
    this.ip6 = null;
    this.#wanted = rebound ? null : info;
    const made = rebound ?? (this.#turn ?? Promise.resolve()).then(() => this.#make(info));
    this.#wait(made.catch(() => {}));
    this.#ladder.settle(made, () => this.setIpv6());
  }
  async #make(info: PppUp): Promise<void> {
    if (this.#wanted !== info) return;
    const net = await this.#user.attach(info, this.mtu);
    if (this.#wanted !== info) return this.#giveBack(net);
    this.#wanted = null;
    this.net = net;
  }
  down(why: Failure): void {
    const leaving = this.drop(why);
    if (!leaving) return this.#ladder.isDown(this);
    leaving.then(
      () => this.#ladder.isDown(this),
      () => {},
    );
  }
  drop(_why?: Failure): Promise<void> | undefined {
    const { net } = this;
    this.#probing?.stop();
    this.#probing = null;
    this.#found = null;
    this.net = null;
    if (this.ip6 !== null) this.#user.onIpv6?.(null);
    this.ip6 = null;
    this.#wanted = null;
    if (net) this.#wait(this.#giveBack(net));
    return this.#turn ?? undefined;
  }
  #giveBack(net: NetInterface | UserInterface): Promise<void> {
    return giveBack(
      () => net.detach(),
      (e) => this.#ladder.log(e),
    );
  }
  #wait(p: Promise<void>): void {
    const turn: Promise<void> = p.then(() => {
      if (this.#turn === turn) this.#turn = null;
    });
    this.#turn = turn;
  }

  /** As IPV6CP agreed. IPv6 comes and goes by itself; a link without it is a link. */
  setIpv6(): void {
    const { net } = this;
    const { sharer } = this.#user;
    const ids = this.#found !== null && this.#found < IPV6_MTU ? null : this.#ppp.ids;
    const ip6 = ids && linkLocal(sharer === undefined ? ids.local : ids.remote);
    if (!net || this.ip6 === ip6) return;
    const { link } = this.#ladder;
    this.ip6 = ip6;
    this.#user.onIpv6?.(null);
    this.#ladder.scope.settle(
      net.setIpv6(ip6),
      () => {
        if (this.net !== net || this.ip6 !== ip6) return;
        this.#user.onIpv6?.(ids);
        if (sharer === undefined) this.#ladder.emit({ kind: "link.ipv6", link, local: ip6 ?? "" });
      },
      (e) => {
        if (this.net === net) this.ip6 = null;
        const whose = sharer === undefined ? "" : ` for user ${sharer}`;
        const text = `no IPv6${whose}: ${systemFailure(e).text}`;
        this.#ladder.emit({ kind: "daemon.warning", link, text });
      },
    );
  }
}
