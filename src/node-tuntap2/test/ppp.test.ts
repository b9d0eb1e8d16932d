// The kernel's own L2TP and PPP. Where it has none those tests are skipped; test/rig runs them in a guest that has.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { loadNative } from "../../runtime/node/native.ts";
import { FROM, MARK } from "../types.ts";

const native = loadNative();
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const root = process.getuid?.() === 0 ? false : "needs root: a mark, PPP";

function int(v: number): Uint8Array {
  return new Uint8Array(Int32Array.of(v).buffer);
}
function constant(name: string): number {
  const v = native.constants[name];
  assert.ok(v !== undefined, name);
  return v;
}
const errno = (code: string) => (e: unknown) => (e as { code?: string }).code === code;

/** A UDP socket on the loopback, closed when the test ends. */
function udp(t: TestContext): { fd: number; port: number } {
  const fd = native.udpOpen(LOOPBACK, 0);
  t.after(() => native.close(fd));
  return { fd, port: native.socketPort(fd) };
}
function connected(t: TestContext): { a: { fd: number; port: number }; b: { fd: number; port: number } } {
  const [a, b] = [udp(t), udp(t)];
  native.udpConnect(a.fd, LOOPBACK, b.port);
  native.udpConnect(b.fd, LOOPBACK, a.port);
  return { a, b };
}
/** Why the kernel's L2TP and PPP cannot be tried here, or false. */
function missing(): string | false {
  if (root !== false) return root;
  try {
    native.close(native.pppOpen());
  } catch {
    return "the kernel has no /dev/ppp";
  }
  const fd = native.udpOpen(LOOPBACK, 0);
  try {
    native.udpConnect(fd, LOOPBACK, native.socketPort(fd));
    native.close(native.l2tpTunnel(fd, LOOPBACK, 1701, 0xfff1, 0xfff2));
    return false;
  } catch (e) {
    return `the kernel has no L2TP: ${e instanceof Error ? e.message : ""}`;
  } finally {
    native.close(fd);
  }
}
const noPpp = missing();

test("a connected socket talks to its peer alone", (t) => {
  const { a, b } = connected(t);
  const stranger = udp(t);
  native.udpConnect(stranger.fd, LOOPBACK, a.port);
  native.send(stranger.fd, Uint8Array.of(9));
  native.send(b.fd, Uint8Array.of(1, 2));
  const [into, from] = [new Uint8Array(16), new Uint8Array(FROM)];
  assert.equal(native.udpRecv(a.fd, into, from), 2);
  assert.deepEqual([...into.subarray(0, 2)], [1, 2]);
  assert.deepEqual([...from.subarray(0, 8)], [4, 0, b.port >> 8, b.port & 255, ...LOOPBACK]);
  assert.deepEqual([...from.subarray(20, 24)], [...LOOPBACK]);
  assert.deepEqual([...from.subarray(MARK)], [0, 0, 0, 0]);
  assert.equal(native.udpRecv(a.fd, into, from), -1);
});

test("a packet's mark comes with it when asked for", { skip: root }, (t) => {
  const option = native.constants["SO_RCVMARK"];
  if (option === undefined) return t.skip("the kernel's headers are older than SO_RCVMARK");
  const { a, b } = connected(t);
  native.setsockopt(a.fd, constant("SOL_SOCKET"), option, int(1));
  native.setsockopt(b.fd, constant("SOL_SOCKET"), constant("SO_MARK"), int(0x12345678));
  native.send(b.fd, Uint8Array.of(1));
  const from = new Uint8Array(FROM);
  assert.equal(native.udpRecv(a.fd, new Uint8Array(16), from), 1);
  assert.deepEqual([...from.subarray(MARK)], [0x12, 0x34, 0x56, 0x78]);
});

test("wrong arguments are RangeErrors", (t) => {
  const { fd } = udp(t);
  assert.throws(() => native.udpConnect(fd, new Uint8Array(5), 1), RangeError);
  assert.throws(() => native.udpConnect(fd, LOOPBACK, 65536), RangeError);
  assert.throws(() => native.udpRecv(fd, new Uint8Array(4), new Uint8Array(FROM - 1)), RangeError);
  assert.throws(() => native.l2tpTunnel(fd, LOOPBACK, 1701, 65536, 1), RangeError);
  assert.throws(() => native.l2tpTunnel(-2, LOOPBACK, 1701, 1, 1), RangeError);
  assert.throws(() => native.pppChannel(-1), RangeError);
});

test("a call needs its tunnel; a frame goes from one channel to the other", { skip: noPpp }, async (t) => {
  const { a, b } = connected(t);
  const call = (localTunnel: number, localCall: number, peerTunnel: number, peerCall: number) => ({
    localTunnel,
    localCall,
    peerTunnel,
    peerCall,
  });
  assert.throws(() => native.l2tpCall(LOOPBACK, b.port, call(11, 111, 22, 222)), errno("ENOENT"));
  const fds = [
    native.l2tpTunnel(a.fd, LOOPBACK, b.port, 11, 22),
    native.l2tpTunnel(b.fd, LOOPBACK, a.port, 22, 11),
    native.l2tpCall(LOOPBACK, b.port, call(11, 111, 22, 222)),
    native.l2tpCall(LOOPBACK, a.port, call(22, 222, 11, 111)),
  ];
  t.after(() => {
    for (const fd of fds.reverse()) native.close(fd);
  });
  const [, , callA = 0, callB = 0] = fds;
  const [chA, chB] = [native.pppChannel(callA), native.pppChannel(callB)];
  fds.push(chA, chB);
  const echo = Uint8Array.from([0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4]);
  native.pppWrite(chA, echo);
  const into = new Uint8Array(64);
  const arrived = await new Promise<number>((done) => {
    const watcher = native.watch(chB, () => {
      watcher.stop();
      done(native.pppRead(chB, into));
    });
  });
  assert.deepEqual([...into.subarray(0, arrived)], [...echo]);
  assert.equal(native.pppRead(chB, into), -1);
  // what is no data for a call of the tunnel stays on its socket
  const control = Uint8Array.from([0xc8, 0x02, 0, 12, 0, 22, 0, 0, 0, 0, 0, 0]);
  native.send(a.fd, control);
  assert.equal(native.udpRecv(b.fd, into, new Uint8Array(FROM)), control.length);
});
