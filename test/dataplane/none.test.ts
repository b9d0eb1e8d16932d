import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallChannel } from "../../src/dataplane/dataplane.ts";
import { NonePlane } from "../../src/dataplane/none.ts";
import { SimNat, SimNet, seededRng } from "../sim/simnet.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import type { Pair, Side } from "./contract.ts";
import { control, install, lcp, planeContract, spec } from "./contract.ts";

const PORTS = { ike: 500, nat: 4500 };

function rig(nat: SimNat | null = null): {
  pair: Pair;
  a: Side & { plane: NonePlane };
  b: Side & { plane: NonePlane };
  net: SimNet;
  clock: VirtualClock;
} {
  const clock = new VirtualClock();
  const net = new SimNet(clock, 7);
  const side = (name: string, address: string, seed: number, behind: SimNat | null): Side & { plane: NonePlane } => {
    const plane = new NonePlane({ clock, rng: seededRng(seed), net: net.host(name, [address], behind) });
    return { plane, ike: plane.ikePort(), address, ports: PORTS };
  };
  const a = side("a", nat ? "192.168.1.2" : "198.51.100.1", 1, nat);
  const b = side("b", "198.51.100.2", 2, null);
  const pair: Pair = {
    a,
    b,
    settle: async () => clock.advance(200),
    close: async () => {
      await a.plane.close();
      await b.plane.close();
    },
  };
  return { pair, a, b, net, clock };
}

planeContract("none", async () => rig().pair);

async function session(): Promise<ReturnType<typeof rig> & { ca: CallChannel; cb: CallChannel }> {
  const r = rig();
  await install(r.a, r.b);
  await install(r.b, r.a);
  const remoteA = r.a.plane.l2tp.secureRemote(1, 1701, 1701);
  const remoteB = r.b.plane.l2tp.secureRemote(1, 1701, 1701);
  const ca = r.a.plane.l2tp
    .openTunnel({ localId: 1, peerId: 2, remote: remoteA })
    .openCall({ localId: 3, peerId: 4, sequencing: true, mru: 1400 });
  const cb = r.b.plane.l2tp
    .openTunnel({ localId: 2, peerId: 1, remote: remoteB })
    .openCall({ localId: 4, peerId: 3, sequencing: true, mru: 1400 });
  return { ...r, ca, cb };
}
function ip(from: string, to: string): Uint8Array {
  const p = new Uint8Array(28);
  p.set([0x45, 0, 0, 28]);
  p.set(from.split(".").map(Number), 12);
  p.set(to.split(".").map(Number), 16);
  return p;
}

test("IP packets find their user by the longest prefix, and a forged source is dropped", async () => {
  const r = await session();
  const seen: string[] = [];
  r.a.plane.net.onPacket = (ifname, p) => seen.push(`${ifname} ${p.subarray(16, 20).join(".")}`);
  r.b.plane.net.onPacket = (ifname, p) => seen.push(`${ifname} ${p.subarray(12, 16).join(".")}`);
  await r.a.plane.net.attachClient(r.ca, {
    ifname: "c0",
    mtu: 1400,
    local4: "10.0.0.2",
    peer4: "10.0.0.1",
    routes: [],
    clampMss: true,
  });
  const server = await r.b.plane.net.openServer({
    ifname: "s0",
    mtu: 1400,
    local4: "10.0.0.1",
    local6: null,
    pool: [],
    clampMss: true,
  });
  const user = await server.attach(r.cb, "10.0.0.2", [{ prefix: "192.168.1.0/24" }]);
  r.b.plane.net.transmit("s0", ip("10.9.9.9", "10.0.0.2"));
  r.b.plane.net.transmit("s0", ip("10.9.9.9", "192.168.1.7"));
  r.b.plane.net.transmit("s0", ip("10.9.9.9", "10.0.0.3"));
  r.a.plane.net.transmit("c0", ip("10.0.0.2", "8.8.8.8"));
  r.a.plane.net.transmit("c0", ip("192.168.1.9", "8.8.8.8"));
  r.a.plane.net.transmit("c0", ip("10.0.0.66", "8.8.8.8"));
  r.clock.advance(100);
  assert.deepEqual(seen.sort(), ["c0 10.0.0.2", "c0 192.168.1.7", "s0 10.0.0.2", "s0 192.168.1.9"]);
  assert.deepEqual(r.b.plane.drops(), { "ip.no-session": 1, "ip.spoofed": 1 });
  assert.equal(user.counters().rxPackets, 3);
  await user.detach();
  r.a.plane.net.transmit("c0", ip("10.0.0.2", "8.8.8.8"));
  r.clock.advance(100);
  assert.equal(r.b.plane.drops()["ip.not-open"], 1);
});

test("over a bad network sequenced frames arrive at most once and in order", async () => {
  const r = await session();
  r.net.conditions({ loss: 0.1, duplicate: 0.2, reorder: 0.2, jitter: 5 });
  const got: number[] = [];
  r.cb.onFrame = (p) => got.push(Number(Buffer.from(p.view().subarray(8)).toString()));
  for (let i = 0; i < 500; i++) {
    r.ca.send(lcp(String(i)));
    r.clock.advance(2);
  }
  r.clock.advance(1000);
  assert.deepEqual(
    [...new Set(got)].sort((x, y) => x - y),
    got,
  );
  assert.ok(got.length > 420 && got.length < 480, `${got.length} of 500`);
  assert.ok((r.b.plane.drops()["esp.replay"] ?? 0) > 50);
});

test("a NAT hides the client; when its mapping moves the server is told once and can follow", async () => {
  const nat = new SimNat("203.0.113.9");
  const r = rig(nat);
  const mapped = { ...r.a, address: "203.0.113.9", ports: { ike: 20000, nat: 20000 } };
  const up = r.b.plane.ipsec.allocateSpi();
  const down = r.a.plane.ipsec.allocateSpi();
  await r.a.plane.ipsec.addInbound(1, spec(down, r.a, r.b));
  await r.a.plane.ipsec.addOutbound(1, spec(up, r.a, r.b));
  await r.b.plane.ipsec.addInbound(1, spec(up, r.b, mapped));
  await r.b.plane.ipsec.addOutbound(1, spec(down, r.b, mapped));
  const moved: string[] = [];
  r.b.plane.ipsec.onMapping = (flow, from) => moved.push(`${flow} ${from.address}:${from.port}`);
  const got: string[] = [];
  r.a.plane.l2tp.onControl = (_r, p) => got.push(Buffer.from(p.view().subarray(2)).toString());
  const toB = r.a.plane.l2tp.secureRemote(1, 1701, 1701);
  const toA = r.b.plane.l2tp.secureRemote(1, 1701, 1701);
  r.a.plane.l2tp.sendControl(toB, control("open the mapping"));
  r.clock.advance(50);
  r.b.plane.l2tp.sendControl(toA, control("1"));
  r.clock.advance(50);
  nat.rebind();
  r.b.plane.l2tp.sendControl(toA, control("lost"));
  r.a.plane.l2tp.sendControl(toB, control("x"));
  r.a.plane.l2tp.sendControl(toB, control("y"));
  r.clock.advance(50);
  assert.deepEqual(moved, ["1 203.0.113.9:20001"]);
  await r.b.plane.ipsec.move(1, { address: r.b.address, port: 4500 }, { address: "203.0.113.9", port: 20001 });
  r.b.plane.l2tp.sendControl(toA, control("2"));
  r.clock.advance(50);
  assert.deepEqual(got, ["1", "2"]);
  assert.equal(r.net.counts.nat, 1);
});

test("a dark path loses everything, and only while it is dark", async () => {
  const r = await session();
  const got: string[] = [];
  r.cb.onFrame = (p) => got.push(Buffer.from(p.view().subarray(8)).toString());
  const [a, b] = [r.net.host("x", []), r.net.host("y", [])];
  r.net.dark(a, b, true); // others are not touched
  r.ca.send(lcp("1"));
  r.net.conditions({ dark: true });
  r.ca.send(lcp("2"));
  r.net.conditions({});
  r.clock.advance(100);
  assert.deepEqual(got, ["1"]);
  assert.equal(r.net.counts.dark, 1);
});

test("no route: pathTo rejects with a sentence", async () => {
  const r = rig();
  await assert.rejects(r.a.plane.net.pathTo("2001:db8::1"), /no route to 2001:db8::1: ENETUNREACH/);
});
