// The netdev, or a session's part in one: addresses, routes and MTU as PPP agreed on them, and IPv6 while IPV6CP is
// open.
import type { Failure } from "../../core/failures.ts";
import { giveBack } from "../../core/give-back.ts";
import type { NetInterface, UserInterface } from "../../dataplane/dataplane.ts";
import type { PppUp } from "../../ppp/api.ts";
import type { Ipv6Ids } from "../../ppp/ipv6cp.ts";
import { systemFailure } from "../deps.ts";
import type { Ladder, Rung } from "../ladder.ts";
import type { PppRung } from "./ppp.ts";

export interface NetdevUser {
  readonly ppp: PppRung;
  readonly ifname: string;
  /** Of the netdev while PPP is up. */
  readonly mtu: number;
  /** Rejects with SystemError. */
  attach(info: PppUp): Promise<NetInterface | UserInterface>;
  /** What setIpv6() of the netdev takes. */
  ip6Of(ids: Ipv6Ids): string;
  /** IPv6 passes with this address, or no longer. */
  onIpv6Set?(ip6: string | null): void;
  /** IPv6 comes and goes by itself; without it a link is a link. */
  noIpv6(why: Failure): void;
}

export class NetdevRung implements Rung {
  readonly name = "netdev";
  readonly #ladder: Ladder;
  readonly #user: NetdevUser;
  net: NetInterface | UserInterface | null = null;
  /** While IPv6 passes. */
  ip6: string | null = null;
  /** What was agreed on when the netdev that is being made was asked for; null: nobody waits for it. */
  #wanted: PppUp | null = null;
  /** Netdevs come and go one after another; null: nothing is going on. Never rejects. */
  #turn: Promise<void> | null = null;

  constructor(ladder: Ladder, user: NetdevUser) {
    this.#ladder = ladder;
    this.#user = user;
  }
  up(): void {
    const { info } = this.#user.ppp;
    if (!info) return; // PPP began anew in the same breath
    this.#wanted = info;
    this.#ladder.stage("ip", "busy", `setting up ${this.#user.ifname}`);
    const made = (this.#turn ?? Promise.resolve()).then(() => this.#make(info));
    this.#wait(
      made.then(
        () => {},
        () => {},
      ),
    );
    this.#ladder.settle(made, () => {
      if (!this.net) return;
      const text = `${info.local} to ${info.remote} on ${this.net.ifname}, MTU ${this.#user.mtu}`;
      this.#ladder.stage("ip", "ok", text);
      this.#ladder.isUp(this);
      this.setIpv6();
    });
  }
  async #make(info: PppUp): Promise<void> {
    if (this.#wanted !== info) return;
    const net = await this.#user.attach(info);
    if (this.#wanted !== info) return this.#giveBack(net);
    this.#wanted = null;
    this.net = net;
  }
  down(why: Failure): void {
    const leaving = this.drop(why);
    if (leaving)
      this.#ladder.scope.settle(
        leaving,
        () => this.#ladder.isDown(this),
        () => {},
      );
    else this.#ladder.isDown(this);
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

  /** Sets right what IPV6CP agreed on. */
  setIpv6(): void {
    const { net } = this;
    const { ids } = this.#user.ppp;
    const ip6 = ids && this.#user.ip6Of(ids);
    if (!net || this.ip6 === ip6) return;
    this.ip6 = ip6;
    this.#ladder.scope.settle(
      net.setIpv6(ip6),
      () => {
        if (this.net === net) this.#user.onIpv6Set?.(ip6);
      },
      (e) => {
        if (this.net === net) this.ip6 = null;
        this.#user.noIpv6(systemFailure(e));
      },
    );
  }
}
