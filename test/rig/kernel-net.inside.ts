// Inside the guest of test/rig/kernel-plane.test.ts: netdevs, what must not leave or enter in the clear, NATs that
// forget, and what a killed process leaves.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { CallChannel, DataPlane, TunnelPath } from "../../src/dataplane/dataplane.ts";
import { reqidOf } from "../../src/dataplane/kernel/policies.ts";
import { NetlinkSocket } from "../../src/linux/netlink.ts";
import { AF_INET, XFRM } from "../../src/linux/uapi.ts";
import { Xfrm } from "../../src/linux/xfrm.ts";
import type { XfrmSa } from "../../src/linux/xfrm-wire.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import { control, install, lcp, type Pair, spec } from "../dataplane/contract.ts";
import { enter } from "./enter.ts";
import { arrived, bytes, inside, udp } from "./inside.ts";
import { type Kind, openIn, pairOf } from "./kernel-planes.ts";

const read = (path: string): string => readFileSync(path, "utf8");
const native = loadNative();
const OUTER = ["10.9.0.1", "10.9.0.2"] as const;
const CLIENT = "10.99.0.2";
const SERVER = "10.99.0.1";

function withXfrm<T>(netns: string, f: (xfrm: Xfrm) => T): T {
  enter(native, netns);
  const xfrm = new Xfrm(native);
  try {
    return f(xfrm);
  } finally {
    xfrm.close();
  }
}
interface Session {
  readonly p: Pair;
  readonly spi: number;
  readonly tunnels: readonly [TunnelPath, TunnelPath];
  readonly calls: readonly [CallChannel, CallChannel];
}
async function session(kinds: readonly [Kind, Kind] = ["kernel", "kernel"], udpEncap = true): Promise<Session> {
  const p = await pairOf(kinds, OUTER, read);
  const spi = await install(p.a, p.b, { udpEncap });
  await install(p.b, p.a, { udpEncap });
  const tunnels = [openTunnel(p.a.plane, 11, 22), openTunnel(p.b.plane, 22, 11)] as const;
  return { p, spi, tunnels, calls: [openCall(tunnels[0], 110, 220), openCall(tunnels[1], 220, 110)] };
}
function openTunnel(plane: DataPlane, localId: number, peerId: number): TunnelPath {
  return plane.l2tp.openTunnel({ localId, peerId, remote: plane.l2tp.secureRemote(1, 1701, 1701) });
}
function openCall(tunnel: TunnelPath, localId: number, peerId: number): CallChannel {
  return tunnel.openCall({ localId, peerId, sequencing: false, mru: 1400 });
}
const NET = { mtu: 1400, clampMss: false };

for (const kinds of [
  ["kernel", "kernel"],
  ["kernel", "userspace"],
  ["userspace", "kernel"],
] as const) {
  test(`${kinds.join(" to ")}: IP packets pass both ways, counted, with the user's own source alone`, async () => {
    const { p, calls } = await session(kinds);
    try {
      const up: number[] = [];
      for (const c of calls) c.onFrame = (f) => up.push(f.length);
      const client = await p.a.plane.net.attachClient(calls[0], {
        ...{ ...NET, ifname: "l2tps-t", local4: CLIENT, peer4: SERVER, routes: [] },
      });
      const lns = { ...NET, ifname: "l2tps-lns", local4: SERVER, local6: null, pool: ["10.99.0.0/24"] };
      const server = await p.b.plane.net.openServer(lns);
      const user = await server.attach(calls[1], CLIENT, []);
      const [a, b] = [udp("a", CLIENT, 7000, SERVER), udp("b", SERVER, 7000, CLIENT)];
      for (let i = 0; i < 5; i++) {
        native.send(a, new Uint8Array(1372));
        native.send(b, new Uint8Array(1372));
      }
      await p.settle();
      assert.deepEqual([arrived(a), arrived(b)], [5, 5]);
      assert.deepEqual(up, []);
      for (const c of [client, user]) {
        const { rxPackets, rxBytes, txPackets, txBytes } = c.counters();
        assert.deepEqual([rxPackets, rxBytes, txPackets, txBytes], [5, 7000, 5, 7000]);
      }
      // another of the client's addresses: the server would not answer it this way
      inside("a", (r) => r.addAddress("lo", r.indexOf("lo"), "10.77.0.1", null));
      enter(native, "b");
      const anyone = native.udpOpen(bytes(SERVER), 7001);
      const forged = udp("a", "10.77.0.1", 7002, SERVER, 7001);
      const honest = udp("a", CLIENT, 7002, SERVER, 7001);
      native.send(forged, Uint8Array.of(1));
      await p.settle();
      assert.equal(arrived(anyone), 0);
      native.send(honest, Uint8Array.of(1));
      await p.settle();
      assert.equal(arrived(anyone), 1);
      for (const fd of [a, b, anyone, forged, honest]) native.close(fd);
      await client.detach();
      await user.detach();
      await server.close();
      assert.equal(
        inside("a", (r) => r.indexOf(client.ifname)),
        0,
      );
      assert.equal(
        inside("b", (r) => r.indexOf(user.ifname)),
        0,
      );
      calls[0].send(lcp("still there"));
      await p.settle();
      assert.deepEqual(up, [8 + "still there".length]);
    } finally {
      await p.close();
    }
  });
}

test("IPv6 packets pass while IPV6CP is open, and not before or after", async () => {
  const { p, calls } = await session();
  try {
    const own = ["fd98::1", "fd99::1"] as const;
    const attach = (i: 0 | 1): ReturnType<DataPlane["net"]["attachClient"]> =>
      [p.a, p.b][i]?.plane.net.attachClient(calls[i], {
        ...{ ...NET, ifname: "l2tps-6", local4: CLIENT, peer4: "0.0.0.0", routes: [{ prefix: `${own[1 - i]}/128` }] },
      }) ?? Promise.reject(new Error());
    const nets = [await attach(0), await attach(1)];
    for (const [i, netns] of ["a", "b"].entries())
      inside(netns, (r) => r.addAddress("lo", r.indexOf("lo"), own[i] ?? "", null));
    await nets[0]?.setIpv6("fe80::1");
    await p.settle(); // until then the new addresses cannot be bound
    const send = async (): Promise<number> => {
      const [a, b] = [udp("a", own[0], 7000, own[1]), udp("b", own[1], 7000, own[0])];
      native.send(a, Uint8Array.of(1));
      await p.settle();
      const n = arrived(b);
      for (const fd of [a, b]) native.close(fd);
      return n;
    };
    await nets[1]?.setIpv6("fe80::2");
    assert.equal(await send(), 1);
    const b = udp("b", own[1], 7000, own[0]);
    const a = udp("a", own[0], 7000, own[1]);
    await nets[1]?.setIpv6(null);
    native.send(a, Uint8Array.of(1));
    await p.settle();
    assert.equal(arrived(b), 0);
    for (const fd of [a, b]) native.close(fd);
    await nets[1]?.setIpv6("fe80::2");
    assert.equal(await send(), 1);
  } finally {
    await p.close();
  }
});

test("a server's users have IPv6, and their own sources alone; out of a network another's is left", async () => {
  const { p, calls, tunnels } = await session();
  try {
    const local = ["fe80::a", "fe80::b"] as const;
    const own = { site: "fd98::1", middle: "10.98.7.7", v4: "10.98.1.1" };
    const client = await p.a.plane.net.attachClient(calls[0], {
      ...{ ...NET, ifname: "l2tps-t", local4: CLIENT, peer4: SERVER, routes: [{ prefix: "fd99::/16" }] },
    });
    const lns = { ...NET, ifname: "l2tps-lns", local4: SERVER, local6: local[1], pool: ["10.99.0.0/24"] };
    const server = await p.b.plane.net.openServer(lns);
    const user = await server.attach(calls[1], CLIENT, [{ prefix: "10.98.0.0/16" }, { prefix: "fd98::/32" }]);
    for (const a of ["fd98::1", "fd97::1", own.middle, own.v4])
      inside("a", (r) => r.addAddress("lo", r.indexOf("lo"), a, null));
    inside("b", (r) => r.addAddress("lo", r.indexOf("lo"), "fd99::1", null));
    await client.setIpv6(local[0]);
    await user.setIpv6(local[0]);
    await p.settle();
    const reach = async (from: string, to: string): Promise<number> => {
      enter(native, "b");
      const heard = native.udpOpen(bytes(to), 7001);
      const sender = udp("a", from, 7002, to, 7001);
      native.send(sender, Uint8Array.of(1));
      await p.settle();
      const n = arrived(heard);
      for (const fd of [heard, sender]) native.close(fd);
      return n;
    };
    assert.equal(await reach("fd98::1", "fd99::1"), 1);
    assert.equal(await reach("fd97::1", "fd99::1"), 0, "nobody gave it that address");
    assert.equal(await reach(own.middle, SERVER), 1);
    const other = await server.attach(openCall(tunnels[1], 330, 440), "10.99.0.3", [{ prefix: "10.98.7.0/24" }]);
    assert.equal(await reach(own.middle, SERVER), 0, "it is another's now");
    assert.equal(await reach(own.v4, SERVER), 1);
    await other.detach();
    assert.equal(await reach(own.middle, SERVER), 1);
    await user.setIpv6(null);
    assert.equal(await reach("fd98::1", "fd99::1"), 0);
    await user.setIpv6(local[0]);
    assert.equal(await reach("fd98::1", "fd99::1"), 1);
  } finally {
    await p.close();
  }
});

test("a second client behind one NAT is refused by itself where the kernel cannot tell the two apart", async () => {
  const { p, spi, calls } = await session();
  try {
    const { ipsec } = p.b.plane;
    const elsewhere = { address: OUTER[0], port: 4777 };
    const at = { address: OUTER[1], port: 4500 };
    assert.equal(ipsec.refusal?.(1, at, elsewhere), null, "the first itself, at another port of its NAT");
    assert.equal(ipsec.refusal?.(2, at, { ...elsewhere, port: 4500 }), null, "the first again, after it was gone");
    assert.match(
      ipsec.refusal?.(2, at, elsewhere) ?? "",
      /^another client is behind the same NAT, 10\.9\.0\.1, and Linux 6/,
    );
    const second = { ...p.a, ports: { ike: 500, nat: elsewhere.port } };
    for (const add of ["addInbound", "addOutbound"] as const)
      await assert.rejects(ipsec[add](2, spec(spi + 1, p.b, second)), /EOPNOTSUPP.*behind the same NAT/);
    const got: number[] = [];
    calls[1].onFrame = (f) => got.push(f.length);
    calls[0].send(lcp("still there"));
    await p.settle();
    assert.equal(got.length, 1);
  } finally {
    await p.close();
  }
});

test("where the MSS cannot be clamped the netdev is there all the same", async () => {
  const { p, calls } = await session(); // User-mode Linux has no nftables
  try {
    const net = { ...NET, clampMss: true, ifname: "l2tps-t", local4: CLIENT, peer4: SERVER, routes: [] };
    const client = await p.a.plane.net.attachClient(calls[0], net);
    assert.ok(inside("a", (r) => r.indexOf(client.ifname)) > 0);
    await client.detach();
  } finally {
    await p.close();
  }
});

test("without its SA a call's packets do not leave, and do again with the next", async () => {
  const { p, spi, calls } = await session();
  try {
    await p.a.plane.net.attachClient(calls[0], {
      ...{ ...NET, ifname: "l2tps-t", local4: CLIENT, peer4: SERVER, routes: [] },
    });
    const a = udp("a", CLIENT, 7000, SERVER);
    const wire = (): number => inside("b", (r) => r.counters(r.indexOf("vb")).rxPackets);
    native.send(a, new Uint8Array(1000));
    await p.settle();
    await p.a.plane.ipsec.remove(1, "out", spi);
    const before = wire();
    for (let i = 0; i < 20; i++) native.send(a, new Uint8Array(1000));
    await p.settle();
    assert.ok(wire() - before < 5, `${wire() - before} packets left`);
    assert.ok((p.a.plane.drops()["tx.error"] ?? 0) >= 20, JSON.stringify(p.a.plane.drops()));
    await install(p.a, p.b);
    const again = wire();
    for (let i = 0; i < 20; i++) native.send(a, new Uint8Array(1000));
    await p.settle();
    assert.ok(wire() - again >= 20);
    native.close(a);
  } finally {
    await p.close();
  }
});

test("what comes in the clear, with the right ids and from the right place, is refused and counted", async () => {
  const { p, calls } = await session();
  const got: string[] = [];
  try {
    calls[1].onFrame = () => got.push("frame");
    p.b.plane.l2tp.onControl = () => got.push("control");
    await p.a.plane.close(); // its blocks go, and its sockets
    const fd = udp("a", OUTER[0], 1701, OUTER[1]);
    native.send(fd, Uint8Array.from([0x00, 0x02, 0, 22, 0, 220, 0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4]));
    native.send(fd, control("in the clear"));
    native.close(fd);
    const stranger = udp("a", OUTER[0], 1702, OUTER[1], 1701);
    native.send(stranger, control("in the clear"));
    native.close(stranger);
    await p.settle();
    assert.deepEqual(got, []);
    assert.equal(p.b.plane.drops()["l2tp.wrong-flow"], 3);
  } finally {
    await p.close();
  }
});

test("nothing leaves in the clear from our port, before any IKE and after SAs were flushed", async () => {
  const plane = await openIn("a", read);
  enter(native, "a");
  const fd = native.udpOpen(bytes(OUTER[0]), 1701);
  assert.throws(
    () => native.udpConnect(fd, bytes(OUTER[1]), 1701),
    (e) => e instanceof Error && "code" in e && e.code === "EPERM",
  );
  native.close(fd);
  await plane.close();
  const { p } = await session();
  try {
    enter(native, "a");
    const nl = new NetlinkSocket(native, XFRM.NETLINK_XFRM);
    nl.change("flush", {}, XFRM.XFRM_MSG_FLUSHSA, 0, Uint8Array.of(50, 0, 0, 0));
    nl.close();
    await p.settle();
    assert.equal(p.a.plane.drops()["esp.removed"], 2);
    const remote = p.a.plane.l2tp.secureRemote(1, 1701, 1701);
    assert.equal(p.a.plane.l2tp.sendControl(remote, control("x")), false);
    await install(p.a, p.b);
    assert.equal(p.a.plane.l2tp.sendControl(remote, control("x")), true);
  } finally {
    await p.close();
  }
});

test("a peer that moved is told once; SAs keep their numbers and counters when they follow", async () => {
  const { p, spi, calls } = await session();
  try {
    const told: string[] = [];
    const got: number[] = [];
    calls[1].onFrame = (f) => got.push(f.length);
    p.b.plane.ipsec.onMapping = (flow, from) => told.push(`${flow} ${from.address}:${from.port}`);
    calls[0].send(lcp("1"));
    await p.settle();
    const at = (port: number): { address: string; port: number } => ({ address: OUTER[0], port });
    await p.a.plane.ipsec.move(1, at(4501), { address: OUTER[1], port: 4500 }); // as a NAT would make it
    for (const text of ["2", "3"]) calls[0].send(lcp(text));
    await p.settle();
    assert.deepEqual(told, [`1 ${OUTER[0]}:4501`]);
    assert.deepEqual(got, [9, 9, 9], "sequence numbers go on, else the window refuses them");
    assert.equal(p.a.plane.ipsec.counters(1, "out", spi).txPackets, 3);
    await p.b.plane.ipsec.move(1, { address: OUTER[1], port: 4500 }, at(4501));
    assert.equal(p.b.plane.ipsec.counters(1, "in", spi).rxPackets, 3);
    enter(native, "a");
    const fd = native.udpOpen(bytes(OUTER[0]), 4501);
    calls[1].send(lcp("to the new place"));
    calls[0].send(lcp("4"));
    await p.settle();
    assert.equal(arrived(fd), 1);
    native.close(fd);
    assert.equal(got.length, 4);
    assert.deepEqual(told.length, 1);
  } finally {
    await p.close();
  }
});

test("the next start takes over blocks, clears SAs and blocks of ours, and touches nobody else's", async () => {
  const sa = (reqid: number, spi: number): XfrmSa => ({
    ...{ source: OUTER[0], destination: OUTER[1], spi, reqid, encap: null, sourcePort: 0, destinationPort: 0 },
    ...{ window: 0, mark: null, hardBytes: 0, hardPackets: 0 },
    transform: {
      crypt: { name: "cbc(aes)", key: new Uint8Array(16) },
      auth: { name: "hmac(sha1)", key: new Uint8Array(20), icvBits: 96 },
    },
  });
  const first = await openIn("a", read, { l2tpPorts: [1701, 1800] });
  withXfrm("a", (x) => {
    x.addSa(sa(reqidOf(9), 0x1001));
    x.addSa(sa(7, 0x1002));
    x.addBlock(AF_INET, "out", 1900, 4000);
  });
  const ports = (): number[] =>
    withXfrm("a", (x) => [...new Set(x.allPolicies().map((q) => q.sourcePort || q.destinationPort))].sort());
  assert.deepEqual(ports(), [1701, 1800, 1900]);
  const second = await openIn("a", read); // the first was killed, as far as the kernel can tell
  assert.deepEqual(ports(), [1701, 1900]);
  assert.deepEqual(
    withXfrm("a", (x) => x.allSas().map((s) => s.spi)),
    [0x1002],
  );
  await second.close();
  assert.deepEqual(ports(), [1900]);
  withXfrm("a", (x) => {
    x.deleteSa(OUTER[1], 0x1002);
    x.deleteBlock(AF_INET, "out", 1900);
    x.addBlock(AF_INET, "in", 1701, 4000);
  });
  await assert.rejects(openIn("a", read), /another program has an IPsec policy/);
  withXfrm("a", (x) => x.deleteBlock(AF_INET, "in", 1701));
  await first.close();
  assert.deepEqual(ports(), []);
});
