// The parts of the QuickJS runtime that are TypeScript, on a stand-in for the host.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../src/core/text.ts";
import { quickjsClock } from "../../src/runtime/quickjs/clock.ts";
import { inSources, positionOf } from "../../src/runtime/quickjs/positions.ts";
import { quickjsStreams } from "../../src/runtime/quickjs/streams.ts";
import type { Sys, Watch } from "../../src/runtime/quickjs/sys.ts";

describe("clock", () => {
  function rig() {
    const sys = {
      t: 0,
      at: Infinity,
      now: () => sys.t,
      alarm: (at: number) => {
        sys.at = at;
      },
      onAlarm: undefined as (() => void) | undefined,
    };
    const clock = quickjsClock(sys);
    /** As the host does: the time comes to the alarm, and the alarm is off. */
    const turn = (): boolean => {
      if (sys.at === Infinity) return false;
      sys.t = Math.max(sys.t, sys.at);
      sys.at = Infinity;
      sys.onAlarm?.();
      return true;
    };
    return { sys, clock, turn };
  }
  test("long timers share their wakes, a little late and never early; short ones are exact", () => {
    const { sys, clock, turn } = rig();
    const late: number[] = [];
    const wait = (ms: number): void => {
      const from = sys.t;
      clock.timer("t", () => void late.push(sys.t - from - ms)).arm(ms);
    };
    for (let i = 0; i < 1000; i++) {
      sys.t = i * 0.7;
      wait(10_000 + (i % 7));
    }
    let wakes = 0;
    while (turn()) wakes++;
    assert.equal(late.length, 1000);
    assert.ok(wakes <= 16, `${wakes} wakes for 1000 timers of 0.7 s`);
    assert.ok(
      late.every((ms) => ms >= -1e-6 && ms <= 50),
      `${Math.min(...late)} to ${Math.max(...late)} ms late`,
    );
    late.length = 0;
    sys.t = 123.4;
    wait(1999);
    while (turn());
    assert.ok(Math.abs(late[0] ?? Number.NaN) < 1e-6);
  });
  test("any arming and disarming: what is armed fires once, in order of time, then of arming", () => {
    const step = fc.record({
      timer: fc.integer({ min: 0, max: 7 }),
      ms: fc.option(fc.integer({ min: 0, max: 20 }), { nil: null }),
      pass: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { sys, clock, turn } = rig();
        const fired: string[] = [];
        const armed = new Map<number, { at: number; order: number }>(); // the obvious version
        const expected: string[] = [];
        const timers = Array.from({ length: 8 }, (_, i) => clock.timer(`t${i}`, () => fired.push(`${i}@${sys.t}`)));
        let order = 0;
        const pass = (until: number): void => {
          const due = [...armed]
            .filter(([, v]) => v.at <= until)
            .sort(([, x], [, y]) => x.at - y.at || x.order - y.order);
          for (const [i, v] of due) {
            expected.push(`${i}@${v.at}`);
            armed.delete(i);
          }
          while (sys.at <= until) turn();
          sys.t = until;
        };
        for (const s of steps) {
          const t = timers[s.timer];
          if (s.ms === null) {
            t?.disarm();
            armed.delete(s.timer);
          } else {
            t?.arm(s.ms);
            armed.set(s.timer, { at: sys.t + s.ms, order: order++ });
          }
          assert.equal(t?.armed, s.ms !== null);
          pass(sys.t + s.pass);
        }
        pass(1e6);
        assert.deepEqual(fired, expected);
        assert.equal(sys.at, Infinity);
      }),
      { numRuns: 300 },
    );
  });
  test("a timer that arms itself for now waits for the next turn", () => {
    const { clock, turn } = rig();
    let n = 0;
    const t = clock.timer("again", () => {
      n++;
      t.arm(0);
    });
    t.arm(0);
    turn();
    assert.equal(n, 1);
    turn();
    assert.equal(n, 2);
  });
  test("what one throws is the host's; those of the same instant come in the next turn, in their order", () => {
    const { clock, turn } = rig();
    const fired: string[] = [];
    for (const name of ["a", "b", "c", "d"])
      clock
        .timer(name, () => {
          fired.push(name);
          if (name === "b") throw new Error("b");
        })
        .arm(name === "d" ? 2 : 1);
    assert.throws(turn, /^Error: b$/);
    assert.deepEqual(fired, ["a", "b"]);
    while (turn());
    assert.deepEqual(fired, ["a", "b", "c", "d"]);
  });
  test("one that fires disarms another of its instant, and moves a third", () => {
    const { sys, clock, turn } = rig();
    const fired: string[] = [];
    const rest = ["x", "y", "z"].map((name) => clock.timer(name, () => fired.push(`${name}@${sys.t}`)));
    const [x, y, z] = rest;
    clock
      .timer("first", () => {
        x?.disarm();
        y?.arm(4);
      })
      .arm(3);
    for (const t of rest) t.arm(3);
    while (turn());
    assert.deepEqual(fired, ["z@3", "y@7"]);
    assert.deepEqual([x?.armed, y?.armed, z?.armed], [false, false, false]);
  });
  test("Infinity never comes", () => {
    const { sys, clock } = rig();
    const t = clock.timer("never", () => assert.fail());
    t.arm(Infinity);
    assert.ok(t.armed);
    assert.equal(sys.at, Infinity);
  });
});

describe("positions", () => {
  const table = "src/a.ts 12\nsrc/b.ts 0\nsrc/c.ts 3\n";
  test("a line is a source's, and those of the sources before it count", () => {
    const found = [0, 1, 12, 13, 15, 16].map((line) => positionOf(table, line));
    assert.deepEqual(found, [null, "src/a.ts:1", "src/a.ts:12", "src/c.ts:1", "src/c.ts:3", null]);
    assert.equal(
      inSources(utf8(table), "    at f (l2tpsec:14:7)\n    at g (l2tpsec:99)\n"),
      "    at f (src/c.ts:2)\n    at g (l2tpsec:99)\n",
    );
  });
  test("a table cut anywhere, and any text: a position or none", () => {
    for (let n = 0; n < table.length; n++) positionOf(table.slice(0, n), 3);
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.integer({ min: 0, max: 30 }), (t, n) => void positionOf(t, n)),
    );
  });
});

describe("streams", () => {
  /** Two sockets of the kernel in memory: each direction holds `room` bytes. */
  function pair(room: number) {
    const pipes = new Map<
      number,
      { data: number[]; peer: number; mask: number; ready: (mask: number) => void; gone: boolean }
    >();
    let listening: ((mask: number) => void) | null = null;
    const backlog: number[] = [];
    let next = 10;
    const end = (): number => {
      const fd = next++;
      pipes.set(fd, { data: [], peer: -1, mask: 0, ready: () => {}, gone: false });
      return fd;
    };
    const at = (fd: number) => pipes.get(fd) ?? assert.fail(`descriptor ${fd}`);
    const sys = {
      listen: () => 3,
      listenHere: () => 3,
      connect: () => {
        const [a, b] = [end(), end()];
        at(a).peer = b;
        at(b).peer = a;
        backlog.push(b);
        return a;
      },
      /** Port 1: no way there; 2: refused. */
      dial: (_: string, port: number) => {
        if (port === 1) throw Object.assign(new Error("x"), { code: "ENETUNREACH" });
        const fd = sys.connect();
        if (port === 2) at(at(fd).peer).gone = true;
        return fd;
      },
      accept: () => backlog.shift() ?? -1,
      unlink: () => {},
      utf8: (s: string) => utf8(s).slice().buffer as ArrayBuffer,
      watch: (fd: number, mask: number, ready: (mask: number) => void) => {
        if (fd === 3) listening = ready;
        else Object.assign(at(fd), { mask, ready });
        return fd as unknown as Watch;
      },
      rewatch: (w: Watch, mask: number) => {
        at(w as unknown as number).mask = mask;
      },
      unwatch: (w: Watch) => {
        const fd = w as unknown as number;
        if (fd === 3) listening = null;
        else at(fd).mask = 0;
      },
      read: (fd: number, into: Uint8Array) => {
        const p = at(fd);
        if (p.data.length === 0) return at(p.peer).gone ? 0 : -1;
        const got = p.data.splice(0, into.length);
        into.set(got);
        return got.length;
      },
      write: (fd: number, data: Uint8Array, from: number) => {
        const to = at(at(fd).peer);
        if (to.gone) throw Object.assign(new Error("EPIPE"), { code: "EPIPE" });
        const part = data.subarray(from, from + room - to.data.length);
        to.data.push(...part);
        return part.length === 0 && from < data.length ? -1 : part.length;
      },
      close: (fd: number) => {
        if (fd !== 3) at(fd).gone = true;
      },
    };
    /** The loop, until nothing happens any more. */
    const run = async (): Promise<void> => {
      for (let busy = true; busy; ) {
        busy = false;
        if (backlog.length > 0 && listening) {
          listening(1);
          busy = true;
        }
        for (const p of [...pipes.values()]) {
          const other = pipes.get(p.peer);
          const mask = (p.data.length > 0 || other?.gone ? 1 : 0) | ((other?.data.length ?? 0) < room ? 2 : 0);
          if ((mask & p.mask) === 0 || p.gone) continue;
          p.ready(mask & p.mask);
          busy = true;
        }
        await Promise.resolve();
      }
    };
    return {
      streams: quickjsStreams(sys as unknown as Sys),
      run,
      open: () => [...pipes.values()].filter((p) => !p.gone).length,
    };
  }
  test("any bytes through a narrow socket arrive whole and in order, and close comes after them", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 33 }),
        async (parts, room) => {
          const { streams, run, open } = pair(room);
          const got: number[] = [];
          let closed = 0;
          await streams.listen("/s", (s) => {
            s.onData = (c) => got.push(...c);
            s.onClose = () => closed++;
          });
          const c = await streams.connect("/s");
          for (const p of parts) c.send(p.slice());
          c.send("é\n");
          c.close();
          c.send(Uint8Array.of(9)); // too late
          await run();
          assert.deepEqual(got, [...parts.flatMap((p) => [...p]), ...utf8("é\n")]);
          assert.equal(closed, 1);
          assert.equal(open(), 0);
        },
      ),
      { numRuns: 100 },
    );
  });
  test("close said again does not wait for who does not read", async () => {
    const { streams, run, open } = pair(16);
    let closed = 0;
    const c = await streams.connect("/s");
    c.onClose = () => closed++;
    c.send(new Uint8Array(100));
    c.close();
    await run();
    assert.equal(closed, 0);
    c.close();
    c.close();
    await run();
    assert.deepEqual([closed, open()], [1, 1]);
  });
  test("eight at once from this machine, and no more", async () => {
    const { streams, run } = pair(16);
    let at = 0;
    await streams.listenHere(9, () => at++);
    for (let i = 0; i < 20; i++) await streams.connect("/s");
    await run();
    assert.equal(at, 8);
  });
  test("TCP to elsewhere: open, bytes both ways, and one end, in words of its own where it never opened", async () => {
    for (const [port, want] of [
      [9, ["open", "data 5", "end "]],
      [1, ["end ENETUNREACH"]],
      [2, ["end EPIPE"]],
    ] as const) {
      for (const closes of [false, true]) {
        const { streams, run } = pair(16);
        const log: string[] = [];
        await streams.listen("/s", (s) => {
          s.onData = (c) => {
            s.send(c.slice());
            s.close();
          };
        });
        const c = streams.dial(
          { address: "192.0.2.1", port },
          {
            open: () => {
              log.push("open");
              c.send(new Uint8Array(5));
            },
            data: (d) => void log.push(`data ${d.length}`),
            end: (errno) => void log.push(`end ${errno}`),
          },
        );
        if (closes) c.close();
        assert.deepEqual(log, [], "never inside dial() or close()");
        await run();
        c.close();
        await run();
        assert.deepEqual(log, closes ? [] : want);
      }
    }
  });
  test("who never reads is cut off", async () => {
    const { streams, run } = pair(16);
    let closed = false;
    const c = await streams.connect("/s");
    c.onClose = () => {
      closed = true;
    };
    for (let i = 0; i < 40; i++) c.send(new Uint8Array(32768));
    await run();
    assert.ok(closed);
  });
});
