// The ladder by itself, with rungs that say what is asked of them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Event } from "../../src/core/events.ts";
import { failure } from "../../src/core/failures.ts";
import type { NetInterface } from "../../src/dataplane/dataplane.ts";
import { Ladder, type Rung } from "../../src/link/ladder.ts";
import { NetdevRung } from "../../src/link/rungs/netdev.ts";
import type { PppRung } from "../../src/link/rungs/ppp.ts";
import type { PppUp } from "../../src/ppp/api.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { settle } from "./serial-world.ts";

const STOPPED = failure("stopped", "test");
const BROKEN = failure("timeout", "it broke");

function ladder(hurried = false) {
  const clock = new VirtualClock();
  const said: string[] = [];
  const log = { emit: (e: Event) => void said.push(e.kind) };
  const l = new Ladder(
    { clock, log, link: "x", what: "a test", layer: "system", hurried },
    {
      onState: (s) => void said.push(`state ${s}`),
      onUp: () => void said.push("UP"),
      onEnding: (why) => void said.push(`ending ${why.code}`),
      onEnd: (why) => void said.push(`END ${why.code}`),
    },
  );
  /** A rung that is up at once, and says goodbye when it is told to. */
  const rung = (name: string, more: Partial<Rung> = {}): Rung => {
    const r: Rung = {
      name,
      up: () => {
        said.push(`+${name}`);
        l.isUp(r);
      },
      down: () => {
        said.push(`-${name}`);
        l.isDown(r);
      },
      drop: () => void said.push(`x${name}`),
      ...more,
    };
    return r;
  };
  const since = (): string => said.splice(0).join(" ");
  return { clock, l, rung, since, said };
}

describe("a ladder", () => {
  test("is climbed from the lowest rung and left from the top, each goodbye before the next", () => {
    const { l, rung, since, clock } = ladder();
    l.climb([rung("a"), rung("b"), rung("c")]);
    assert.equal(since(), "+a +b +c UP");
    l.fail(STOPPED);
    assert.equal(since(), "ending stopped -c xc -b xb -a xa xa xb xc END stopped");
    l.fail(BROKEN);
    assert.deepEqual([since(), clock.pending()], ["", []]);
  });
  test("ends after 1.5 s when a peer does not answer; a patient rung has its own time, unless it is quick", () => {
    for (const [patient, quick, end] of [
      [false, false, "xb xa xa xb END stopped"],
      [true, false, ""],
      [true, true, "xb xa xa xb END stopped"],
    ] as const) {
      const { l, rung, since, clock } = ladder();
      const b = rung("b", { down: () => {}, patient });
      l.climb([rung("a"), b]);
      since();
      l.fail(STOPPED, quick);
      assert.equal(since(), `${patient ? "state stopping " : ""}ending stopped`);
      clock.advance(1499);
      assert.equal(since(), "");
      clock.advance(1);
      assert.equal(since(), end);
      if (end !== "") continue;
      l.isDown(b);
      assert.equal(since(), "xb xa xa xb END stopped", "no time for the one below");
    }
  });
  test("that is ending patiently has 1.5 s more when it is to be quick", () => {
    const { l, rung, since, clock } = ladder();
    l.climb([rung("a", { down: () => {}, patient: true })]);
    l.fail(STOPPED);
    clock.advance(5000);
    since();
    l.fail(STOPPED, true);
    clock.advance(1500);
    assert.equal(since(), "xa xa END stopped");
  });
  test("a rung that breaks takes what stands on it with it, and what that knows better is the reason", () => {
    const { l, rung, since } = ladder();
    const a = rung("a");
    const b = rung("b", {
      drop: () => {
        l.lost(b, failure("peer-terminated", "the peer said goodbye"));
      },
    });
    l.climb([a, b, rung("c")]);
    since();
    l.lost(a, BROKEN);
    assert.equal(since(), "xc ending peer-terminated -a xa xa xc END peer-terminated");
  });
  test("when a rung begins anew, what stands on it goes and comes back; the ladder stands", () => {
    const { l, rung, since } = ladder();
    const b = rung("b");
    l.climb([rung("a"), b, rung("c")]);
    since();
    l.again(b);
    assert.equal(since(), "xc");
    l.isUp(b);
    assert.equal(since(), "+c UP");
  });
  test("an error in a goodbye ends it without any other", () => {
    const { l, rung, since } = ladder();
    const down = (): void => {
      throw new Error("a mistake");
    };
    l.climb([rung("a"), rung("b"), rung("c", { down })]);
    since();
    l.fail(STOPPED);
    assert.equal(since(), "ending stopped daemon.fault xc xb xa xa xb xc END stopped");
  });
  test("a stage that stays busy for a minute ends it, where it is hurried", () => {
    const { l, rung, since, clock } = ladder(true);
    l.climb([rung("a", { up: () => l.stage("route", "busy", "") })]);
    clock.advance(59_999);
    assert.equal(since(), "");
    clock.advance(1);
    assert.match(since(), /END timeout/);
  });
  test("what was taken of the host goes back at the end, and at once what comes after it", async () => {
    const { l, rung, since, said } = ladder();
    let late = (_: string): void => {};
    const up = (): void => {
      const back = (x: string) => (): void => void said.push(`back ${x}`);
      l.took(back("port"));
      l.take(Promise.resolve("route"), back("route"), () => {});
      l.take(new Promise<string>((r) => (late = r)), back("socket"), () => assert.fail("it came too late"));
    };
    l.climb([rung("a", { up })]);
    await settle();
    l.fail(STOPPED);
    await settle();
    assert.equal(since(), "ending stopped -a xa xa back route back port END stopped");
    late("");
    await settle();
    assert.equal(since(), "back socket");
  });
});

describe("the netdev", () => {
  test("that comes when PPP has begun anew is given back, and another is made after it", async () => {
    const { l, since, said } = ladder();
    const made: ((net: NetInterface) => void)[] = [];
    const ppp = { name: "ppp", up: () => {}, info: null as PppUp | null, ids: null, above: null };
    const net = (n: number): NetInterface => ({
      ifname: `n${n}`,
      counters: () => ({ rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 }),
      setIpv6: () => Promise.resolve(),
      detach: async () => void said.push(`detach ${n}`),
    });
    const agreed = (): PppUp => ({ peerMru: 1500, growth: 0, local: "10.0.0.1", remote: "10.0.0.2" }) as PppUp;
    const rung = new NetdevRung(l, ppp as unknown as PppRung, {
      ifname: "n",
      mtu: 1400,
      attach: () => {
        said.push("attach");
        return new Promise((r) => void made.push(r));
      },
    });
    l.climb([ppp, rung]);
    ppp.info = agreed();
    l.isUp(ppp);
    await settle();
    l.again(ppp);
    ppp.info = agreed();
    l.isUp(ppp);
    await settle();
    assert.equal(since(), "attach", "one after another");
    made[0]?.(net(1));
    await settle();
    assert.deepEqual([since(), rung.net], ["detach 1 attach", null]);
    made[1]?.(net(2));
    await settle();
    assert.deepEqual([since(), rung.net?.ifname], ["UP", "n2"]);
    l.fail(STOPPED);
    await settle();
    assert.equal(since(), "ending stopped detach 2 END stopped");
  });
});
