// Inside a guest whose kernel finds L2TP calls by their ids alone (6.11 and newer): two clients behind one NAT, each
// with its own SAs, and what the one may not do to the other.
//
// netns c1 192.168.7.2 --\
//                         a 10.9.0.1 (NAT: 4500 -> 4501, 4502) -- b 10.9.0.2, the server
// netns c2 192.168.8.2 --/
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { CallChannel, TunnelPath } from "../../src/dataplane/dataplane.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import { control, lcp, type Side, spec } from "../dataplane/contract.ts";
import { enter } from "./enter.ts";
import { arrived, bytes, udp } from "./inside.ts";
import { openIn, settle } from "./kernel-planes.ts";

const read = (path: string): string => readFileSync(path, "utf8");
const native = loadNative();
const NAT = "10.9.0.1";
const LNS = "10.99.0.1";
const NET = { mtu: 1400, clampMss: false };

interface Client {
  readonly side: Side;
  readonly netns: string;
  /** At the server. */
  readonly flow: number;
  readonly ip: string;
}
interface Bed {
  readonly server: Side;
  readonly clients: readonly [Client, Client];
  close(): Promise<void>;
}

async function sideOf(netns: string, address: string): Promise<Side> {
  const plane = await openIn(netns, read);
  return { plane, ike: plane.ikePort(), address, ports: { ike: 500, nat: 4500 } };
}
/** SAs of a client that the server sees at another address and port. */
async function join(client: Side, server: Side, flow: number): Promise<void> {
  const seen: Side = { ...client, address: NAT, ports: { ike: 500, nat: 4500 + flow } };
  const up = server.plane.ipsec.allocateSpi();
  await server.plane.ipsec.addInbound(flow, spec(up, server, seen));
  await client.plane.ipsec.addOutbound(1, spec(up, client, server));
  const down = client.plane.ipsec.allocateSpi();
  await client.plane.ipsec.addInbound(1, spec(down, client, server));
  await server.plane.ipsec.addOutbound(flow, spec(down, server, seen));
}
async function bed(): Promise<Bed> {
  const server = await sideOf("b", "10.9.0.2");
  const clientOf = async (n: 1 | 2): Promise<Client> => {
    const side = await sideOf(`c${n}`, `192.168.${6 + n}.2`);
    await join(side, server, n);
    return { side, netns: `c${n}`, flow: n, ip: `10.99.0.${1 + n}` };
  };
  const clients = [await clientOf(1), await clientOf(2)] as const;
  const sides = [server, ...clients.map((c) => c.side)];
  return { server, clients, close: async () => void (await Promise.all(sides.map((s) => s.plane.close()))) };
}
/** A client's tunnel and call, and the server's: ids n1, n10 and n2, n20. */
function calls(b: Bed, c: Client): { readonly own: CallChannel; readonly theirs: CallChannel; close(): void } {
  const tunnel = (s: Side, flow: number, localId: number, peerId: number): TunnelPath =>
    s.plane.l2tp.openTunnel({ localId, peerId, remote: s.plane.l2tp.secureRemote(flow, 1701, 1701) });
  const [mine, other] = [100 * c.flow + 1, 100 * c.flow + 2];
  const [a, z] = [tunnel(c.side, 1, mine, other), tunnel(b.server, c.flow, other, mine)];
  const call = (t: TunnelPath, localId: number, peerId: number): CallChannel =>
    t.openCall({ localId: 10 * localId, peerId: 10 * peerId, sequencing: false, mru: 1400 });
  const close = (): void => {
    a.close();
    z.close();
  };
  return { own: call(a, mine, other), theirs: call(z, other, mine), close };
}

test("two clients behind one NAT: control messages, frames and packets reach the right one", async () => {
  const b = await bed();
  try {
    const got: string[] = [];
    b.server.plane.l2tp.onControl = (r, p) => got.push(`${r.flow} ${Buffer.from(p.view().subarray(2)).toString()}`);
    const say = async (): Promise<void> => {
      for (const c of b.clients)
        assert.ok(c.side.plane.l2tp.sendControl(c.side.plane.l2tp.secureRemote(1, 1701, 1701), control(c.netns)));
      await settle(read);
    };
    await say();
    assert.deepEqual(got.sort(), ["1 c1", "2 c2"], "before there is a tunnel");
    const both = b.clients.map((c) => calls(b, c));
    await say();
    assert.deepEqual(got.sort(), ["1 c1", "1 c1", "2 c2", "2 c2"], "and with one each");
    const frames: string[] = [];
    for (const [i, { own, theirs }] of both.entries()) {
      own.onFrame = () => frames.push(`client ${i}`);
      theirs.onFrame = () => frames.push(`server ${i}`);
    }
    for (const [i, { own, theirs }] of both.entries()) {
      own.send(lcp("up"));
      theirs.send(lcp("down"));
      await settle(read);
      assert.deepEqual(frames.splice(0).sort(), [`client ${i}`, `server ${i}`]);
    }
    const lns = { ...NET, ifname: "l2tps-lns", local4: LNS, local6: null, pool: ["10.99.0.0/24"] };
    const net = await b.server.plane.net.openServer(lns);
    for (const [i, c] of b.clients.entries()) {
      const { own, theirs } = both[i] ?? assert.fail();
      await c.side.plane.net.attachClient(own, { ...NET, ifname: "l2tps-t", local4: c.ip, peer4: LNS, routes: [] });
      await net.attach(theirs, c.ip, []);
    }
    const sockets = b.clients.map((c) => {
      const port = 7000 + c.flow;
      return [udp(c.netns, c.ip, port, LNS), udp("b", LNS, port, c.ip)] as const;
    });
    for (const [here, there] of sockets)
      for (let i = 0; i < 5; i++) {
        native.send(here, new Uint8Array(1000));
        native.send(there, new Uint8Array(1000));
      }
    await settle(read);
    assert.deepEqual(
      sockets.map((s) => s.map(arrived)),
      [
        [5, 5],
        [5, 5],
      ],
    );
    for (const { theirs } of both) assert.equal(theirs.counters().rxPackets, 5);
    // one leaves; the other goes on
    both[0]?.close();
    native.send(sockets[1]?.[0] ?? -1, new Uint8Array(1000));
    await settle(read);
    assert.equal(arrived(sockets[1]?.[1] ?? -1), 1);
    for (const fd of sockets.flat()) native.close(fd);
    assert.equal(b.server.plane.drops()["l2tp.wrong-flow"], undefined);
  } finally {
    await b.close();
  }
});

test("one client cannot send into the other's call, nor can who speaks in the clear", async () => {
  const b = await bed();
  try {
    const [bad, good] = b.clients;
    const { own, theirs } = calls(b, good);
    const got: string[] = [];
    theirs.onFrame = () => got.push("frame");
    const lns = { ...NET, ifname: "l2tps-lns", local4: LNS, local6: null, pool: ["10.99.0.0/24"] };
    const net = await b.server.plane.net.openServer(lns);
    const user = await net.attach(theirs, good.ip, []);
    // its own SAs and sockets, the other's ids: 202 and 2020 at the server
    const forged = bad.side.plane.l2tp
      .openTunnel({ localId: 9, peerId: 202, remote: bad.side.plane.l2tp.secureRemote(1, 1701, 1701) })
      .openCall({ localId: 90, peerId: 2020, sequencing: false, mru: 1400 });
    const fake = { ...NET, ifname: "l2tps-t", local4: good.ip, peer4: LNS, routes: [] };
    await bad.side.plane.net.attachClient(forged, fake);
    enter(native, "b");
    const heard = native.udpOpen(bytes(LNS), 7000);
    const lie = udp(bad.netns, good.ip, 7000, LNS);
    for (let i = 0; i < 4; i++) native.send(lie, new Uint8Array(100));
    for (let i = 0; i < 3; i++) forged.send(lcp("forged"));
    await settle(read);
    assert.deepEqual([arrived(heard), got, user.counters().rxPackets], [0, [], 0]);
    assert.equal(b.server.plane.drops()["l2tp.wrong-flow"], 7);
    // in the clear, from a peer that has a tunnel of its own
    const clear = await b.server.plane.l2tp.openClear({ address: b.server.address, port: 1800 });
    const remote = clear.remote({ address: NAT, port: 1801 });
    const tunnel = b.server.plane.l2tp.openTunnel({ localId: 7, peerId: 7, remote });
    const plain = tunnel.openCall({ localId: 70, peerId: 70, sequencing: false, mru: 1400 });
    plain.onFrame = () => got.push("in the clear");
    const stranger = udp("a", NAT, 1801, b.server.address, 1800);
    for (const [t, c] of [
      [7, 70],
      [202, 2020],
    ] as const) {
      const ids = [t >> 8, t & 255, c >> 8, c & 255];
      const frame = [0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4];
      native.send(stranger, Uint8Array.from([0x00, 0x02, ...ids, ...frame]));
      native.send(stranger, Uint8Array.from([0x40, 0x02, 0, 8 + frame.length, ...ids, ...frame]));
    }
    await settle(read);
    assert.deepEqual(got, ["in the clear", "in the clear"]);
    assert.equal(b.server.plane.drops()["l2tp.wrong-flow"], 9);
    // and whose call it is goes on
    own.send(lcp("honest"));
    await settle(read);
    assert.deepEqual(got.splice(0), ["in the clear", "in the clear", "frame"]);
    for (const fd of [heard, lie, stranger]) native.close(fd);
  } finally {
    await b.close();
  }
});
