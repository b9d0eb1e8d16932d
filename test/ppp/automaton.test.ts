import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type Action,
  type Actions,
  Automaton,
  type Event,
  LIMITS,
  type Limits,
  STATES,
  TABLE,
} from "../../src/ppp/automaton.ts";
import { runs } from "../runs.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

function rig(limits: Partial<Limits> = {}) {
  const clock = new VirtualClock();
  const log: string[] = [];
  const say = (a: Exclude<Action, "irc" | "zrc">) => () => void log.push(a);
  const act: Actions<null, string> = {
    tlu: say("tlu"),
    tld: say("tld"),
    tls: say("tls"),
    tlf: say("tlf"),
    scr: say("scr"),
    sca: say("sca"),
    scn: say("scn"),
    str: say("str"),
    sta: say("sta"),
    scj: say("scj"),
    ser: say("ser"),
    illegal: () => void log.push("illegal"),
    crossed: () => void log.push("crossed"),
  };
  const fsm = new Automaton<null, string>({ clock, name: "test", limits: { ...LIMITS, ...limits } }, null, act);
  const run = (...events: Event[]): string => {
    for (const e of events) fsm.on(e);
    return log.splice(0).join(",");
  };
  return { clock, fsm, run, log };
}

/** A road to each state, so that every property starts from all ten. */
const ROAD: Readonly<Record<(typeof STATES)[number], readonly Event[]>> = {
  initial: [],
  starting: ["Open"],
  closed: ["Up"],
  stopped: ["Open", "Up", "RXJ-"],
  closing: ["Open", "Up", "Close"],
  stopping: ["Open", "Up", "RCR+", "RCA", "RXJ-"],
  "req-sent": ["Open", "Up"],
  "ack-rcvd": ["Open", "Up", "RCA"],
  "ack-sent": ["Open", "Up", "RCR+"],
  opened: ["Open", "Up", "RCR+", "RCA"],
};
const EVENTS = Object.keys(TABLE) as Event[];

/** RFC 1661 §4.1 as printed: rows by event name, ten cells each. */
function printed(): Record<string, string[]> {
  const out: Record<string, string[]> = {};
  for (const l of readFileSync("test/rfc/rfc1661.txt", "utf8").split(/\r?\n/)) {
    const m = /^\s*(Up|Down|Open|Close|TO\+|TO-|RCR\+|RCR-|RCA|RCN|RTR|RTA|RUC|RXJ\+|RXJ-|RXR)\s*\|\s*(.+)$/.exec(l);
    if (!m) continue;
    const name = m[1] as string;
    out[name] = [...(out[name] ?? []), ...(m[2] as string).trim().split(/\s+/)];
  }
  return out;
}

describe("RFC 1661 automaton", () => {
  test("all 160 cells are the RFC's", () => {
    const rfc = printed();
    assert.equal(Object.values(rfc).flat().length, 160);
    assert.deepEqual(rfc, Object.fromEntries(Object.entries(TABLE).map(([k, v]) => [k, [...v]])));
  });
  test("every cell is also what the automaton does", () => {
    let checked = 0;
    for (const [event, row] of Object.entries(printed())) {
      if (event.startsWith("TO")) continue; // the timer's; below
      for (const [i, cell] of row.entries()) {
        const { fsm, run, log } = rig();
        run(...ROAD[STATES[i] as (typeof STATES)[number]]);
        log.length = 0;
        fsm.on(event as Event);
        if (cell === "-") {
          assert.deepEqual([log, fsm.state], [["illegal"], STATES[i]]);
        } else {
          const [acts, next] = cell.includes("/") ? (cell.split("/") as [string, string]) : ["", cell];
          const wanted = acts.split(",").filter((a) => a !== "" && a !== "irc" && a !== "zrc");
          assert.deepEqual(log, next.endsWith("x") ? ["crossed", ...wanted] : wanted, `${event} in ${STATES[i]}`);
          assert.equal(fsm.state, STATES[Number.parseInt(next, 10)], `${event} in ${STATES[i]}`);
        }
        checked++;
      }
    }
    assert.equal(checked, 140);
  });
  test("silence: ten requests three seconds apart, then finished", () => {
    const { clock, fsm, run, log } = rig();
    run("Open", "Up");
    clock.advance(9 * 3000);
    assert.deepEqual(log, Array(9).fill("scr"));
    clock.advance(3000);
    assert.deepEqual([log.at(-1), fsm.state], ["tlf", "stopped"]);
  });
  test("an unanswered Terminate-Request is sent twice", () => {
    const { clock, fsm, run, log } = rig();
    run("Open", "Up", "RCR+", "RCA");
    assert.equal(run("Close"), "tld,str");
    clock.advance(6000);
    assert.deepEqual([log, fsm.state], [["str", "tlf"], "closed"]);
  });
  test("the peer terminates: acknowledged, one quiet period, finished", () => {
    const { clock, fsm, run, log } = rig();
    run("Open", "Up", "RCR+", "RCA");
    assert.equal(run("RTR"), "tld,sta");
    clock.advance(2999);
    assert.deepEqual(log, []);
    clock.advance(1);
    assert.deepEqual([fsm.state, log], ["stopped", ["tlf"]]);
  });
  test("p: a passive end waits for the peer instead of finishing", () => {
    const { clock, fsm, run, log } = rig({ passive: true });
    run("Open", "Up");
    clock.advance(60_000);
    assert.ok(!log.includes("tlf"));
    assert.equal(fsm.state, "stopped");
    log.length = 0;
    assert.equal(run("RCR+"), "scr,sca");
  });
  test("r: Open renegotiates from opened, stopped and both closing states", () => {
    for (const from of ["opened", "stopped", "closing", "stopping"] as const) {
      const { fsm, run } = rig({ restart: true });
      run(...ROAD[from]);
      const did = run("Open");
      assert.equal(fsm.state, "req-sent", from);
      assert.match(did, /scr$/, from);
      const still = rig();
      still.run(...ROAD[from]);
      assert.equal(still.run("Open"), "", `${from} without the option`);
    }
  });
  test("a request that is answered gets a full count again", () => {
    const { clock, run, log } = rig();
    run("Open", "Up");
    clock.advance(8 * 3000);
    log.length = 0;
    assert.equal(run("RCN"), "scr");
    clock.advance(9 * 3000);
    assert.deepEqual(log, Array(9).fill("scr"));
  });
  test("the timer runs exactly in states 4 to 8, after any history from any state", () => {
    const step = fc.oneof(fc.constantFrom(...EVENTS.filter((e) => !e.startsWith("TO"))), fc.nat(9000));
    fc.assert(
      fc.property(fc.constantFrom(...STATES), fc.array(step, { maxLength: 12 }), (from, steps) => {
        const { clock, fsm, run } = rig();
        run(...ROAD[from]);
        assert.equal(fsm.state, from);
        for (const s of steps) {
          if (typeof s === "number") clock.advance(s);
          else fsm.on(s);
          const n = STATES.indexOf(fsm.state);
          assert.equal(clock.pending().length === 1, n >= 4 && n <= 8, `${fsm.state} after ${s}`);
        }
      }),
      { numRuns: runs(1500) },
    );
  });
  test("tlu and tld alternate, whatever happens", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 60 }), (events) => {
        const { run } = rig();
        const ups = run(...events)
          .split(",")
          .filter((a) => a === "tlu" || a === "tld");
        for (const [i, a] of ups.entries()) assert.equal(a, i % 2 === 0 ? "tlu" : "tld");
      }),
      { numRuns: runs(1000) },
    );
  });
});
