// What the pages of LuCI are shown: links, a server, serial lines, a configuration, and the bus that has them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { ClientStatus, SerialStatus, ServerStatus, UnusedStatus } from "../../../src/link/status.ts";
import type { Bus, Router } from "./router.ts";

export const EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>";
export const traffic = { rx_bytes: 5_000_000, tx_bytes: 900_000, rx_packets: 5000, tx_packets: 900 };
export const hq: ClientStatus = {
  ...traffic,
  kind: "client",
  state: "up",
  since: "2026-11-23T12:00:00Z",
  server: "vpn.example.org",
  via: null,
  ifname: "l2tps-hq",
  mtu: 1400,
  mtu_source: "default",
  local_ip: "10.0.0.7",
  local_ip6: null,
  remote_ip: "10.0.0.1",
  dns: ["10.0.0.53"],
  wins: [],
  dataplane: "userspace",
  dataplane_why: "",
  ipsec: "required",
  ike: { version: 1, proposal: "aes256-sha256-modp2048", nat: "us", peer_id: EVIL },
  esp: { proposal: "aes256gcm16", encap: "udp", spi_in: "0x00000001", spi_out: "0x00000002" },
  l2tp: { tunnel: 1, peer_tunnel: 2, call: 3, peer_call: 4, peer_host: EVIL, line_errors: "12 CRC errors" },
  bridge: null,
  ppp: { auth: "mschapv2", mru: 1400, peer_mru: 1400, peer_mrru: null },
  stages: [{ name: "server", state: "ok", text: "found" }],
  drops: { "esp.replay": 3, "esp.short": 0 },
  error: null,
  retry_in: null,
  stopped: null,
  backup: null,
};
export const branch: ClientStatus = {
  ...hq,
  state: "dialing",
  ike: null,
  esp: null,
  l2tp: null,
  bridge: null,
  ppp: null,
  local_ip: null,
  remote_ip: null,
  drops: {},
  retry_in: 12,
  stages: [
    { name: "server", state: "ok", text: "vpn.example.org is 192.0.2.1" },
    { name: "ike", state: "failed", text: `the pre-shared key probably differs ${EVIL}` },
  ],
  error: { layer: "ike", code: "psk-mismatch", text: `the pre-shared key probably differs ${EVIL}` },
};
export const lns: ServerStatus = {
  ...traffic,
  kind: "server",
  state: "up",
  since: "2026-11-23T12:00:00Z",
  listen: "0.0.0.0",
  ifname: "l2tps-lns",
  local_ip: "10.9.0.1",
  dns: [],
  dataplane: "userspace",
  dataplane_why: "",
  ipsec: "required",
  peers: 1,
  sessions: [
    {
      ...traffic,
      session: 7,
      user: EVIL,
      ip: "10.9.0.2",
      ifname: "l2tps-lns",
      ip6: null,
      bridge: null,
      since: "2026-11-23T12:01:00Z",
      peer: "198.51.100.4:4500",
      auth: "mschapv2",
      tunnel: 1,
      call: 1,
    },
  ],
  ended: { sessions: 0, rx_bytes: 0, tx_bytes: 0, rx_packets: 0, tx_packets: 0 },
  failures: [
    {
      peer: "198.51.100.9",
      at: "2026-11-23T12:03:00Z",
      count: 3,
      layer: "ike",
      code: "no-proposal",
      text: `the peer offers ${EVIL}`,
    },
  ],
  drops: {},
  error: null,
};

export const modem: SerialStatus = {
  ...traffic,
  kind: "nas",
  state: "up",
  since: "2026-11-23T12:00:00Z",
  role: "dial",
  device: "/dev/ttyUSB2",
  baud: 460800,
  phone: "*99#",
  speed: 7_200_000,
  signal: -71,
  operator: EVIL,
  user: null,
  ifname: "nas-modem",
  mtu: 1500,
  mtu_source: "default",
  local_ip: "10.7.0.2",
  remote_ip: "10.7.0.1",
  local_ip6: null,
  dns: ["10.7.0.53"],
  standby: null,
  ppp: { auth: "CHAP", mru: 1500, peer_mru: 1500, peer_mrru: null },
  stages: [
    { name: "line", state: "ok", text: "/dev/ttyUSB2 at 460800 bit/s" },
    { name: "modem", state: "ok", text: "*99#: CONNECT" },
  ],
  drops: {},
  error: null,
  retry_in: null,
  stopped: null,
  backup: null,
};
export const dialling: SerialStatus = {
  ...modem,
  state: "dialing",
  device: "/dev/ttyS1",
  phone: "5551234",
  speed: 0,
  signal: null,
  operator: null,
  ifname: "nas-dialling",
  mtu: null,
  mtu_source: "default",
  local_ip: null,
  remote_ip: null,
  dns: [],
  ppp: null,
  stages: [
    { name: "line", state: "ok", text: "/dev/ttyS1 at 115200 bit/s" },
    { name: "modem", state: "busy", text: `dial: "ATDT5551234"` },
  ],
  error: { layer: "modem", code: "busy", text: `dial: ATDT5551234, came back "BUSY": the number is busy` },
};

/** Configured, but not running. */
export const off: UnusedStatus = { kind: "disabled", section: "interface", state: "down", error: null };
export const invalid: UnusedStatus = {
  kind: "invalid",
  section: "interface",
  state: "down",
  error: { layer: "config", code: "invalid-config", text: `network.invalid.mtu: ${EVIL}` },
};
/** Taken down by hand after it was up. */
export const taken: ClientStatus = {
  ...branch,
  state: "down",
  stages: [],
  error: null,
  retry_in: null,
  stopped: "taken down by hand",
  backup: null,
};

export const UCI: Readonly<Record<string, unknown>> = {
  l2tpsec: {
    daemon: { ".name": "daemon", ".type": "daemon", ".index": 0, log: "debug" },
    lns: {
      ".name": "lns",
      ".type": "server",
      ".index": 1,
      psk: "swordfish",
      local_ip: "10.9.0.1",
      pool: ["10.9.0.10-10.9.0.99"],
      auth: ["mschapv2", "pap"],
    },
    branch1: {
      ".name": "branch1",
      ".type": "user",
      ".index": 2,
      password: "wonderland",
      routes: ["10.2.0.0/16", "10.3.0.0/16"],
    },
    one: { ".name": "one", ".type": "radius", ".index": 3, address: "192.0.2.9", secret: "swordfish" },
  },
  firewall: {
    lan: { ".name": "lan", ".type": "zone", ".index": 0, name: "lan", network: ["lan"] },
    wan: { ".name": "wan", ".type": "zone", ".index": 1, name: "wan", network: ["wan", "wan6"] },
  },
  network: {
    hq: {
      ".name": "hq",
      ".type": "interface",
      ".index": 0,
      proto: "l2tpsec",
      server: "vpn.example.org",
      username: "branch1",
      password: "wonderland",
      psk: "swordfish",
      routes: ["10.2.0.0/16"],
      mtu: "9",
    },
    modem: {
      ".name": "modem",
      ".type": "interface",
      ".index": 1,
      proto: "nasdial",
      device: "/dev/ttyUSB2",
      phone: ["*99#"],
      apn: "internet",
      username: "isp",
      password: "wonderland",
    },
    nas: {
      ".name": "nas",
      ".type": "interface",
      ".index": 2,
      proto: "nasdial",
      device: "/dev/ttyS1",
      line: "direct",
      role: "answer",
      local_ip: "10.7.0.1",
      pppname: "nas0",
    },
  },
};
export const PROTOS = { static: {}, l2tpsec: { no_device: true }, nasdial: { no_device: true }, none: {} };

export function bus(status: unknown = { hq, branch, lns }): Bus {
  return {
    ...(status === null ? {} : { "l2tpsec status": status }),
    "l2tpsec up": {},
    "l2tpsec down": {},
    "l2tpsec disconnect": {},
    "l2tpsec doctor": { stages: branch.stages },
    "uci get": (a: { config: string }) => ({ values: UCI[a.config] ?? {} }),
    "uci changes": { changes: {} },
    "luci getFeatures": { firewall: true },
    "network get_proto_handlers": PROTOS,
    "network.interface dump": {
      interface: [
        {
          interface: "wan",
          proto: "pppoe",
          up: true,
          pending: false,
          available: true,
          autostart: true,
          dynamic: false,
          uptime: 77,
          l3_device: "pppoe-wan",
          route: [{ target: "0.0.0.0", mask: 0, nexthop: "203.0.113.1" }],
        },
        {
          interface: "hq",
          proto: "l2tpsec",
          up: false,
          pending: true,
          available: true,
          autostart: true,
          dynamic: false,
          uptime: 0,
          errors: [{ subsystem: "l2tpsec", code: "INVALID_CONFIG", data: [`network.hq.mtu: "9" is not allowed`] }],
        },
        {
          interface: "modem",
          proto: "nasdial",
          up: true,
          pending: false,
          available: true,
          autostart: true,
          dynamic: false,
          uptime: 7,
          l3_device: "nas-modem",
        },
        {
          interface: "nas",
          proto: "nasdial",
          up: false,
          pending: true,
          available: true,
          autostart: true,
          dynamic: false,
          errors: [{ subsystem: "nasdial", code: "NO_CARRIER", data: ["x"] }],
        },
      ],
    },
    "luci-rpc getBoardJSON": {},
    "luci-rpc getNetworkDevices": {},
    "luci-rpc getWirelessDevices": {},
    "luci-rpc getHostHints": {},
    "file list": {
      entries: ["null", "ttyUSB0", "ttyUSB2", "ttyS0", "tty1"].map((name) => ({ name, type: "char" })),
    },
    "session access": { access: true },
  };
}
const AT = "Thu Nov 26 12:00:01 2026 daemon.err l2tpsec[77]:";
export const LOG = `${AT} notice hq: link.up\n${AT} info hq: ${EVIL}\n`;
/** The firewall of a router as it comes: nothing of ours is let in, our devices are in no zone. */
export const CLOSED = JSON.parse(readFileSync("test/openwrt/browser/ruleset.json", "utf8")) as {
  nftables: Record<string, unknown>[];
};
const rule = (chain: string, ...expr: object[]): Record<string, unknown> => ({
  rule: { family: "inet", table: "fw4", chain, expr },
});
const iif = (right: string): object => ({ match: { op: "==", left: { meta: { key: "iifname" } }, right } });
const l4 = (right: string): object => ({ match: { op: "==", left: { meta: { key: "l4proto" } }, right } });
const dport = (...set: number[]): object => ({
  match: { op: "==", left: { payload: { protocol: "udp", field: "dport" } }, right: { set } },
});
/** The same with what the buttons write. */
export const OPEN = {
  nftables: [
    ...CLOSED.nftables.filter((x) => (x["rule"] as { chain?: string } | undefined)?.chain !== "input_wan"),
    rule("input_wan", dport(500, 4500), { counter: {} }, { accept: null }),
    rule("input_wan", l4("esp"), { accept: null }),
    rule("input_wan", { jump: { target: "reject_from_wan" } }),
    rule("forward", iif("l2tps-*"), { jump: { target: "forward_lan" } }),
  ],
};
export type Look = { name: string; width: number; dark: boolean };
export const LOOKS: readonly Look[] = [
  { name: "wide", width: 1100, dark: false },
  { name: "phone", width: 390, dark: true },
];
export const harmless = async (r: Router): Promise<void> => {
  assert.equal(await r.page.evaluate("window.hacked ?? 0"), 0);
  assert.equal(await r.page.evaluate("document.querySelectorAll('#view img, #view script, .modal img').length"), 0);
  assert.ok((await r.page.evaluate<string>("document.body.textContent")).includes(EVIL));
  assert.deepEqual(r.errors, []);
};
export const fits = async (r: Router): Promise<void> => {
  const wide = await r.page.evaluate<string>(
    "[...document.querySelectorAll('#view *')].filter((x) => x.getBoundingClientRect().right > " +
      "window.innerWidth + 1 && !x.closest('[style*=overflow], .cbi-tabmenu')).slice(0, 5).map((x) => " +
      "x.outerHTML.slice(0, 120)).join('\\n')",
  );
  assert.ok(
    await r.page.evaluate<boolean>("document.documentElement.scrollWidth <= window.innerWidth"),
    `wider than the screen:\n${wide}`,
  );
};
export const rungs = (r: Router, link: string): Promise<string> =>
  r.page.evaluate(
    `[...document.querySelectorAll('[data-link=${link}] .l2tpsec-rung')].map((r) => r.dataset.layer + ' ' ` +
      "+ r.dataset.state).join(', ')",
  );
