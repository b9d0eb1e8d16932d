import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventHub } from "../../src/control/log.ts";
import { SystemError } from "../../src/core/errors.ts";
import type { Event } from "../../src/core/events.ts";
import { line } from "../../src/core/events.ts";
import { faultEvent, internal } from "../../src/core/fault.ts";
import { giveBack } from "../../src/core/give-back.ts";
import { allOf, contain, Scope } from "../../src/core/scope.ts";
import { Turns } from "../../src/core/turns.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

const boom = (text = "boom"): never => {
  throw new RangeError(text);
};

describe("a scope", () => {
  test("takes what its timers, its turns and its promises throw; nobody else notices", async () => {
    const clock = new VirtualClock();
    const faults: string[] = [];
    const scope = new Scope(clock, (e) => void faults.push((e as Error).message));
    scope.timer("bad", () => boom("timer")).arm(1);
    let fired = 0;
    clock.timer("other", () => fired++).arm(1);
    clock.advance(5);
    scope.run(() => boom("call"));
    scope.settle(
      Promise.resolve(1),
      () => boom("brought"),
      () => {},
    );
    scope.settle(
      Promise.reject(new Error("x")),
      () => {},
      () => boom("refused"),
    );
    await new Promise((r) => setImmediate(r));
    assert.deepEqual([fired, faults], [1, ["timer", "call", "brought", "refused"]]);
  });
  test("inside another: the inner one's fault is its own, in its own turn", () => {
    const clock = new VirtualClock();
    const said: string[] = [];
    const outer = new Scope(clock, () => void said.push("outer"));
    const turns = new Turns(outer, () => void said.push("turns"));
    const inner = new Scope(turns, () => void said.push("inner"), turns);
    turns
      .timer("t", () => {
        inner.run(() => boom()); // waits for its turn
        said.push("first");
      })
      .arm(1);
    turns.timer("t2", () => boom()).arm(2);
    inner.timer("t3", () => boom()).arm(3);
    outer.timer("t4", () => boom()).arm(4);
    clock.advance(10);
    assert.deepEqual(said, ["first", "inner", "turns", "inner", "outer"]);
    assert.equal(turns.busy, false);
  });
  test("a handler that throws gets what it threw, a few times; then the enclosing scope gets it", () => {
    const seen: string[] = [];
    contain(
      () => boom("first"),
      (e) => {
        seen.push((e as Error).message);
        if (seen.length === 1) boom("on the way down");
      },
    );
    assert.deepEqual(seen, ["first", "on the way down"]);
    assert.throws(
      () =>
        contain(
          () => boom("a"),
          () => boom("b"),
        ),
      /b/,
    );
  });
  test("every step of an end is made", () => {
    const done: number[] = [];
    const faults: unknown[] = [];
    allOf(
      (e) => void faults.push(e),
      () => void done.push(1),
      () => boom(),
      () => void done.push(3),
    );
    assert.deepEqual([done, faults.length], [[1, 3], 1]);
  });
});

test("what is to be given back is tried twice, and never rejects", async () => {
  let tries = 0;
  const faults: unknown[] = [];
  await giveBack(
    () => {
      if (++tries === 1) boom();
    },
    (e) => void faults.push(e),
  );
  assert.deepEqual([tries, faults.length], [2, 1]);
  await giveBack(
    () => Promise.reject(new SystemError("ENODEV", "gone already")),
    (e) => void faults.push(e),
  );
  await giveBack(boom, (e) => void faults.push(e));
  assert.equal(faults.length, 3);
});

describe("a fault as an event", () => {
  test("one line with where and a stack; no engine's quotes of what it was given", () => {
    const e = faultEvent("hq", "a session", new RangeError("two routes"));
    const text = line(e);
    assert.match(
      text,
      /^error hq: daemon\.fault where="a session" text="RangeError: two routes" stack=".*(scope|l2tpsec)\S*:\d+.*"$/,
    );
    assert.ok(!text.includes("\n"));
    let secret: unknown;
    try {
      JSON.parse("swordfish");
    } catch (why) {
      secret = why;
    }
    assert.ok(!JSON.stringify(faultEvent("", "x", secret)).includes("swordfish"));
    assert.ok(
      !internal("ppp", new TypeError('The "key" argument must be of type Buffer. Received "swordfish"')).text.includes(
        "swordfish",
      ),
    );
    assert.equal(internal("ppp", null).code, "internal");
  });
  test("the hub puts positions into sources, limits lines, and does without a follower that throws", () => {
    const clock = new VirtualClock();
    const lines: string[] = [];
    const hub = new EventHub(
      clock,
      "info",
      (l) => void lines.push(l),
      (stack) => `mapped ${stack.length}`,
    );
    const got: Event[] = [];
    hub.follow(() => boom("bad follower"));
    hub.follow((e) => void got.push(e));
    hub.emit({ kind: "daemon.warning", link: "", text: "one" });
    assert.deepEqual(
      got.map((e) => e.kind),
      ["daemon.warning", "daemon.fault"],
    );
    assert.match(lines[1] ?? "", /daemon\.fault where="a follower of events, at daemon\.warning".*stack="mapped \d+"/);
    for (let i = 0; i < 100; i++) hub.emit(faultEvent("hq", "a session", new Error("again")));
    for (let i = 0; i < 100; i++) hub.emit(faultEvent("hq", "a session", new Error(`other ${"x".repeat(i)}`)));
    assert.ok(lines.length < 12, `${lines.length} lines`);
  });
});
