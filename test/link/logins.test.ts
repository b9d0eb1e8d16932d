import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Logins } from "../../src/link/logins.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

/** Tries for `ms`, as fast as it may; how many attempts were looked at. */
function guess(
  l: Logins,
  clock: VirtualClock,
  ms: number,
  user: (n: number) => string,
  from: (n: number) => string,
  step = 500,
): number {
  const end = clock.now() + ms;
  let looked = 0;
  for (let n = 0; clock.now() < end; n++) {
    if (l.pause(user(n), from(n)) === 0) {
      looked++;
      l.wrong(user(n), from(n), true);
    }
    clock.advance(step);
  }
  return looked;
}
const HOUR = 3_600_000;

describe("wrong passwords", () => {
  test("two cost nothing, then 2 s, 4 s, 8 s, up to 5 min; the right one begins anew", () => {
    const clock = new VirtualClock();
    const l = new Logins(clock);
    const pauses: number[] = [];
    for (let i = 0; i < 12; i++) {
      l.wrong("alice", "192.0.2.1", true);
      const ms = l.pause("alice", "192.0.2.1");
      pauses.push(ms / 1000);
      clock.advance(ms);
      assert.equal(l.pause("alice", "192.0.2.1"), 0);
    }
    assert.deepEqual(pauses, [0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    l.right("alice", "192.0.2.1");
    l.wrong("alice", "192.0.2.1", true);
    assert.equal(l.pause("alice", "192.0.2.1"), 0);
  });
  test("from elsewhere the user gets in, whatever happens here; a domain or capitals make no other user", () => {
    const clock = new VirtualClock();
    const l = new Logins(clock);
    const names = ["alice", "CORP\\alice", "X\\Alice", "ALICE"];
    const looked = guess(
      l,
      clock,
      HOUR,
      (n) => names[n % 4] ?? "",
      () => "192.0.2.1",
    );
    assert.ok(looked < 25, `${looked} an hour`);
    assert.ok(l.pause("alice", "192.0.2.1") > 0);
    assert.deepEqual(
      [l.pause("alice", "192.0.2.2"), l.pause("alice", "2001:db8::1"), l.pause("alice", "line modem")],
      [0, 0, 0],
    );
  });
  test("a peer that tries one user after another waits too, and a /64 is one peer", () => {
    for (const from of [() => "192.0.2.1", (n: number) => `2001:db8:1:2::${n.toString(16)}`]) {
      const clock = new VirtualClock();
      const l = new Logins(clock);
      const looked = guess(l, clock, HOUR, (n) => `u${n}`, from);
      assert.ok(looked < 130, `${looked} an hour`);
      assert.ok(l.pause("somebody", "192.0.2.1") + l.pause("somebody", "2001:db8:1:2::9") > 0);
      assert.equal(l.pause("somebody", "198.51.100.1"), 0);
    }
  });
  test("a whole network is slower than its peers together", () => {
    const clock = new VirtualClock();
    const l = new Logins(clock);
    const looked = guess(
      l,
      clock,
      HOUR,
      (n) => `u${n}`,
      (n) => `192.0.2.${n & 255}`,
      100,
    );
    assert.ok(looked < 800, `${looked} an hour`);
    assert.equal(l.pause("somebody", "192.0.3.1"), 0);
  });
  test("who has logged in from here does not wait for a neighbour", () => {
    const clock = new VirtualClock();
    const l = new Logins(clock);
    l.right("bob", "192.0.2.1");
    guess(
      l,
      clock,
      HOUR,
      (n) => `u${n}`,
      () => "192.0.2.1",
    );
    assert.equal(l.pause("bob", "192.0.2.1"), 0);
    assert.ok(l.pause("carol", "192.0.2.1") > 0);
    for (let i = 0; i < 3; i++) l.wrong("bob", "192.0.2.1", true);
    assert.ok(l.pause("bob", "192.0.2.1") > 0, "his own count");
  });
  test("it is forgotten, and it is bounded", () => {
    const clock = new VirtualClock();
    const l = new Logins(clock);
    for (let i = 0; i < 10; i++) l.wrong("alice", "192.0.2.1", true);
    clock.advance(HOUR);
    l.wrong("alice", "192.0.2.1", true);
    assert.equal(l.pause("alice", "192.0.2.1"), 0);
    for (let i = 0; i < 50_000; i++) l.wrong(`made up ${i}`, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, i % 2 === 0);
    assert.equal(l.size, 8192);
    const before = l.size;
    for (let i = 0; i < 100; i++) l.wrong(`no such user ${i}`, "192.0.2.77", false);
    assert.equal(l.size, before);
    assert.equal(l.counters.get("login.wrong"), 50_111);
  });
});
