// The port of a bridge that a link's Ethernet frames come out of (BCP). Like IPv6 it comes and goes by itself, while
// the link is up: a peer that bridges nothing is a link without it.
import { type Failure, failure } from "../../core/failures.ts";
import { giveBack } from "../../core/give-back.ts";
import type { Packet } from "../../core/packet.ts";
import type { BridgePort, NetPlane } from "../../dataplane/dataplane.ts";
import type { Ladder, Rung } from "../ladder.ts";
import type { PppRung } from "./ppp.ts";

export interface BridgeUser {
  readonly net: Pick<NetPlane, "attachBridge">;
  /** The bridge, and the port's own name; null: none is wanted. */
  bridge(): { readonly name: string; readonly port: string } | null;
}
const IFNAMSIZ = 15;

/** The name of a port beside the netdev `device`; `session`: of one of a server's. */
export function portName(device: string, session: number | "" = ""): string {
  const tail = `-b${session}`;
  return device.slice(0, IFNAMSIZ - tail.length) + tail;
}

export class BridgeRung implements Rung {
  readonly name = "bridge";
  readonly #ladder: Ladder;
  readonly #ppp: PppRung;
  readonly #user: BridgeUser;
  #port: BridgePort | null = null;
  /** Of what is being made now; null: nobody waits for it. */
  #wanted: { readonly mtu: number } | null = null;
  /** Ports come and go one after another. Never rejects. */
  #turn: Promise<void> | null = null;

  constructor(ladder: Ladder, ppp: PppRung, user: BridgeUser) {
    this.#ladder = ladder;
    this.#ppp = ppp;
    this.#user = user;
    ppp.bridge = this;
  }
  /** The bridge that frames come out of now. */
  get joined(): string | null {
    return this.#port ? (this.#user.bridge()?.name ?? null) : null;
  }
  up(): void {
    this.#ladder.isUp(this);
  }
  /** BCP is open for frames with so many bytes of payload; null: no longer. */
  set(mtu: number | null): void {
    void this.drop();
    const to = this.#user.bridge();
    if (mtu === null || !to) return;
    const wanted = { mtu };
    this.#wanted = wanted;
    const made = (this.#turn ?? Promise.resolve()).then(() => this.#make(to, wanted));
    this.#wait(made.catch(() => {}));
    this.#ladder.settle(made, () => {
      const { link } = this.#ladder;
      if (this.#wanted !== wanted || !this.#port) return;
      this.#ladder.emit({ kind: "link.bridged", link, ifname: this.#port.ifname, bridge: to.name, mtu });
    });
  }
  receive(frame: Packet): void {
    this.#port?.receive(frame);
  }
  drop(_why?: Failure): Promise<void> | undefined {
    const port = this.#port;
    this.#port = this.#wanted = null;
    if (port) this.#wait(this.#giveBack(port));
    return this.#turn ?? undefined;
  }
  async #make(to: { readonly name: string; readonly port: string }, wanted: { readonly mtu: number }): Promise<void> {
    if (this.#wanted !== wanted) return;
    const line = {
      transmit: (frame: Packet): void => this.#ladder.scope.run(() => this.#ppp.sendBridged(frame)),
      lost: (why: string): void => this.#ladder.lost(this.#ppp, failure("netdev", why)),
    };
    const port = await this.#user.net.attachBridge(line, { ifname: to.port, mtu: wanted.mtu, bridge: to.name });
    if (this.#wanted !== wanted) return this.#giveBack(port);
    this.#port = port;
  }
  #giveBack(port: BridgePort): Promise<void> {
    return giveBack(
      () => port.detach(),
      (e) => this.#ladder.log(e),
    );
  }
  #wait(p: Promise<void>): void {
    const turn: Promise<void> = p.then(() => {
      if (this.#turn === turn) this.#turn = null;
    });
    this.#turn = turn;
  }
}
