// IPV6CP (RFC 5072): two ends that agree, peers written by hand that do not, and a session that needs neither.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { hex, unhex } from "../../src/core/text.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import { Ipv6cpOptions, type Ipv6Ids } from "../../src/ppp/ipv6cp.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, CODE, End, join, PROTOCOL, SERVER, Side, scripted, type Trouble, testCrypto } from "./pair.ts";

const { lcp, ipcp, ipv6cp } = PROTOCOL;
const h = (s: string): Uint8Array => unhex(s.replaceAll(" ", "")) ?? assert.fail(s);

type Told = (Ipv6Ids | null)[];
const text = (told: Told): (string | null)[] => told.map((t) => t && `${hex(t.local)} ${hex(t.remote)}`);

/** `same`: the first identifiers (which are what has 8 random bytes) are the same at both ends. */
function two(
  six: readonly [boolean, boolean],
  trouble: Trouble = {},
  seeds: readonly [number, number] = [3, 4],
  same = 0,
) {
  const clock = new VirtualClock();
  const make = (base: PppConfig, i: 0 | 1) => {
    const told: Told = [];
    const [own, shared] = [testCrypto(seeds[i]), testCrypto(same)];
    let ids = 0;
    const crypto = {
      ...own,
      random: (n: number): Uint8Array => (n === 8 && same > 0 && ids++ === 0 ? shared : own).random(n),
    };
    return {
      told,
      side: new Side(clock, { ...base, ipv6: six[i] }, { onIpv6: (ids) => void told.push(ids) }, new End(), crypto),
    };
  };
  const [c, s] = [make(CLIENT, 0), make(SERVER, 1)];
  join(clock, c.side.channel, s.side.channel, trouble);
  c.side.session.start();
  s.side.session.start();
  return { clock, c, s };
}

test("a server's identifier is one for all users, and theirs are never another's", () => {
  const local = h("0011 2233 4455 6677");
  const others = new Set(["8888888888888888"]);
  const rng = testCrypto(5);
  let next = ["8888888888888888", "0011223344556677", "0000000000000000", "4242424242424242"];
  const o = new Ipv6cpOptions(
    { random: (n) => (next.length > 0 ? h(next.shift() ?? "") : rng.random(n)) },
    { local, taken: (id) => others.has(hex(id)) },
  );
  o.reset();
  assert.deepEqual(
    o.request().map((x) => hex(x.data)),
    [hex(local)],
  );
  const judge = (id: string): string => {
    const v = o.judge({ type: 1, data: h(id) });
    return v.is === "nak" ? `nak ${hex(v.instead)}` : v.is;
  };
  assert.equal(judge("0000000000000001"), "ack");
  assert.equal(
    judge("8888888888888888"),
    "nak 4042424242424242",
    "without the bit that says unique in the world, and free",
  );
  for (const bad of ["0000000000000000", "0011223344556677", "8888888888888888"]) assert.match(judge(bad), /^nak /);
  assert.equal(
    o.naked({ type: 1, data: h("0000000000000009") })?.code,
    "no-ipv6",
    "it cannot be another one for one of them",
  );
  next = [];
});

describe("two of ours", () => {
  test("both learn both identifiers, once, and again after a new start", async () => {
    const { clock, c, s } = two([true, true]);
    await clock.advance(2000);
    assert.deepEqual([c.told.length, s.told.length, c.side.ups.length], [1, 1, 1]);
    assert.deepEqual([c.told[0]?.local, c.told[0]?.remote], [s.told[0]?.remote, s.told[0]?.local]);
    assert.equal((c.told[0]?.local[0] as number) & 2, 0, "not unique in the world");
    s.side.session.stop({ layer: "config", code: "stopped", text: "x" });
    await clock.advance(5000);
    assert.equal(c.side.downs.length, 1);
  });
  test("when one of them does not want it, there is none, and the session is up", async () => {
    for (const six of [
      [true, false],
      [false, true],
      [false, false],
    ] as const) {
      const { clock, c, s } = two(six);
      await clock.advance(90_000);
      assert.deepEqual([c.told, s.told, c.side.ups.length, c.side.downs, s.side.downs], [[], [], 1, [], []]);
    }
  });
  test("whose random identifiers are the same at first find different ones", async () => {
    for (let seed = 1; seed < 9; seed++) {
      const { clock, c, s } = two([true, true], {}, [30, 40], seed);
      await clock.advance(20_000);
      assert.notDeepEqual(c.told.at(-1)?.local, c.told.at(-1)?.remote);
      assert.deepEqual(c.told.at(-1)?.local, s.told.at(-1)?.remote);
    }
  });
  test("over a wire that loses, repeats and reorders", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(10_000), async (seed) => {
        const { clock, c, s } = two([true, true], { loss: 0.1, repeat: 0.1, jitterMs: 20, seed: seed + 1 });
        await clock.advance(300_000);
        // IPCP or LCP gave up: not this protocol's business
        for (const x of [c, s]) if (x.side.downs.length > 0) return;
        const [a, b] = [c.told.at(-1), s.told.at(-1)];
        if (a && b) assert.deepEqual([a.local, a.remote], [b.remote, b.local]);
      }),
      { numRuns: 40 },
    );
  });
});

/** A peer that has brought LCP and IPCP up. */
async function up() {
  const told: Told = [];
  const r = scripted({ ...CLIENT, identity: null, ipv6: true }, { onIpv6: (ids) => void told.push(ids) });
  r.peer.agree(lcp);
  r.side.session.start();
  r.peer.request(lcp, 1, []);
  await r.clock.advance(1);
  r.peer.request(ipcp, 1, [{ type: 3, data: h("0a630001") }]);
  const asked = r.peer.last(ipcp, CODE.configureRequest) ?? assert.fail("no IPCP");
  r.peer.say(ipcp, CODE.configureNak, asked.id, h("0306 0a63000a"));
  r.peer.say(
    ipcp,
    CODE.configureReject,
    r.peer.last(ipcp, CODE.configureRequest)?.id ?? 0,
    h("8106 00000000 8306 00000000"),
  );
  const again = r.peer.last(ipcp, CODE.configureRequest) ?? assert.fail("no IPCP");
  r.peer.say(ipcp, CODE.configureAck, again.id, again.body);
  await r.clock.advance(1);
  assert.equal(r.side.ups.length, 1);
  const id = (): string => hex(r.peer.options(ipv6cp, CODE.configureRequest)[0]?.data ?? h(""));
  const answer = (code: number, body: string): void =>
    r.peer.say(ipv6cp, code, r.peer.last(ipv6cp, CODE.configureRequest)?.id ?? 0, h(body));
  return { ...r, told, id, answer };
}

describe("a peer written by hand", () => {
  test("zero and our own identifier are Nak'd with another, compression and wrong lengths are rejected", async () => {
    const r = await up();
    const own = r.id();
    const ask = (id: number, body: string): { code: number; body: string } => {
      r.peer.say(ipv6cp, CODE.configureRequest, id, h(body));
      const last = r.peer.seen.filter((p) => p.protocol === ipv6cp && p.id === id).at(-1);
      return { code: last?.code ?? 0, body: hex(last?.body ?? h("")) };
    };
    const zero = ask(1, "010a 0000000000000000");
    assert.deepEqual([zero.code, zero.body.slice(0, 4)], [CODE.configureNak, "010a"]);
    assert.notEqual(zero.body.slice(4), "0".repeat(16));
    const same = ask(2, `010a ${own}`);
    assert.deepEqual([same.code, same.body === `010a${own}`], [CODE.configureNak, false]);
    assert.equal(ask(3, "").code, CODE.configureNak);
    assert.deepEqual(ask(4, "0104 0001"), { code: CODE.configureReject, body: "01040001" });
    assert.deepEqual(ask(5, "0204 004f 010a 0000000000000001"), { code: CODE.configureReject, body: "0204004f" });
    assert.deepEqual(ask(6, "010a 0000000000000001"), { code: CODE.configureAck, body: "010a0000000000000001" });
    r.answer(CODE.configureAck, `010a ${own}`);
    await r.clock.advance(1);
    assert.deepEqual(text(r.told), [`${own} 0000000000000001`]);
  });
  test("a suggestion is taken, unless it is nothing or the peer's own", async () => {
    const r = await up();
    r.peer.request(ipv6cp, 9, [{ type: 1, data: h("0000000000000009") }]);
    r.answer(CODE.configureNak, "010a 0000000000000077");
    assert.equal(r.id(), "0000000000000077");
    for (const bad of ["010a 0000000000000009", "010a 0000000000000000", "0104 0001"]) {
      const before = r.id();
      r.answer(CODE.configureNak, bad);
      assert.equal(r.id().length, 16);
      assert.notEqual(r.id(), before);
      assert.notEqual(r.id(), "0000000000000009");
    }
  });
  test("a Reject, a Protocol-Reject, silence and any bytes: no IPv6, and the session stays", async () => {
    for (const end of ["reject", "protocol", "silence", "bytes"] as const) {
      const r = await up();
      if (end === "reject") r.answer(CODE.configureReject, `010a ${r.id()}`);
      if (end === "protocol") r.peer.say(lcp, 8, 5, h("8057 01010004"));
      if (end === "bytes") {
        for (const b of fc.sample(fc.uint8Array({ minLength: 0, maxLength: 30 }), { numRuns: 300, seed: 5 }))
          r.peer.say(ipv6cp, (b[0] ?? 0) % 14, b[1] ?? 0, b.subarray(2));
      }
      await r.clock.advance(120_000);
      assert.deepEqual([r.told.at(-1) ?? null, r.side.downs, r.side.session.status().ipcp], [null, [], "opened"], end);
    }
  });
  test("it ends and comes back by itself", async () => {
    const r = await up();
    r.peer.agree(ipv6cp);
    r.answer(CODE.configureAck, `010a ${r.id()}`);
    r.peer.request(ipv6cp, 1, [{ type: 1, data: h("0000000000000001") }]);
    r.peer.say(ipv6cp, CODE.terminateRequest, 2);
    assert.deepEqual(
      r.told.map((t) => t !== null),
      [true, false],
    );
    assert.equal(r.peer.last(ipv6cp, CODE.terminateAck)?.id, 2);
    await r.clock.advance(10_000);
    r.peer.request(ipv6cp, 3, [{ type: 1, data: h("0000000000000002") }]);
    await r.clock.advance(10_000);
    assert.deepEqual([r.told.length, hex(r.told.at(-1)?.remote ?? h(""))], [3, "0000000000000002"]);
    assert.deepEqual(r.side.downs, []);
  });
});
