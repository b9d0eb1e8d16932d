// A data plane in a process of its own, inside a network namespace, and the commands that it takes.
import assert from "node:assert/strict";
import type {
  CallChannel,
  NetInterface,
  SaSpec,
  ServerInterface,
  SessionInterface,
} from "../../src/dataplane/dataplane.ts";
import type { UserspacePlane } from "../../src/dataplane/userspace/plane.ts";
import { openUserspacePlane } from "../../src/dataplane/userspace/plane.ts";
import { nodeClock } from "../../src/runtime/node/clock.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";

export type Encap = "udp" | "esp" | "clear";
export interface Setup {
  readonly encap: Encap;
  readonly local: string;
  readonly remote: string;
  readonly right: boolean;
  readonly server: boolean;
  readonly sequencing: boolean;
  readonly cipher: SaSpec["cipher"];
  readonly ifname: string;
}
export interface Commands {
  setup: { args: Setup; result: null };
  /** Removes the SA that sends. */
  cut: { args: null; result: null };
  drops: { args: null; result: Record<string, number> };
  counters: { args: null; result: number };
  detach: { args: null; result: null };
  /** Link-local address of a client's netdev. */
  ipv6: { args: string | null; result: null };
  pin: { args: string; result: null };
  block: { args: string; result: null };
  path: { args: string; result: { local: string; mtu: number; device: string } };
  /** Opens what takes UDP 500; the sentence when it cannot. */
  ike: { args: null; result: string };
  close: { args: null; result: null };
}
export const SPI = { a: 0x1000, b: 0x2000 };

// ---- the process inside a namespace ----

export class Helper {
  #plane: UserspacePlane | null = null;
  #call: CallChannel | null = null;
  #net: SessionInterface | null = null;
  #client: NetInterface | null = null;
  #server: ServerInterface | null = null;
  #out = 0;

  async run<K extends keyof Commands>(cmd: K, args: Commands[K]["args"]): Promise<unknown> {
    const plane = await this.#open();
    switch (cmd) {
      case "setup":
        await this.#setup(plane, args as Setup);
        return null;
      case "cut":
        await plane.ipsec.remove(9, "out", this.#out);
        return null;
      case "drops":
        return plane.drops();
      case "counters":
        return this.#call?.counters().rxPackets;
      case "detach":
        await this.#net?.detach();
        await this.#server?.close();
        return null;
      case "ipv6":
        await this.#client?.setIpv6(args as string | null);
        return null;
      case "pin":
        await plane.net.pinHostRoute(args as string);
        return null;
      case "block":
        plane.net.blockRoutes([args as string]);
        return null;
      case "path":
        return await plane.net.pathTo(args as string);
      case "ike":
        try {
          plane.ikePort();
          return "";
        } catch (e) {
          return e instanceof Error ? e.message : "?";
        }
      case "close":
        await plane.close();
        return null;
      default:
        throw new Error(`unknown command ${cmd}`);
    }
  }
  async #open(): Promise<UserspacePlane> {
    if (this.#plane) return this.#plane;
    const native = loadNative();
    const fastPath = native.fastPath();
    assert.ok(fastPath);
    const log = { emit: (e: object) => process.stderr.write(`${JSON.stringify(e)}\n`) };
    this.#plane = await openUserspacePlane({ native, fastPath, clock: nodeClock, crypto: nodeCrypto, log });
    return this.#plane;
  }
  async #setup(plane: UserspacePlane, s: Setup): Promise<void> {
    const [mine, theirs] = s.right ? [SPI.b, SPI.a] : [SPI.a, SPI.b];
    this.#out = theirs;
    if (s.encap !== "clear") {
      const port = s.encap === "udp" ? 4500 : 0;
      const aead = s.cipher === "aes128gcm16";
      const spec = (spi: number): SaSpec => ({
        spi,
        cipher: s.cipher,
        integ: aead ? "none" : "sha1",
        keys: {
          encr: new Uint8Array(aead ? 20 : 16).fill(spi >>> 8),
          integ: new Uint8Array(aead ? 0 : 20).fill(spi >>> 8),
        },
        local: { address: s.local, port },
        remote: { address: s.remote, port },
        udpEncap: s.encap === "udp",
        localPort: 1701,
        remotePort: 1701,
        hardBytes: 0,
        hardPackets: 0,
      });
      await plane.ipsec.addInbound(9, spec(mine));
      await plane.ipsec.addOutbound(9, spec(theirs));
    }
    const clear = s.encap === "clear" ? await plane.l2tp.openClear({ address: s.local, port: 1701 }) : null;
    const remote = clear ? clear.remote({ address: s.remote, port: 1701 }) : plane.l2tp.secureRemote(9, 1701, 1701);
    const call = plane.l2tp
      .openTunnel({ localId: s.right ? 2 : 1, peerId: s.right ? 1 : 2, remote })
      .openCall({ localId: s.right ? 20 : 10, peerId: s.right ? 10 : 20, sequencing: s.sequencing, mru: 1400 });
    call.configure({ sendAccm: 0, recvAccm: 0, pfc: false, acfc: s.right, mtu: 1400 });
    this.#call = call;
    if (s.server) {
      this.#server = await plane.net.openServer({
        ifname: s.ifname,
        mtu: 1400,
        local4: "10.7.0.1",
        local6: null,
        pool: [],
        clampMss: true,
      });
      this.#net = await this.#server.attach(call, "10.7.0.2", [{ prefix: "192.168.7.0/24" }]);
    } else {
      const routes = [{ prefix: "10.9.0.0/16", metric: 50 }];
      this.#client = await plane.net.attachClient(call, {
        ifname: s.ifname,
        mtu: 1400,
        local4: "10.7.0.2",
        peer4: "10.7.0.1",
        routes,
        clampMss: true,
      });
      this.#net = this.#client;
    }
  }
}
