// The netdev, or a session's part in one: addresses, routes and MTU as PPP agreed on them, and IPv6 while IPV6CP is
// open.
import { linkLocal } from "../../core/addr.ts";
import type { Failure } from "../../core/failures.ts";
import { giveBack } from "../../core/give-back.ts";
import type { NetInterface, UserInterface } from "../../dataplane/dataplane.ts";
import type { PppUp } from "../../ppp/api.ts";
import { systemFailure } from "../deps.ts";
import type { Ladder, Rung } from "../ladder.ts";
import { ETHERNET_MTU } from "../settings.ts";
import type { PppRung } from "./ppp.ts";

export interface NetdevUser {
  readonly ifname: string;
  /** The largest packet that the call carries. */
  readonly mtu: number;
  /** Rejects with SystemError. */
  attach(info: PppUp, mtu: number): Promise<NetInterface | UserInterface>;
  /** Whose part of a shared netdev it is; undefined: it is a netdev of its own. */
  readonly sharer?: string;
}

export class NetdevRung implements Rung {
  readonly name = "netdev";
  readonly #ladder: Ladder;
  readonly #ppp: PppRung;
  readonly #user: NetdevUser;
  net: NetInterface | UserInterface | null = null;
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
  /** Counters of the netdev, as far as known. */
  get mtu(): number {
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
      const text = `${info.local} to ${info.remote} on ${this.net.ifname}, MTU ${this.mtu}`;
      this.#ladder.stage("ip", "ok", text);
      this.#ladder.isUp(this);
      this.setIpv6();
    });
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
  drop(_why: Failure): Promise<void> | undefined {
    const { net } = this;
    this.net = null;
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
    const { ids } = this.#ppp;
    const ip6 = ids && linkLocal(sharer === undefined ? ids.local : ids.remote);
    if (!net || this.ip6 === ip6) return;
    const { link } = this.#ladder;
    this.ip6 = ip6;
    this.#ladder.scope.settle(
      net.setIpv6(ip6),
      () => {
        if (this.net === net && sharer === undefined) this.#ladder.emit({ kind: "link.ipv6", link, local: ip6 ?? "" });
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
