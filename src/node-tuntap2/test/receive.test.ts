// A socket that the fast path reads: what it answers leaves by it, and JavaScript is called for the rest alone.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallParams, FastPath } from "node-tuntap2";
import { DROPS, KIND, Kind, LEN, META, Received } from "node-tuntap2";
import { referenceFastPath } from "../../dataplane/userspace/reference.ts";
import { nodeCrypto } from "../../runtime/node/crypto.ts";
import { loadNative } from "../../runtime/node/native.ts";

const lib = loadNative();
const LO = Uint8Array.of(127, 0, 0, 1);
const ECHO = Uint8Array.of(0x00, 0x02, 0, 7, 0, 8, 0xff, 3, 0xc0, 0x21, 9, 1, 0, 10, 1, 2, 3, 4, 5, 6);
const REPLY = Uint8Array.of(0x00, 0x02, 0, 70, 0, 80, 0xff, 3, 0xc0, 0x21, 10, 1, 0, 10, 0, 0, 0, 9, 5, 6);
const CONTROL = Uint8Array.of(0xc8, 0x02, 0, 12, 0, 7, 0, 0, 0, 0, 0, 0);

const KINDS: readonly (readonly [string, () => FastPath | null])[] = [
  ["library", () => lib.fastPath()],
  ["reference", () => referenceFastPath(nodeCrypto)],
];
/** A peer's socket, and ours with one call in the clear to it. */
function ends(
  t: TestContext,
  make: () => FastPath | null,
): { peer: number; ours: number; fp: FastPath; port: number; call: number; params: CallParams } {
  const fp = make();
  assert.ok(fp);
  const peer = lib.udpOpen(LO, 0);
  const ours = lib.udpOpen(LO, 0);
  t.after(() => {
    lib.close(peer);
    lib.close(ours);
    fp.close();
  });
  const [localPort, remotePort] = [lib.socketPort(ours), lib.socketPort(peer)];
  const flow = fp.addFlow({ local: LO, remote: LO, localPort, remotePort, encap: "clear" });
  const params: CallParams = {
    flow,
    dev: 1,
    localTunnel: 7,
    localCall: 8,
    peerTunnel: 70,
    peerCall: 80,
    innerLocalPort: localPort,
    innerRemotePort: remotePort,
    pppHeader: Uint8Array.of(0xff, 3, 0, 0x21),
    ip: true,
    ip6: false,
    sequencing: false,
    allUp: false,
    passes: 0,
    clampMss: 0,
    checkSource: false,
    echoMagic: 9,
    echoLongest: 1500,
  };
  return { peer, ours, fp, port: localPort, call: fp.addCall(params), params };
}
function send(fd: number, port: number, ...bodies: readonly Uint8Array[]): void {
  for (const body of bodies) {
    const ring = lib.ring(1);
    ring.mem.set(body, 200);
    ring.meta.set([200, body.length, Kind.udp1701, 0]);
    ring.addr.set([4, 0, port >> 8, port & 255, ...LO]);
    assert.equal(lib.writeUdp(fd, ring, 1, Kind.udp1701, null), 1);
  }
}
function heard(fd: number): Uint8Array[] {
  const ring = lib.ring(8);
  const n = lib.readUdp(fd, ring);
  return Array.from({ length: n }, (_, i) => {
    const at = ring.meta[i * META] as number;
    return ring.mem.slice(at, at + (ring.meta[i * META + LEN] as number));
  });
}

/** `n` datagrams, however long they take. */
async function heardAll(fd: number, n: number): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for (let i = 0; i < 200 && all.length < n; i++) {
    await sleep(15);
    all.push(...heard(fd));
  }
  return all;
}
async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !what(); i++) await sleep(15);
}

for (const [kind, make] of KINDS) {
  test(`${kind}: receive: what is answered has left, the rest is in the ring`, (t) => {
    const { peer, ours, fp, port } = ends(t, make);
    const ring = lib.ring(4);
    assert.equal(lib.receive(ours, "udp1701", ring, fp), 0, "nothing there");
    send(peer, port, ECHO, CONTROL, ECHO);
    const received = lib.receive(ours, "udp1701", ring, fp);
    assert.deepEqual([Received.slots(received), Received.wanted(received)], [3, 1]);
    assert.deepEqual(heard(peer), [REPLY, REPLY]);
    assert.equal(ring.meta[META + 2], Kind.upL2tp);
    assert.throws(() => lib.receive(99_999, "udp1701", ring, fp));
  });

  test(`${kind}: watchReceived: who is watched`, async (t) => {
    const { peer, ours, fp, port } = ends(t, make);
    const ring = lib.ring(4);
    const calls: number[] = [];
    const w = lib.watchReceived(ours, "udp1701", ring, fp, (received) => void calls.push(received));
    t.after(() => w.stop());
    send(peer, port, ECHO, ECHO);
    assert.deepEqual(await heardAll(peer, 2), [REPLY, REPLY]);
    if (kind === "library") assert.deepEqual(calls, [], "nothing was left to do");
    calls.length = 0;
    send(peer, port, CONTROL, ECHO);
    assert.deepEqual(await heardAll(peer, 1), [REPLY]);
    const wanted = (): number => calls.reduce((n, c) => n + Received.wanted(c), 0);
    await until(() => wanted() > 0);
    assert.equal(wanted(), 1);
    w.stop();
    w.stop();
    const before = calls.length;
    send(peer, port, CONTROL);
    await sleep(60);
    assert.equal(calls.length, before);
  });
}

/** What stands in for a TUN: datagrams are its packets. `far`: where they come from and go to. */
function tun(t: TestContext): { fd: number; far: number } {
  const [fd, far] = [lib.udpOpen(LO, 0), lib.udpOpen(LO, 0)];
  lib.udpConnect(fd, LO, lib.socketPort(far));
  lib.udpConnect(far, LO, lib.socketPort(fd));
  t.after(() => {
    for (const x of [fd, far]) lib.close(x);
  });
  return { fd, far };
}
const IP = new Uint8Array(28);
IP.set([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 9, 0, 9, 0, 8]);
const DATA = Uint8Array.of(0x00, 0x02, 0, 7, 0, 8, 0xff, 3, 0, 0x21, ...IP);
const SENT = Uint8Array.of(0x00, 0x02, 0, 70, 0, 80, 0xff, 3, 0, 0x21, ...IP);

for (const [kind, make] of KINDS) {
  test(`${kind}: receive: IP packets leave by the exit of their TUN`, (t) => {
    const { peer, ours, fp, port } = ends(t, make);
    const { fd, far } = tun(t);
    const ring = lib.ring(4);
    fp.setExit(Kind.tun, 1, fd);
    send(peer, port, DATA, CONTROL, DATA);
    const received = lib.receive(ours, "udp1701", ring, fp);
    assert.deepEqual([Received.slots(received), Received.wanted(received)], [3, 1]);
    assert.deepEqual(heard(far), [IP, IP]);
    assert.deepEqual([ring.meta[LEN], ring.meta[META + LEN], ring.meta[2 * META + LEN]], [0, CONTROL.length, 0]);
    fp.setExit(Kind.tun, 1, null);
    send(peer, port, DATA);
    assert.equal(Received.wanted(lib.receive(ours, "udp1701", ring, fp)), 0);
    assert.deepEqual(heard(far), []);
    if (kind === "library") assert.equal(fp.drops()[DROPS.indexOf("tun.error")], 1);
  });

  test(`${kind}: transmit: packets leave by the exits of their sockets; without one they are the caller's`, (t) => {
    const { peer, ours, fp, call, params } = ends(t, make);
    const { fd, far } = tun(t);
    const ring = lib.ring(4);
    fp.addRoute(1, new Uint8Array(4), 0, call);
    assert.equal(lib.transmit(fd, 1, ring, fp), 0, "nothing there");
    for (let i = 0; i < 2; i++) lib.send(far, IP);
    const none = lib.transmit(fd, 1, ring, fp);
    assert.deepEqual([Received.slots(none), Received.wanted(none)], [2, 2]);
    assert.equal(lib.writeUdp(ours, ring, 2, Kind.udp1701, fp), 2);
    assert.deepEqual(heard(peer), [SENT, SENT]);
    fp.setExit(Kind.udp1701, 4, ours);
    for (let i = 0; i < 2; i++) lib.send(far, IP);
    const all = lib.transmit(fd, 1, ring, fp);
    assert.deepEqual([Received.slots(all), Received.wanted(all)], [2, 0]);
    assert.deepEqual(heard(peer), [SENT, SENT]);
    assert.deepEqual([ring.meta[LEN], ring.meta[META + LEN]], [0, 0], "what has left is empty");
    fp.setCall(call, { ...params, allUp: true });
    lib.send(far, IP);
    const up = lib.transmit(fd, 1, ring, fp);
    assert.deepEqual([Received.slots(up), Received.wanted(up), ring.meta[KIND]], [1, 1, Kind.upIp]);
    assert.throws(() => lib.transmit(99_999, 1, ring, fp));
  });

  test(`${kind}: watchTransmitted: JavaScript is called for what is left`, async (t) => {
    const { peer, ours, fp, call, params } = ends(t, make);
    const { fd, far } = tun(t);
    const ring = lib.ring(2);
    const calls: number[] = [];
    fp.addRoute(1, new Uint8Array(4), 0, call);
    fp.setExit(Kind.udp1701, 4, ours);
    const w = lib.watchTransmitted(fd, 1, ring, fp, (sent) => void calls.push(sent));
    t.after(() => w.stop());
    for (let i = 0; i < 5; i++) lib.send(far, IP);
    assert.deepEqual(await heardAll(peer, 5), Array(5).fill(SENT), "a full ring is no reason to stop");
    if (kind === "library") assert.deepEqual(calls, []);
    calls.length = 0;
    fp.setCall(call, { ...params, allUp: true });
    lib.send(far, IP);
    await until(() => calls.length > 0);
    assert.equal(
      calls.map(Received.wanted).reduce((a, b) => a + b),
      1,
    );
  });

  test(`${kind}: exits: closing takes them back; others are a RangeError`, (t) => {
    const { fp } = ends(t, make);
    const fd = lib.udpOpen(LO, 0);
    assert.equal(fp.exit(Kind.udp4500, 4), null);
    for (const [k, ref] of [
      [Kind.udp4500, 4],
      [Kind.raw50, 6],
      [Kind.tun, 77],
    ] as const)
      fp.setExit(k, ref, fd);
    assert.deepEqual([fp.exit(Kind.udp4500, 4), fp.exit(Kind.udp4500, 6), fp.exit(Kind.tun, 77)], [fd, null, fd]);
    for (const [k, ref] of [
      [Kind.upIp, 1],
      [Kind.udp1701, 5],
      [Kind.none, 4],
    ] as const)
      assert.throws(() => fp.setExit(k, ref, fd), RangeError);
    lib.close(fd);
    if (kind === "library")
      assert.deepEqual([fp.exit(Kind.udp4500, 4), fp.exit(Kind.raw50, 6), fp.exit(Kind.tun, 77)], [null, null, null]);
  });
}

test("watchReceived: wrong arguments are a RangeError, and watch nothing", (t) => {
  const { ours, fp } = ends(t, () => lib.fastPath());
  const ring = lib.ring(1);
  const nothing = (): void => {};
  assert.throws(() => lib.watchReceived(ours, "udp1701", ring, fp, 7 as unknown as () => void), RangeError);
  assert.throws(() => lib.watchReceived(-1, "udp1701", ring, fp, nothing), RangeError);
  const w = lib.watchReceived(ours, "udp1701", ring, fp, nothing);
  assert.throws(() => lib.watchReceived(ours, "udp1701", ring, fp, nothing), { code: "EEXIST" });
  w.stop();
});
