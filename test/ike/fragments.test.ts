// Fragments of IKEv1 messages: golden bytes, any order, loss and repetition, and peers that send what makes no message.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../../src/core/errors.ts";
import { hex, unhex } from "../../src/core/text.ts";
import { parseIkeProposal } from "../../src/ike/proposals.ts";
import { FRAGMENTED, Fragments, LONGEST } from "../../src/ike/v1/fragments.ts";
import { cut, type Fragment, MOST_UNCUT, readFragment } from "../../src/ike/wire/fragment.ts";
import { readMessage, writeMessage } from "../../src/ike/wire/header.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { client, type Host, type Net, pair, pass, server } from "./double.ts";
import { at500, first, header, heard, say } from "./strangers.ts";

const bin = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail("hex");
const X25519 = parseIkeProposal("aes256-sha256-x25519");
const message = (bytes: number): Uint8Array =>
  writeMessage(header({ messageId: 7, flags: 1, exchange: 32 }), nodeCrypto.random(bytes));
const fragments = (m: Uint8Array, id: number): Fragment[] =>
  cut(m, readMessage(m).header, id).map((f) => readFragment(readMessage(f).body));

test("a fragment, golden both ways, cut at every byte, and any bytes", () => {
  const golden = bin("0000 000b 0001 02 01 aabbcc");
  assert.deepEqual(readFragment(golden), { id: 1, number: 2, last: true, data: bin("aabbcc") });
  for (let n = 0; n < golden.length; n++) assert.throws(() => readFragment(golden.subarray(0, n)), DecodeError);
  assert.throws(() => readFragment(bin("0000 000b 0001 00 01 aabbcc")), DecodeError, "they count from 1");
  assert.throws(() => readFragment(bin("0000 0008 0001 01 01")), DecodeError, "empty");
  assert.throws(() => readFragment(bin("0000 0008 0001 01 01 aa")), DecodeError, "longer than it says");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (b) => {
      try {
        readFragment(b);
      } catch (e) {
        assert.ok(e instanceof DecodeError);
      }
    }),
  );
  const m = message(MOST_UNCUT);
  const [one, two] = cut(m, readMessage(m).header, 9);
  assert.ok(one && two);
  assert.equal(one.length, MOST_UNCUT);
  assert.equal(hex(one.subarray(16, 36)), "84102000" + "00000007" + "000004cc" + "000004b0" + "00090100");
  assert.equal(hex(two.subarray(28, 36)), `0000${(8 + 28 + 36).toString(16).padStart(4, "0")}00090201`);
});

test("in any order, with repetitions, what was cut is put together; of two messages under one id the later", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9000 }),
      fc.infiniteStream(fc.nat()),
      fc.constantFrom(1, 2),
      (n, dice, id) => {
        const into = new Fragments();
        for (const round of [1, id]) {
          const m = message(n);
          const pieces = fragments(m, round);
          const all = [...pieces, ...pieces.slice(1)].sort(() => ((dice.next().value ?? 0) % 3) - 1);
          const whole = all.map((f) => into.add(f)).find((w) => w !== null);
          assert.ok(whole instanceof Uint8Array && hex(whole) === hex(m));
        }
      },
    ),
    { numRuns: 100 },
  );
});

test("a fragment that comes late, after the whole message, does not spoil the next", () => {
  const into = new Fragments();
  const [old, next] = [message(3000), message(3000)].map((m) => fragments(m, 1));
  assert.ok(old && next);
  const add = (f: Fragment | undefined): boolean => (f ? into.add(f) instanceof Uint8Array : false);
  assert.deepEqual([add(old[0]), add(old[1]), add(old[2])], [false, false, true]);
  assert.deepEqual([add(old[2]), add(next[0]), add(next[1]), add(next[2])], [false, false, false, true]);
  assert.deepEqual([add(next[0]), add(next[1]), add(next[2])], [false, false, true], "said again, heard again");
});

test("numbers beyond the last, two ends, and more bytes than a message has: thrown away", () => {
  const data = new Uint8Array(1000).fill(1);
  const f = (number: number, last = false, more = data): Fragment => ({ id: 1, number, last, data: more });
  const into = new Fragments();
  for (const bad of [
    [f(2, true), f(3)],
    [f(3), f(2, true)],
    [f(2, true), f(4, true)],
    [f(65)],
    Array.from({ length: LONGEST / 1000 + 1 }, (_, i) => f(i + 1)),
  ]) {
    const said = bad.map((x) => into.add(x));
    assert.equal(said.at(-1), "bad");
    assert.equal(into.waiting, false);
  }
});

/** What `h` sends comes with so many more bytes of vendor id that main mode has to be cut. */
function talkative(h: Host): void {
  const { send } = h.port;
  const more = new Uint8Array(2000).fill(0x41);
  Object.assign(h.port, {
    send: (...[from, to, bytes]: Parameters<typeof send>) => {
      const m = readMessage(bytes);
      const clear = m.header.exchange === 2 && m.header.flags === 0 && !m.header.rcookie.every((x) => x === 0);
      if (!clear || m.header.next === 132) return send(from, to, bytes);
      const body = new Uint8Array(4 + more.length + m.body.length);
      body.set([m.header.next, 0, (4 + more.length) >> 8, (4 + more.length) & 255]);
      body.set(more, 4);
      body.set(m.body, 4 + more.length);
      const whole = writeMessage({ ...m.header, next: 13 }, body);
      for (const piece of cut(whole, m.header, 1)) send(from, to, piece);
    },
  });
}
/** An identity that makes messages 5 and 6 long. */
const LONG = { type: 2, text: "x".repeat(1500) };
const cutOnes = (net: Net): number => net.seen.filter((d) => readMessage(d.bytes).header.next === 132).length;

for (const [how, fate] of [
  ["in order", () => [5]],
  ["with loss", (_: unknown, n: number) => (Math.imul(n + 3, 0x9e3779b1) >>> 0 < 0.2 * 2 ** 32 ? [] : [5])],
  ["out of order and twice", (_: unknown, n: number) => [5 + ((n * 7) % 40), 5 + ((n * 13) % 60)]],
] as const)
  test(`two daemons whose messages are cut, ${how}`, async () => {
    const { net, a, b } = pair();
    talkative(a);
    talkative(b);
    net.fate = fate;
    b.ike.addResponder(server(), b);
    const conn = a.ike.connect(client(b.address, a.address), a);
    await net.run(60_000, 20);
    assert.equal(conn.stage(), "up");
    assert.ok(pass(a, conn.flow, b));
    assert.ok(cutOnes(net) >= 6);
    assert.ok(a.ups.length === 1 && a.downs.length === 0);
  });

test("ours are cut for a peer that announced it, and never for another", async () => {
  for (const announced of [true, false]) {
    const { net, a, b } = pair();
    if (!announced) {
      net.tamper = (bytes) => {
        const at = Buffer.from(bytes).indexOf(Buffer.from("4048b7d56ebce88525e7de7f00d6c2d3", "hex"));
        if (at > 0) bytes[at] = 0;
      };
    }
    const conn = a.ike.connect(client(b.address, a.address, { localId: LONG }), a);
    b.ike.addResponder(server({ localId: LONG }), b);
    await net.run(3000);
    assert.equal(conn.stage(), "up");
    const longest = Math.max(...net.seen.map((d) => d.bytes.length));
    assert.equal(longest <= MOST_UNCUT, announced);
    assert.equal(cutOnes(net), announced ? 4 : 0, "messages 5 and 6, two pieces each");
    assert.ok(pass(a, conn.flow, b));
  }
});

/** Message 1 of `address`, and the cookies of the server's answer. */
function cookies(net: Net, b: Host, address: string): { icookie: Uint8Array; rcookie: Uint8Array } {
  const n = net.seen.length;
  say(b, first(X25519), at500(address));
  const [two = assert.fail("no message 2")] = heard(net, n, address);
  return readMessage(two).header;
}
const piece = (c: { icookie: Uint8Array; rcookie: Uint8Array }, number: number, bytes = 1000): Uint8Array => {
  const body = new Uint8Array(8 + bytes);
  body.set([0, 0, (8 + bytes) >> 8, (8 + bytes) & 255, 0, 1, number, 0]);
  return writeMessage(header({ ...c, next: 132 }), body);
};

test("strangers' fragments: none without our cookie, then few, of few, and never many bytes", () => {
  const { net, b } = pair();
  b.ike.addResponder(server(), b);
  const c = cookies(net, b, "203.0.113.1");
  for (let i = 1; i < 60; i++) {
    say(b, piece({ ...c, rcookie: new Uint8Array(8) }, i), at500("203.0.113.1"));
    say(b, piece({ ...c, rcookie: nodeCrypto.random(8) }, i), at500("203.0.113.1"));
    say(b, piece(c, i), at500("203.0.113.2"));
  }
  assert.equal(b.ike.fragmented, 0);
  for (let i = 1; i <= 60; i++) say(b, piece(c, i), at500("203.0.113.1"));
  assert.equal(b.ike.counters.get("ike.bad-fragment"), 3, "thrown away at 16 KiB");
  assert.equal(b.ike.fragmented, 1);
  for (let i = 0; i < 400; i++) {
    const address = `203.0.${(i >> 1) & 127}.${i & 1}`;
    say(b, piece(cookies(net, b, address), 1), at500(address));
  }
  assert.equal(b.ike.fragmented, FRAGMENTED.all);
  assert.ok(b.ike.counters.get("ike.fragments-evicted") >= 300);
  b.ike.close();
  assert.equal(b.ike.fragmented, 0);
});

test("a flood of fragments does not keep a client out whose own come in fragments", async () => {
  const { net, a, b } = pair();
  talkative(a);
  b.ike.addResponder(server(), b);
  const flooders = Array.from({ length: 100 }, (_, i) => `203.0.${i}.1`);
  const known = flooders.map((f) => cookies(net, b, f));
  a.ike.connect(client(b.address, a.address), a);
  for (let t = 0; t < 3000; t += 10) {
    const i = (t / 10) % flooders.length;
    say(b, piece(known[i] ?? assert.fail(), 1 + (t % 7)), at500(flooders[i] ?? ""));
    await net.run(10);
  }
  assert.equal(a.ups.length, 1);
});
