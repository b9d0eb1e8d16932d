// One TAP netdev, a port of a bridge: frames of the bridge visit TypeScript, and come from there.
import type { FastPath, Native, Ring, Watcher } from "node-tuntap2";
import { Kind, LEN, META, OFF } from "node-tuntap2";
import { Packet } from "../../core/packet.ts";
import { attempt } from "../../linux/errno.ts";
import type { Keeper } from "../../linux/keeper.ts";
import { fill } from "../ring.ts";
import { TUN_ADVICE } from "./device.ts";

const TXQUEUELEN = 500;
const TURNS = 4; // batches per wake, so that other descriptors get their turn
/** The highest there is: a bridge takes the lowest address of its ports for its own, which must not come and go. */
const FIRST_OCTET = 0xfe;

interface TapDeps {
  readonly native: Native;
  readonly fp: FastPath;
  readonly keeper: Keeper;
  readonly one: Ring;
  readonly batch: Ring;
  readonly drops: { bump(name: string): void };
  random(n: number): Uint8Array;
}
interface TapEvents {
  /** A frame of the bridge, with HEADROOM in front; valid only during the call. */
  transmit(this: void, frame: Packet): void;
  /** It is no longer there. */
  gone(e: unknown): void;
}
export interface TapSpec {
  readonly ifname: string;
  readonly mtu: number;
  readonly bridge: string;
}

export class Tap {
  readonly ifname: string;
  readonly #deps: TapDeps;
  readonly #id: number;
  readonly #fd: number;
  readonly #index: number;
  readonly #watcher: Watcher;
  #open = true;

  /** In the bridge, and up. Throws SystemError, and then leaves no netdev behind. */
  constructor(deps: TapDeps, id: number, s: TapSpec, on: TapEvents) {
    const { native, keeper } = deps;
    const master = keeper.rtnl.bridge(s.bridge);
    const tap = attempt(`cannot create the interface ${s.ifname}`, TUN_ADVICE, () => native.tunOpen(s.ifname, "tap"));
    this.#deps = deps;
    this.#id = id;
    this.#fd = tap.fd;
    this.ifname = tap.name;
    let index = 0;
    try {
      index = keeper.rtnl.indexOf(tap.name);
      this.#index = index;
      keeper.rtnl.setLink(tap.name, index, { mac: Uint8Array.of(FIRST_OCTET, ...deps.random(5)) });
      keeper.addLink({ ifname: tap.name, index, mtu: s.mtu, master }, TXQUEUELEN);
      keeper.up(index);
    } catch (e) {
      keeper.forgetLink(index);
      native.close(tap.fd);
      throw e;
    }
    this.#watcher = native.watch(tap.fd, () => {
      try {
        this.#readable(on.transmit);
      } catch (e) {
        this.close();
        on.gone(e);
      }
    });
  }
  /** A frame for the bridge. */
  receive(frame: Packet): void {
    const { one, native, fp, drops } = this.#deps;
    if (!this.#open || !fill(one, 0, [frame.view()], Kind.tun)) return drops.bump("bridge.too-big");
    one.meta[3] = this.#id;
    native.writeTun(this.#fd, one, 1, this.#id, fp);
  }
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watcher.stop();
    this.#deps.keeper.forgetLink(this.#index);
    this.#deps.native.close(this.#fd); // the kernel takes it out of the bridge, and removes it
  }

  #readable(transmit: (frame: Packet) => void): void {
    const { native, batch } = this.#deps;
    for (let turn = 0; turn < TURNS && this.#open; turn++) {
      const n = native.readTun(this.#fd, batch);
      for (let at = 0; at < n * META; at += META) {
        const start = batch.meta[at + OFF] ?? 0;
        transmit(new Packet(batch.mem, start, start + (batch.meta[at + LEN] ?? 0)));
      }
      if (n < batch.slots) return;
    }
  }
}
