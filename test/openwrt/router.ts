// A router in memory: the daemon with a router's configuration, the double of ubusd, netifd's states, and a server to
// call.
import assert from "node:assert/strict";
import { Ubus } from "ubus-client";
import { compose } from "../../src/build.ts";
import type { Config } from "../../src/config/schema.ts";
import { loadUci } from "../../src/config/uci-load.ts";
import { EventHub } from "../../src/control/log.ts";
import type { Daemon } from "../../src/daemon.ts";
import { NonePlane } from "../../src/dataplane/none.ts";
import { Netifd } from "../../src/openwrt/netifd.ts";
import { serveUbus } from "../../src/openwrt/ubus.ts";
import type { SerialHost } from "../../src/ports/serial.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { FakeUbusd } from "../../src/ubus-client/test/ubusd.ts";
import { noUdp } from "../radius/double.ts";
import { serialHost } from "../sim/modem.ts";
import type { SimHost } from "../sim/simnet.ts";
import { SERVER_CONF, type Site, World } from "../sim/world.ts";
import { NetifdDouble } from "./netifd-double.ts";

export class Router {
  readonly w: World;
  readonly ubusd = new FakeUbusd();
  readonly netifd = new NetifdDouble();
  readonly lns: Site;
  readonly lines: string[] = [];
  readonly host: SimHost;
  readonly netifdBus: Ubus;
  readonly #handler: Ubus;
  readonly #serial: SerialHost;
  text: string;
  daemon!: Daemon;
  bus!: Ubus;
  plane!: NonePlane;

  constructor(text: string, w = new World(), serial: SerialHost = serialHost()) {
    this.text = text;
    this.w = w;
    this.#serial = serial;
    this.lns = this.w.site(this.w.net.host("lns", ["198.51.100.2"]), SERVER_CONF);
    this.host = this.w.net.host("router", ["203.0.113.2"]);
    this.netifdBus = new Ubus({ connect: () => this.ubusd.connect(), clock: this.w.clock });
    void this.netifd.serve(this.netifdBus);
    this.netifdBus.start();
    this.#handler = new Ubus({ connect: () => this.ubusd.connect(), clock: this.w.clock });
    this.#handler.start();
    // What openwrt/l2tpsec/files/lib/netifd/proto/l2tpsec.sh does.
    this.netifd.handler = {
      setup: (name) => this.#handler.call("l2tpsec", "setup", { name }),
      teardown: (name) => this.#handler.call("l2tpsec", "teardown", { name }, { timeout: 4000 }),
    };
  }
  config(): Config {
    const r = loadUci([{ name: "network", path: "network", text: this.text }]);
    assert.ok(r.whole);
    return r.config;
  }
  async startDaemon(): Promise<void> {
    const plane = new NonePlane({ clock: this.w.clock, rng: nodeCrypto, net: this.host });
    this.plane = plane;
    const hub = new EventHub(this.w.clock, "debug", (l) => void this.lines.push(l));
    const env = {
      readFile: () => "",
      env: () => undefined,
      hostname: () => "router",
      wallClock: () => this.w.clock.now(),
      resolve: async (n: string) => [n],
    };
    this.daemon = compose(
      { clock: this.w.clock, crypto: nodeCrypto, host: env, serial: this.#serial, udp: noUdp },
      plane,
      hub,
      this.config(),
      () => this.config(),
      true,
    );
    let netifd: Netifd | null = null;
    this.bus = new Ubus({
      connect: () => this.ubusd.connect(),
      clock: this.w.clock,
      onState: (up) => up && void netifd?.sync(),
    });
    netifd = new Netifd(this.bus, this.daemon, hub);
    await serveUbus(this.bus, netifd.api(), { clock: this.w.clock, log: hub, captures: this.daemon }, netifd);
    await netifd.watch();
    this.bus.start();
    this.daemon.start();
    await this.run(50);
  }
  async stopDaemon(): Promise<void> {
    let done = false;
    this.daemon.stop("test", () => {
      done = true;
      this.bus.close();
    });
    for (let i = 0; i < 200 && !done; i++) await this.run(20);
    assert.ok(done);
    await this.run(50);
  }
  async run(ms: number): Promise<void> {
    for (let t = 0; t < ms; t += 10) {
      await this.ubusd.flush();
      await this.w.run(10);
      await this.ubusd.flush();
    }
  }
  async until(what: string, ms: number, done: () => boolean): Promise<void> {
    for (let t = 0; !done(); t += 20) {
      if (t > ms)
        assert.fail(`${what} did not happen: ${JSON.stringify([...this.netifd.ifaces])}\n${this.lines.join("\n")}`);
      await this.run(20);
    }
  }
  async isUp(name = "hq"): Promise<void> {
    await this.until(
      `${name} up`,
      60_000,
      () => this.netifd.at(name).state === "up" && this.daemon.status(name)[name]?.state === "up",
    );
  }
}
