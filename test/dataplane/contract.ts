// What every data plane promises, whatever is below it. Run on `none` in memory and on the userspace plane with real
// sockets.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Packet } from "../../src/core/packet.ts";
import type { CallChannel, DataPlane, IkePort, L2tpRemote, SaSpec } from "../../src/dataplane/dataplane.ts";
import type { Endpoint } from "../../src/ports/ports.ts";

/**
 * What the kernel keeps to itself or cannot do, and a plane that leaves packets to it therefore not either: it takes
 * NAT keepalives without counting them, tells nobody of an unknown SPI, and has one SA for an address and SPI.
 */
export type Lack = "keepalives" | "unknown SPIs" | "same SPI";
export interface Side {
  readonly plane: DataPlane;
  readonly lacks?: readonly Lack[];
  readonly ike: IkePort;
  readonly address: string;
  readonly ports: { readonly ike: number; readonly nat: number };
}
export interface Pair {
  readonly a: Side;
  readonly b: Side;
  /** Lets everything that is under way arrive. */
  settle(): Promise<void>;
  close(): Promise<void>;
}
export type SaOptions = Partial<
  Pick<SaSpec, "cipher" | "integ" | "keys" | "udpEncap" | "hardPackets" | "localPort" | "remotePort">
>;

export const KEYS = {
  encr: Uint8Array.from({ length: 16 }, (_, i) => i + 1),
  integ: Uint8Array.from({ length: 20 }, (_, i) => 0x40 + i),
};

/** The spec of one SA as its receiver (or, mirrored, its sender) installs it. */
export function spec(spi: number, here: Side, there: Side, o: SaOptions = {}): SaSpec {
  const udpEncap = o.udpEncap ?? true;
  const end = (s: Side): Endpoint => ({ address: s.address, port: udpEncap ? s.ports.nat : 0 });
  return {
    spi,
    cipher: "aes128",
    integ: "sha1",
    keys: KEYS,
    local: end(here),
    remote: end(there),
    localPort: 0,
    remotePort: 0,
    hardBytes: 0,
    hardPackets: 0,
    ...o,
    udpEncap,
  };
}
/** One SA from `from` to `to`; flows are 1 at both ends unless told. */
export async function install(from: Side, to: Side, o: SaOptions = {}, flow = 1): Promise<number> {
  const spi = to.plane.ipsec.allocateSpi();
  await to.plane.ipsec.addInbound(flow, spec(spi, to, from, o));
  await from.plane.ipsec.addOutbound(flow, spec(spi, from, to, o));
  return spi;
}

function controls(s: Side): { readonly remote: L2tpRemote; readonly text: string }[] {
  const got: { remote: L2tpRemote; text: string }[] = [];
  s.plane.l2tp.onControl = (remote, p) => got.push({ remote, text: Buffer.from(p.view().subarray(2)).toString() });
  return got;
}
/** Something with the T bit. */
export function control(text: string): Uint8Array {
  return Uint8Array.from([0xc8, 0x02, ...Buffer.from(text)]);
}
function frames(c: CallChannel): string[] {
  const got: string[] = [];
  c.onFrame = (p) => got.push(Buffer.concat([p.view().subarray(0, 4), p.view().subarray(8)]).toString("latin1"));
  return got;
}
/** A PPP frame that is no IP: an LCP Echo-Request with some text (RFC 1661 §5.8; the kernel sends no shorter ones). */
export function lcp(text: string): Packet {
  return Packet.of(Uint8Array.from([0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4 + text.length, ...Buffer.from(text)]));
}
const LCP = "\xff\x03\xc0\x21";

/** Each of these has so many: a slow machine has more time for it. */
async function arrived(p: Pair, count: number, ...lists: readonly (readonly unknown[])[]): Promise<void> {
  await p.settle();
  for (let i = 0; i < 20 && lists.some((l) => l.length < count); i++) await p.settle();
}
function lacks(s: Side, what: Lack): boolean {
  return s.lacks?.includes(what) === true;
}
/** The second flow is refused, and the first goes on. */
async function refusesSameSpi(p: Pair, foreign: SaSpec): Promise<void> {
  await assert.rejects(p.a.plane.ipsec.addOutbound(2, foreign), /EEXIST/);
  await p.a.plane.ipsec.remove(2, "out", foreign.spi);
  const got = controls(p.b);
  assert.equal(p.a.plane.l2tp.sendControl(p.a.plane.l2tp.secureRemote(1, 1701, 1701), control("x")), true);
  assert.equal(p.a.plane.l2tp.sendControl(p.a.plane.l2tp.secureRemote(2, 1701, 1701), control("y")), false);
  await arrived(p, 1, got);
  assert.deepEqual(
    got.map((g) => g.text),
    ["x"],
  );
}

export function planeContract(name: string, make: () => Promise<Pair>, skip: string | false = false): void {
  const it = (what: string, run: (p: Pair) => Promise<void>): void => {
    test(`${name}: ${what}`, { skip }, async () => {
      const pair = await make();
      try {
        await run(pair);
      } finally {
        await pair.close();
      }
    });
  };
  const open = (p: Pair, sequencing = false): [CallChannel, CallChannel] => {
    const ta = p.a.plane.l2tp.openTunnel({
      localId: 11,
      peerId: 22,
      remote: p.a.plane.l2tp.secureRemote(1, 1701, 1701),
    });
    const tb = p.b.plane.l2tp.openTunnel({
      localId: 22,
      peerId: 11,
      remote: p.b.plane.l2tp.secureRemote(1, 1701, 1701),
    });
    return [
      ta.openCall({ localId: 111, peerId: 222, sequencing, mru: 1400 }),
      tb.openCall({ localId: 222, peerId: 111, sequencing, mru: 1400 }),
    ];
  };

  it("IKE messages pass on both ports, the marker unseen", async (p) => {
    const got: string[] = [];
    p.b.ike.onMessage = (m, local, remote) => {
      got.push(`${Buffer.from(m.view()).toString()} ${local.address}:${local.port} ${remote.address}:${remote.port}`);
    };
    for (const port of ["ike", "nat"] as const) {
      const local = { address: p.a.address, port: p.a.ports[port] };
      p.a.ike.send(local, { address: p.b.address, port: p.b.ports[port] }, Uint8Array.from(Buffer.from("hello")));
    }
    p.a.ike.keepalive({ address: p.a.address, port: p.a.ports.nat }, { address: p.b.address, port: p.b.ports.nat });
    // The first messages of all: on a slow machine the engine is still warming up.
    for (let i = 0; i < 20 && got.length < 2; i++) await p.settle();
    const line = (port: "ike" | "nat"): string =>
      `hello ${p.b.address}:${p.b.ports[port]} ${p.a.address}:${p.a.ports[port]}`;
    assert.deepEqual(got.sort(), [line("ike"), line("nat")].sort());
    if (!lacks(p.b, "keepalives")) assert.equal(p.b.plane.drops()["nat.keepalive"], 1);
  });

  it("without an SA nothing leaves, and it is counted", async (p) => {
    const got = controls(p.b);
    const remote = p.a.plane.l2tp.secureRemote(1, 1701, 1701);
    assert.equal(p.a.plane.l2tp.sendControl(remote, control("x")), false);
    const call = p.a.plane.l2tp
      .openTunnel({ localId: 1, peerId: 2, remote })
      .openCall({ localId: 3, peerId: 4, sequencing: false, mru: 1400 });
    call.send(lcp("x"));
    await p.settle();
    assert.equal(p.a.plane.drops()["tx.no-sa"], 2);
    assert.deepEqual(got, []);
  });

  it("a call that was open outlives its SA without leaking, and works again with the next", async (p) => {
    const spi = await install(p.a, p.b);
    await install(p.b, p.a);
    const [a, b] = open(p);
    const got = frames(b);
    a.send(lcp("1"));
    await arrived(p, 1, got);
    await p.a.plane.ipsec.remove(1, "out", spi);
    a.send(lcp("2"));
    await p.settle();
    await install(p.a, p.b);
    a.send(lcp("3"));
    await arrived(p, 2, got);
    assert.deepEqual(got, [`${LCP}1`, `${LCP}3`]);
    assert.equal(p.a.plane.drops()["tx.no-sa"], 1);
    assert.deepEqual([a.heard?.(), b.heard?.()], [0, 2], "signs of life");
  });

  for (const udpEncap of [true, false]) {
    it(`control messages and frames pass inside ${udpEncap ? "ESP in UDP" : "raw ESP"}`, async (p) => {
      const spi = await install(p.a, p.b, { udpEncap });
      await install(p.b, p.a, { udpEncap });
      const got = controls(p.b);
      const remote = p.a.plane.l2tp.secureRemote(1, 1701, 1701);
      assert.equal(p.a.plane.l2tp.sendControl(remote, control("hi")), true);
      const [a, b] = open(p);
      const atB = frames(b);
      const atA = frames(a);
      a.send(lcp("ping"));
      b.send(lcp("pong"));
      await arrived(p, 1, got, atA, atB);
      assert.equal(got[0]?.text, "hi");
      assert.equal(got[0]?.remote.key, p.b.plane.l2tp.secureRemote(1, 1701, 1701).key);
      assert.equal(got[0]?.remote.flow, 1);
      assert.equal(got[0]?.remote.address, p.a.address);
      assert.deepEqual([atA, atB], [[`${LCP}pong`], [`${LCP}ping`]]);
      assert.equal(p.a.plane.ipsec.counters(1, "out", spi).txPackets, 2);
      assert.equal(p.b.plane.ipsec.counters(1, "in", spi).rxPackets, 2);
    });
  }

  it("other keys are refused by name", async (p) => {
    const spi = p.b.plane.ipsec.allocateSpi();
    await p.b.plane.ipsec.addInbound(1, spec(spi, p.b, p.a));
    await p.a.plane.ipsec.addOutbound(1, spec(spi, p.a, p.b, { keys: { ...KEYS, integ: new Uint8Array(20) } }));
    const got = controls(p.b);
    p.a.plane.l2tp.sendControl(p.a.plane.l2tp.secureRemote(1, 1701, 1701), control("x"));
    await p.settle();
    assert.deepEqual(got, []);
    assert.equal(p.b.plane.drops()["esp.auth"], 1);
  });

  it("an unknown SPI is told, once", async (p) => {
    await p.a.plane.ipsec.addOutbound(1, spec(0xabcdef01, p.a, p.b));
    const told: number[] = [];
    p.b.plane.ipsec.onUnknownSpi = (_from, spi) => told.push(spi);
    const remote = p.a.plane.l2tp.secureRemote(1, 1701, 1701);
    p.a.plane.l2tp.sendControl(remote, control("x"));
    p.a.plane.l2tp.sendControl(remote, control("y"));
    await p.settle();
    assert.deepEqual(told, lacks(p.b, "unknown SPIs") ? [] : [0xabcdef01]);
    assert.equal(p.b.plane.drops()["esp.unknown-spi"], 2);
  });

  it("inner ports outside the SA's selectors are refused", async (p) => {
    await install(p.a, p.b, { localPort: 1701, remotePort: 1701 });
    const got = controls(p.b);
    p.a.plane.l2tp.sendControl(p.a.plane.l2tp.secureRemote(1, 1702, 1701), control("bad"));
    p.a.plane.l2tp.sendControl(p.a.plane.l2tp.secureRemote(1, 1701, 1701), control("good"));
    await arrived(p, 1, got);
    assert.deepEqual(
      got.map((g) => g.text),
      ["good"],
    );
    assert.equal(p.b.plane.drops()["udp.port"], 1);
  });

  it("a rekey loses nothing: the new SA sends at once, the old one is accepted until removed", async (p) => {
    const first = await install(p.a, p.b);
    await install(p.b, p.a);
    const [a, b] = open(p);
    const got = frames(b);
    a.send(lcp("1"));
    const second = p.b.plane.ipsec.allocateSpi();
    await p.b.plane.ipsec.addInbound(1, spec(second, p.b, p.a));
    a.send(lcp("2"));
    await p.a.plane.ipsec.addOutbound(1, spec(second, p.a, p.b));
    a.send(lcp("3"));
    await p.settle();
    assert.equal(p.b.plane.ipsec.counters(1, "in", first).rxPackets, 2);
    assert.equal(p.b.plane.ipsec.counters(1, "in", second).rxPackets, 1);
    await p.a.plane.ipsec.remove(1, "out", first);
    await p.b.plane.ipsec.remove(1, "in", first);
    a.send(lcp("4"));
    await arrived(p, 4, got);
    assert.deepEqual(
      got,
      ["1", "2", "3", "4"].map((x) => LCP + x),
    );
  });

  it("a hard limit ends the SA's use", async (p) => {
    await install(p.a, p.b, { hardPackets: 2 });
    const got = controls(p.b);
    const remote = p.a.plane.l2tp.secureRemote(1, 1701, 1701);
    for (const text of ["1", "2", "3"]) p.a.plane.l2tp.sendControl(remote, control(text));
    await arrived(p, 2, got);
    assert.deepEqual(
      got.map((g) => g.text),
      ["1", "2"],
    );
    assert.equal(p.a.plane.drops()["esp.limit"], 1);
  });

  it("frames wait for the peer's call id by being dropped, and for nothing else", async (p) => {
    await install(p.a, p.b);
    await install(p.b, p.a);
    const [, b] = open(p);
    const got = frames(b);
    const remote = p.a.plane.l2tp.secureRemote(1, 1701, 1701);
    const early = p.a.plane.l2tp
      .openTunnel({ localId: 12, peerId: 22, remote })
      .openCall({ localId: 9, peerId: 0, sequencing: false, mru: 1400 });
    early.send(lcp("early"));
    early.setPeer(222);
    early.send(lcp("now"));
    await arrived(p, 1, got);
    assert.deepEqual(got, [`${LCP}now`]);
    assert.equal(p.a.plane.drops()["tx.no-peer"], 1);
  });

  it("sequence numbers can be switched on and off in the middle", async (p) => {
    await install(p.a, p.b);
    await install(p.b, p.a);
    const [a, b] = open(p);
    const got = frames(b);
    a.send(lcp("0"));
    a.setSequencing(true);
    for (const t of ["1", "2", "3"]) a.send(lcp(t));
    a.setSequencing(false);
    a.send(lcp("4"));
    await arrived(p, 5, got);
    assert.deepEqual(
      got,
      ["0", "1", "2", "3", "4"].map((x) => LCP + x),
    );
  });

  it("in the clear only when asked; a shared socket stays until its last user closes it", async (p) => {
    const got = controls(p.b);
    const a1 = await p.a.plane.l2tp.openClear({ address: p.a.address, port: 0 });
    const b1 = await p.b.plane.l2tp.openClear({ address: p.b.address, port: 17010 });
    const b2 = await p.b.plane.l2tp.openClear({ address: p.b.address, port: 17010 });
    const remote = a1.remote({ address: p.b.address, port: 17010 });
    assert.equal(remote.flow, 0);
    assert.equal(p.a.plane.l2tp.sendControl(remote, control("1")), true);
    await arrived(p, 1, got);
    b1.close();
    p.a.plane.l2tp.sendControl(remote, control("2"));
    await arrived(p, 2, got);
    assert.deepEqual(
      got.map((g) => g.text),
      ["1", "2"],
    );
    assert.equal(got[0]?.remote.flow, 0);
    assert.equal(got[0]?.remote.key, b2.remote({ address: p.a.address, port: a1.local.port }).key);
    // and back, with calls
    const back = got[0]?.remote;
    assert.ok(back);
    const ca = p.a.plane.l2tp
      .openTunnel({ localId: 11, peerId: 22, remote })
      .openCall({ localId: 1, peerId: 2, sequencing: false, mru: 1400 });
    const cb = p.b.plane.l2tp
      .openTunnel({ localId: 22, peerId: 11, remote: back })
      .openCall({ localId: 2, peerId: 1, sequencing: false, mru: 1400 });
    const atA = frames(ca);
    const atB = frames(cb);
    ca.send(lcp("up"));
    cb.send(lcp("down"));
    await arrived(p, 1, atA, atB);
    assert.deepEqual([atA, atB], [[`${LCP}down`], [`${LCP}up`]]);
    b2.close();
    assert.equal(p.b.plane.l2tp.sendControl(back, control("3")), false);
  });

  it("what comes in the clear never reaches a call of a flow", async (p) => {
    await install(p.a, p.b);
    await install(p.b, p.a);
    const [, b] = open(p);
    const got = frames(b);
    const evil = await p.a.plane.l2tp.openClear({ address: p.a.address, port: 0 });
    await p.b.plane.l2tp.openClear({ address: p.b.address, port: 17011 });
    const remote = evil.remote({ address: p.b.address, port: 17011 });
    const call = p.a.plane.l2tp
      .openTunnel({ localId: 5, peerId: 22, remote })
      .openCall({ localId: 6, peerId: 222, sequencing: false, mru: 1400 });
    call.send(lcp("forged"));
    await p.settle();
    assert.deepEqual(got, []);
    assert.equal(p.b.plane.drops()["l2tp.wrong-flow"], 1);
  });

  it("two peers may choose the same SPI (RFC 4301 §4.1): each flow sends under its own SA, and keeps it", async (p) => {
    const spi = await install(p.a, p.b);
    const foreign = spec(spi, p.a, p.b, { keys: { ...KEYS, integ: new Uint8Array(20) } });
    if (lacks(p.a, "same SPI")) return refusesSameSpi(p, foreign);
    await p.a.plane.ipsec.addOutbound(2, foreign);
    await assert.rejects(p.a.plane.ipsec.addOutbound(2, foreign), /EEXIST/, "twice within one flow");
    const got = controls(p.b);
    const send = (flow: number, text: string): boolean =>
      p.a.plane.l2tp.sendControl(p.a.plane.l2tp.secureRemote(flow, 1701, 1701), control(text));
    assert.deepEqual(
      [send(1, "x"), send(2, "of another key"), send(2, "again"), send(1, "y")],
      [true, true, true, true],
    );
    await arrived(p, 2, got);
    assert.deepEqual(
      got.map((g) => g.text),
      ["x", "y"],
    );
    const drops = p.b.plane.drops();
    assert.equal((drops["esp.auth"] ?? 0) + (drops["esp.replay"] ?? 0), 2, "the other flow's, numbered by its own SA");
    assert.deepEqual(
      [1, 2, 3].map((flow) => p.a.plane.ipsec.counters(flow, "out", spi).txPackets),
      [2, 2, 0],
    );
    await p.b.plane.ipsec.remove(2, "in", spi);
    await p.a.plane.ipsec.remove(2, "out", spi);
    assert.deepEqual([send(1, "z"), send(2, "no SA")], [true, false]);
    await arrived(p, 3, got);
    assert.deepEqual(
      got.map((g) => g.text),
      ["x", "y", "z"],
    );
  });

  it("one flow's data never reaches a call of another", async (p) => {
    await install(p.a, p.b);
    await install(p.b, p.a);
    const [, b] = open(p);
    const got = frames(b);
    await install(p.a, p.b, {}, 2);
    const remote = p.a.plane.l2tp.secureRemote(2, 1701, 1701);
    const call = p.a.plane.l2tp
      .openTunnel({ localId: 5, peerId: 22, remote })
      .openCall({ localId: 6, peerId: 222, sequencing: false, mru: 1400 });
    call.send(lcp("forged"));
    await p.settle();
    assert.deepEqual(got, []);
    assert.equal(p.b.plane.drops()["l2tp.wrong-flow"], 1);
  });
}
