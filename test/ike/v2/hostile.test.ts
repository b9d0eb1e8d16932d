// IKEv2 among hostile peers: floods, cookies, forgeries, and what a peer that has the key may do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Packet } from "../../../src/core/packet.ts";
import { client, Host, Net, pair, pass, server } from "../double.ts";
import { Probe } from "./probe.ts";

const V2 = { versions: "v2" } as const;

/** A first message as our initiator makes it, to be sent from anywhere. */
async function firstMessage(): Promise<Uint8Array> {
  const { net, a } = pair();
  net.fate = () => [];
  a.ike.connect(client("10.0.0.2", a.address, V2), a);
  await net.run(5);
  const [d] = net.seen;
  assert.ok(d);
  return d.bytes;
}
function withSpi(m: Uint8Array, n: number): Uint8Array {
  const x = m.slice();
  new DataView(x.buffer).setUint32(0, n + 1);
  return x;
}
const spoofed = (n: number): string => `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;

test("a flood of first messages: cookies, bounded tables, no larger answers; who hears us gets through", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(V2), b);
  const m = await firstMessage();
  let bytesIn = 0;
  for (let n = 0; n < 3000; n++) {
    const bytes = withSpi(m, n);
    bytesIn += bytes.length;
    b.port.onMessage(Packet.of(bytes), { address: b.address, port: 500 }, { address: spoofed(n), port: 500 });
    if (n % 100 === 0) await net.run(5);
  }
  const { halfOpen, sas } = b.ike.sizes();
  assert.ok(halfOpen <= 64 && sas <= 64, `${halfOpen} half-open, ${sas} SAs`);
  assert.ok((b.ike.counters.snapshot()["ike.cookies"] ?? 0) > 2900);
  const bytesOut = net.seen.reduce((n, d) => n + d.bytes.length, 0);
  assert.ok(bytesOut < bytesIn / 3, `${bytesOut} of ${bytesIn}`);
  const before = net.seen.length;
  a.ike.connect(client(b.address, a.address, V2), a);
  await net.run(400);
  assert.equal(a.ups.length, 1, JSON.stringify(a.downs));
  assert.equal(net.seen.length - before, 6, "a cookie costs two messages more");
  await net.run(60_000, 100);
  assert.equal(b.ike.sizes().halfOpen, 0, "what is not finished goes");
  assert.equal(b.downs.length, 0);
});
test("a cookie is of one address, one nonce and a limited time", async () => {
  const { net, b } = pair();
  b.ike.addResponder(server(V2), b);
  const m = await firstMessage();
  for (let n = 0; n < 40; n++)
    b.port.onMessage(Packet.of(withSpi(m, n)), { address: b.address, port: 500 }, { address: spoofed(n), port: 500 });
  await net.run(5);
  const last = net.seen.at(-1);
  assert.ok(last);
  const cookie = last.bytes.slice(28 + 8);
  const put = (spi: number, from: string): void => {
    const old = withSpi(m, spi);
    const notify = Uint8Array.from([33, 0, 0, 8 + cookie.length, 0, 0, 0x40, 6, ...cookie]);
    const bytes = Uint8Array.from([...old.subarray(0, 28), ...notify, ...old.subarray(28)]);
    bytes[16] = 41;
    new DataView(bytes.buffer).setUint32(24, bytes.length);
    net.seen.length = 0;
    b.port.onMessage(Packet.of(bytes), { address: b.address, port: 500 }, { address: from, port: 500 });
  };
  const isCookie = (): boolean => net.seen[0]?.bytes[16] === 41;
  put(39, spoofed(38));
  await net.run(5);
  assert.ok(isCookie(), "of another address");
  put(38, spoofed(39));
  await net.run(5);
  assert.ok(isCookie(), "of another SPI");
  put(39, spoofed(39));
  await net.run(5);
  assert.equal(net.seen[0]?.bytes[16], 33, "it is good");
});
/** So many strangers that cookies are asked for. */
function crowd(b: Host, m: Uint8Array): void {
  const spi = (n: number): Uint8Array => withSpi(m, n);
  for (let n = 0; n < 30; n++)
    b.port.onMessage(Packet.of(spi(n)), { address: b.address, port: 500 }, { address: spoofed(n), port: 500 });
}
test("a slow server: of two cookies one is taken, and all else of the first message stays as it was", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(V2), b);
  crowd(b, await firstMessage());
  net.fate = () => [1200];
  // encap = udp: what hides our own address is random
  a.ike.connect(client(b.address, a.address, { ...V2, encap: "udp" }), a);
  await net.run(15_000);
  assert.ok((b.ike.counters.snapshot()["ike.cookies"] ?? 0) > 1);
  assert.equal(a.ups.length, 1, JSON.stringify([...a.downs, ...b.downs]));
  const firsts = net.seen.filter((d) => d.from.address === a.address && d.bytes[16] === 41);
  const [before, after] = [net.seen.find((d) => d.from.address === a.address), firsts[0]];
  assert.ok(before && after);
  const COOKIE_BYTES = 8 + 16;
  assert.deepEqual(after.bytes.slice(28 + COOKIE_BYTES), before.bytes.slice(28), "RFC 7296 §2.6: all else unchanged");
  assert.equal(new Set(firsts.map((d) => d.bytes.join())).size, 1, "sent again as they were");
});
test("a server that asks for a cookie speaks IKEv2: its silence does not make a client of both versions try IKEv1", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server({ versions: "auto" }), b);
  crowd(b, await firstMessage());
  net.fate = (d) => (d.from.address === b.address && d.bytes[16] !== 41 ? [] : [5]);
  a.ike.connect(client(b.address, a.address, { versions: "auto" }), a);
  await net.run(20_000);
  const v1 = net.seen.filter((d) => d.from.address === a.address && d.bytes[17] === 0x10);
  assert.equal(v1.length, 0);
  assert.equal(a.downs.length, 0);
  await net.run(30_000);
  assert.ok(
    net.seen.some((d) => d.from.address === a.address && d.bytes[17] === 0x10),
    "in the end it does",
  );
});
test("what was sent without a cookie is not taken once the crowd has gone", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(V2), b);
  crowd(b, await firstMessage());
  await net.run(29_500, 50);
  net.fate = (d) => [d.from.address === b.address ? 1200 : 5];
  a.ike.connect(client(b.address, a.address, V2), a);
  await net.run(15_000);
  assert.equal(b.ike.sizes().halfOpen, 0);
  assert.equal(a.ups.length, 1, JSON.stringify([...a.downs, ...b.downs]));
});
test("a message changed anywhere, of whatever kind, changes nothing", async () => {
  for (let nth = 0; nth < 4; nth++) {
    const { net, a, b } = pair();
    let at = 0;
    const real = net.fate;
    b.ike.addResponder(server(V2), b);
    // each datagram comes once changed before it comes as it is
    net.fate = (d, n) => {
      // IKE_SA_INIT is believed, and AUTH tells: RFC 7296 §2.21.1
      if (n % 4 === nth && d.bytes[18] !== 34) {
        const to = net.hosts.get(d.to.address);
        for (const bit of [1, 128]) {
          const x = d.bytes.slice();
          at = (at * 31 + 17) % x.length;
          x[at] = (x[at] ?? 0) ^ bit;
          if (at >= 28) to?.port.onMessage(Packet.of(x), d.to, d.from);
        }
      }
      return real(d, n);
    };
    const conn = a.ike.connect(client(b.address, a.address, { ...V2, espLifetimeSeconds: 60, dpdSeconds: 5 }), a);
    await net.run(70_000, 50);
    assert.equal(a.ups.length, 1, `${nth} ${JSON.stringify(a.downs)}`);
    assert.equal(a.downs.length + b.downs.length, 0, `${nth}`);
    assert.ok(pass(a, conn.flow, b));
  }
});
test("old messages again, our own messages back, messages of other ids: no answer, no effect", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(V2), b);
  a.ike.connect(client(b.address, a.address, { ...V2, espLifetimeSeconds: 60 }), a);
  await net.run(130_000, 100);
  const all = net.seen.slice();
  net.seen.length = 0;
  for (let round = 0; round < 20; round++) {
    for (const d of all) {
      net.hosts.get(d.to.address)?.port.onMessage(Packet.of(d.bytes.slice()), d.to, d.from);
      net.hosts.get(d.from.address)?.port.onMessage(Packet.of(d.bytes.slice()), d.from, d.to);
    }
  }
  await net.run(100);
  assert.ok(net.seen.length < 40, `${net.seen.length} answers to ${all.length * 40} old messages`);
  assert.equal(a.downs.length + b.downs.length, 0);
  assert.equal(b.ups.length, 1);
});
test("forged errors in the clear do not end what the true server answers", async () => {
  for (const type of [14, 7, 24]) {
    const { net, a, b } = pair();
    b.ike.addResponder(server(V2), b);
    net.fate = (d) => {
      if (d.from.address !== a.address || d.bytes[18] !== 34) return [5];
      const forged = Uint8Array.from([...d.bytes.subarray(0, 28), 0, 0, 0, 8, 0, 0, 0, type]);
      forged.set([41, 0x20, 34, 0x20], 16);
      new DataView(forged.buffer).setUint32(24, forged.length);
      a.port.onMessage(Packet.of(forged), d.from, d.to);
      return [50];
    };
    a.ike.connect(client(b.address, a.address, V2), a);
    await net.run(1000);
    assert.equal(a.ups.length, 1, `notify ${type}`);
  }
});
test("whoever has the key: unknown exchanges and payloads, too many pairs, pairs of others", async () => {
  const net = new Net();
  const b = new Host(net, "10.0.0.2");
  b.ike.addResponder(server(V2), b);
  const x = new Probe(net, "10.0.0.1", b.address);
  await net.run(300);
  assert.equal(b.ups.length, 1);
  assert.deepEqual(await x.ask(38, []), [7], "an unknown exchange: INVALID_SYNTAX");
  assert.deepEqual(await x.ask(37, [[200, Uint8Array.of(1)]]), [], "skipped");
  assert.deepEqual(await x.ask(36, []), [7], "CREATE_CHILD_SA with nothing in it");
  assert.deepEqual(await x.ask(37, [[42, Uint8Array.of(3, 4, 0, 1, 9, 9, 9, 9)]]), [], "an SPI of nobody");
  const codes = new Set<number>();
  for (let i = 0; i < 12; i++) for (const c of await x.makeChild()) codes.add(c);
  assert.deepEqual([...codes], [35], "NO_ADDITIONAL_SAS in the end");
  assert.ok(b.plane.inbound.size <= 8);
  assert.deepEqual(await x.rekey(0x0102_0304), [44], "CHILD_SA_NOT_FOUND");
  assert.equal(b.downs.length, 0);
});
