// ipv6 = auto: what netifd is told when IPv6 comes and goes, and the interface NAME_6.
import assert from "node:assert/strict";
import { test } from "node:test";
import { STATUS, type Table, UbusError } from "ubus-client";
import { load } from "../../src/config/load.ts";
import type { ClientConfig } from "../../src/config/schema.ts";
import type { Event } from "../../src/core/events.ts";
import type { ClientStatus, Status } from "../../src/link/status.ts";
import { zoneOf } from "../../src/openwrt/alias.ts";
import { type Links, Netifd } from "../../src/openwrt/netifd.ts";

function config(more: string): ClientConfig {
  const r = load(
    "[interface hq]\nproto = l2tpsec\nserver = 198.51.100.2\nusername = u\npassword = p\npsk = k\n" +
      `routes = 10.2.0.0/16 fd00:2::/48\n${more}`,
  );
  assert.ok(r.ok, JSON.stringify(r));
  return r.config.interfaces[0] as ClientConfig;
}

/** One link that is up, and a bus that writes down what it is asked. */
class Scene {
  readonly calls: (readonly [string, string, Table])[] = [];
  readonly exists = new Map<string, Table>();
  status: ClientStatus;
  emit: (e: Event) => void = () => {};
  readonly netifd: Netifd;
  constructor(more: string) {
    const cfg = config(more);
    this.status = {
      kind: "client",
      state: "up",
      since: "",
      server: "198.51.100.2",
      via: null,
      ifname: "l2tps-hq",
      mtu: 1400,
      mtu_source: "default",
      local_ip: "10.9.0.2",
      remote_ip: "10.9.0.1",
      local_ip6: null,
      dns: [],
      wins: [],
      dataplane: "none",
      dataplane_why: "",
      ipsec: "required",
      ike: null,
      esp: null,
      l2tp: null,
      bridge: null,
      ppp: null,
      rx_bytes: 0,
      tx_bytes: 0,
      rx_packets: 0,
      tx_packets: 0,
      stages: [],
      drops: {},
      error: null,
      retry_in: null,
      stopped: null,
      backup: null,
    };
    const links: Links = {
      clientConfig: (name) => (name === "hq" ? cfg : null),
      broken: () => null,
      holds: () => false,
      refresh: () => {},
      hurry: () => {},
      reload: () => "",
      want: () => {},
      up: () => {},
      down: (_, gone) => gone?.(),
      status: (): Record<string, Status> => ({ hq: this.status }),
      doctor: async () => true,
      disconnect: () => {},
      peerConfig: () => ({ text: "", file: "", content: "" }),
      radiusTest: () => Promise.resolve([]),
      metrics: () => "",
      subscribe: (f) => {
        this.emit = f;
        return () => {};
      },
    };
    const bus = {
      call: async (object: string, method: string, args: Table = {}): Promise<Table | null> => {
        this.calls.push([object, method, args]);
        if (method !== "status") return null;
        const found = this.exists.get(String(args["interface"]));
        if (!found) throw new UbusError(STATUS.NOT_FOUND, "no such interface");
        return found;
      },
      listen: async () => () => {},
    };
    this.netifd = new Netifd(
      bus as unknown as ConstructorParameters<typeof Netifd>[0],
      links,
      { emit: () => {} },
      (name) => (name === "hq" ? "vpn" : null),
    );
    this.netifd.setup("hq");
    this.calls.length = 0;
  }
  async six(local: string): Promise<(readonly [string, string, Table])[]> {
    this.status = { ...this.status, local_ip6: local === "" ? null : local };
    this.emit({ kind: "link.ipv6", link: "hq", local });
    for (let i = 0; i < 9; i++) await null;
    return this.calls.splice(0);
  }
}
const BASE = {
  action: 0,
  ifname: "l2tps-hq",
  "link-up": true,
  "address-external": true,
  keep: false,
  ipaddr: [{ ipaddr: "10.9.0.2", mask: "32", ptp: "10.9.0.1" }],
  routes: [{ target: "10.2.0.0", netmask: "16" }],
  data: { server: "198.51.100.2", mtu: 1400 },
  interface: "hq",
};
const SIX = { ...BASE, ip6addr: [{ ipaddr: "fe80::7", mask: "64" }], routes6: [{ target: "fd00:2::", netmask: "48" }] };

test("auto: the update has address and IPv6 routes, NAME_6 runs DHCPv6 in NAME's zone, while IPv6 is up", async () => {
  const s = new Scene("ipv6 = auto\n");
  assert.deepEqual(await s.six("fe80::7"), [
    ["network.interface", "notify_proto", SIX],
    ["network.interface", "status", { interface: "hq_6" }],
    ["network", "add_dynamic", { name: "hq_6", device: "@hq", proto: "dhcpv6", extendprefix: "1", zone: "vpn" }],
  ]);
  s.exists.set("hq_6", { dynamic: true });
  assert.deepEqual(await s.six(""), [
    ["network.interface", "notify_proto", BASE],
    ["network.interface", "status", { interface: "hq_6" }],
    ["network.interface", "remove", { interface: "hq_6" }],
  ]);
});

test("yes: no interface is made; and one that somebody has configured is left alone", async () => {
  const s = new Scene("ipv6 = yes\n");
  assert.deepEqual(await s.six("fe80::7"), [["network.interface", "notify_proto", SIX]]);
  const own = new Scene("ipv6 = auto\n");
  own.exists.set("hq_6", { dynamic: false });
  assert.deepEqual(
    (await own.six("fe80::7")).map(([, method]) => method),
    ["notify_proto", "status"],
  );
  assert.deepEqual(
    (await own.six("")).map(([, method]) => method),
    ["notify_proto", "status"],
  );
});

test("the zone of an interface", () => {
  const text =
    "config defaults\n\toption input REJECT\nconfig zone\n\toption name lan\n\tlist network lan\n\n" +
    "config zone\n\toption name 'vpn'\n\toption network 'a hq'\n";
  const host = { readFile: (path: string): string => (path === "/etc/config/firewall" ? text : "config 'broken") };
  assert.deepEqual(
    ["lan", "hq", "h"].map((n) => zoneOf(host, "/etc/config/", n)),
    ["lan", "vpn", null],
  );
  assert.equal(zoneOf(host, "/tmp", "lan"), null);
});
