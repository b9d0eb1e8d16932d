// Hanging up, answering and redialling, against the emulated modems and their exchange.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Failure } from "../../src/core/errors.ts";
import { type AnswerConfig, Answerer } from "../../src/modem/answerer.ts";
import { latin1 } from "../../src/modem/conversation.ts";
import { Dialer } from "../../src/modem/dialer.ts";
import { HangUp } from "../../src/modem/hangup.ts";
import { Redial } from "../../src/modem/redial.ts";
import { testCrypto } from "../ppp/pair.ts";
import { Exchange, nullModem, SimModem } from "../sim/modem.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { PLAIN } from "./rig.ts";

const ANSWER: AnswerConfig = { modem: true, init: ["ATZ"], rings: 1, commandMs: 5000, connectMs: 60_000 };

function watch(log: string[]) {
  return {
    onStep: (step: string, sent: string) => void log.push(`${step}: ${sent}`),
    onAnswer: () => {},
    onPin: () => {},
    onNetwork: () => {},
    onConnected: (speed: number, _answer: string, rest: Uint8Array) =>
      void log.push(`connected ${speed} ${JSON.stringify(latin1(rest).replace(/^\n/, ""))}`),
    onFailed: (why: Failure) => void log.push(`failed ${why.code}`),
    onRing: () => void log.push("ring"),
  };
}
function two(cfg: Partial<AnswerConfig> = {}, wires: { carrierWire?: boolean } = {}) {
  const clock = new VirtualClock();
  const exchange = new Exchange(clock);
  const a = new SimModem(exchange, "111", wires);
  const b = new SimModem(exchange, "222", wires);
  const logs = { a: [] as string[], b: [] as string[] };
  const answerer = new Answerer(clock, b.port, { ...ANSWER, ...cfg }, watch(logs.b));
  const dialer = new Dialer(clock, a.port, { ...PLAIN, phone: "222" }, watch(logs.a));
  a.port.onData = (d) => dialer.input(d);
  b.port.onData = (d) => answerer.input(d);
  return { clock, exchange, a, b, logs, answerer, dialer };
}

describe("answering", () => {
  for (const slow of [0, 11]) {
    test(`at the second ring, and both sides are connected (${slow} ms a byte)`, () => {
      const w = two({ rings: 2 });
      w.a.byteMs = slow;
      w.b.byteMs = slow;
      w.answerer.start();
      w.clock.advance(5000);
      w.dialer.start();
      w.clock.advance(20_000);
      assert.deepEqual(w.logs.b, ["init 1: ATZ", "answer mode: ATS0=0", "ring", "answer: ATA", 'connected 33600 ""']);
      assert.deepEqual(w.logs.a.slice(-2), ["dial: ATDT222", 'connected 33600 ""']);
      assert.ok(w.a.port.carrier === true && w.b.port.carrier === true);
    });
  }
  test("a caller who gives up is forgotten, the next one is answered", () => {
    const w = two({ rings: 3 });
    w.answerer.start();
    w.dialer.start();
    w.clock.advance(4000);
    w.a.hangUp();
    w.dialer.stop();
    w.clock.advance(30_000);
    const again = new Dialer(w.clock, w.a.port, { ...PLAIN, phone: "222" }, watch(w.logs.a));
    w.a.port.onData = (d) => again.input(d);
    again.start();
    w.clock.advance(30_000);
    assert.equal(w.logs.b.filter((l) => l === "ring").length, 2);
    assert.equal(w.logs.b.at(-1), 'connected 33600 ""');
  });
  test("a caller who leaves while we answer does not end the waiting", () => {
    const w = two();
    w.answerer.start();
    w.clock.advance(100);
    w.dialer.start();
    w.clock.advance(800);
    assert.ok(w.logs.b.includes("answer: ATA"));
    w.a.hangUp();
    w.clock.advance(200_000);
    assert.ok(!w.logs.b.some((l) => l.startsWith("failed") || l.startsWith("connected")));
    const again = new Dialer(w.clock, w.a.port, { ...PLAIN, phone: "222" }, watch(w.logs.a));
    w.a.port.onData = (d) => again.input(d);
    again.start();
    w.clock.advance(30_000);
    assert.equal(w.logs.b.at(-1), 'connected 33600 ""');
  });
  test("a modem that says nothing fails once", () => {
    const w = two();
    w.b.echo = false;
    w.b.replies.set("ATZ", "");
    w.answerer.start();
    w.clock.advance(60_000);
    assert.equal(w.logs.b.at(-1), "failed modem-silent");
    assert.deepEqual(w.clock.pending(), []);
  });
  test("null modem: the first flag is the call, and belongs to PPP", () => {
    const clock = new VirtualClock();
    const { a, b } = nullModem(clock);
    const log: string[] = [];
    const answerer = new Answerer(clock, b, { ...ANSWER, modem: false, init: [] }, watch(log));
    b.onData = (d) => answerer.input(d);
    answerer.start();
    a.write(Uint8Array.from("noise", (c) => c.charCodeAt(0)));
    clock.advance(60_000);
    assert.deepEqual(log, []);
    a.write(Uint8Array.of(0x7e, 0xff, 0x7d));
    clock.advance(10);
    assert.deepEqual(log, ['connected 0 "~ÿ}"']);
  });
  for (const late of [0, 3300]) {
    test(`as Windows on a null-modem cable: CLIENT and CLIENTSERVER, the answering side ${late} ms late`, () => {
      const clock = new VirtualClock();
      const { a, b } = nullModem(clock);
      const logs = { a: [] as string[], b: [] as string[] };
      const dialer = new Dialer(clock, a, { ...PLAIN, init: [], phone: null, login: "windows" }, watch(logs.a));
      a.onData = (d) => dialer.input(d);
      dialer.start();
      clock.advance(late);
      const answerer = new Answerer(clock, b, { ...ANSWER, modem: false, init: [] }, watch(logs.b));
      b.onData = (d) => answerer.input(d);
      answerer.start();
      clock.advance(2000);
      assert.equal(logs.a.at(-1), 'connected 0 ""');
      assert.deepEqual(logs.b, ["hello: CLIENTSERVER"]);
      a.write(Uint8Array.of(0x7e, 0xff));
      clock.advance(100);
      assert.equal(logs.b.at(-1), 'connected 0 "~ÿ"');
      assert.deepEqual(clock.pending(), []);
    });
  }
  test("a flood of CLIENT is answered twice a second", () => {
    const clock = new VirtualClock();
    const { a, b } = nullModem(clock);
    const log: string[] = [];
    const answerer = new Answerer(clock, b, { ...ANSWER, modem: false, init: [] }, watch(log));
    b.onData = (d) => answerer.input(d);
    answerer.start();
    for (let i = 0; i < 100; i++) {
      a.write(Uint8Array.from("CLIENT".repeat(10), (c) => c.charCodeAt(0)));
      clock.advance(50);
    }
    assert.ok(log.length >= 9 && log.length <= 11, String(log.length));
  });
  test("nobody says CLIENTSERVER", () => {
    const clock = new VirtualClock();
    const { a } = nullModem(clock);
    const log: string[] = [];
    const dialer = new Dialer(clock, a, { ...PLAIN, init: [], phone: null, login: "windows" }, watch(log));
    dialer.start();
    clock.advance(60_000);
    assert.deepEqual(
      [log.filter((l) => l === "hello: CLIENT").length, log.at(-1), clock.pending()],
      [10, "failed modem-silent", []],
    );
  });
});

describe("hanging up", () => {
  function connected(carrierWire: boolean) {
    const w = two({}, { carrierWire });
    w.answerer.start();
    w.clock.advance(100);
    w.dialer.start();
    w.clock.advance(20_000);
    assert.ok(w.a.online && w.b.online);
    return w;
  }
  for (const carrierWire of [true, false]) {
    test(`DTR alone is enough (${carrierWire ? "with" : "without"} a carrier wire)`, () => {
      const w = connected(carrierWire);
      let done = false;
      const h = new HangUp(w.clock, w.a.port, () => {
        done = true;
      });
      w.a.port.onData = (d) => h.input(d);
      h.start();
      w.clock.advance(carrierWire ? 1001 : 8000);
      assert.ok(done && !w.a.online && !w.b.online && w.a.port.dtr);
      assert.equal(w.a.port.written.includes("+++"), !carrierWire);
    });
  }
  test("a modem that ignores DTR understands +++ and ATH", () => {
    const w = connected(false);
    w.a.port.dtrChanged = () => {};
    let done = false;
    const h = new HangUp(w.clock, w.a.port, () => {
      done = true;
    });
    w.a.port.onData = (d) => h.input(d);
    h.start();
    w.clock.advance(8000);
    assert.ok(done && !w.b.online);
    assert.deepEqual(w.a.port.written.slice(-2), ["+++", "ATH\r"]);
    assert.equal(w.a.commands.at(-1), "ATH");
  });
});

describe("redialling", () => {
  const policy = { phones: ["1", "2"], minSeconds: 10, maxSeconds: 60, sameNumberSeconds: 5, rounds: 0 };
  const near = (ms: number | null, seconds: number): void =>
    assert.ok(ms !== null && ms >= seconds * 750 && ms <= seconds * 1250, `${ms} is not about ${seconds} s`);
  test("all numbers in turn, a growing pause after each round", () => {
    const r = new Redial(policy, testCrypto());
    let now = 0;
    const seen: (string | null)[] = [];
    for (const seconds of [2, 10, 2, 20, 2, 40, 2, 60, 2, 60]) {
      seen.push(r.phone);
      const wait = r.failed(now);
      if (seconds === 2) assert.equal(wait, 2000);
      else near(wait, seconds);
      now += wait ?? 0;
    }
    assert.deepEqual(seen, ["1", "2", "1", "2", "1", "2", "1", "2", "1", "2"]);
  });
  test("one number is never dialled again before its own pause is over", () => {
    const r = new Redial({ ...policy, phones: ["1"], minSeconds: 1, sameNumberSeconds: 30 }, testCrypto());
    assert.equal(r.failed(1000), 30_000);
    const many = new Redial({ ...policy, minSeconds: 1, sameNumberSeconds: 30 }, testCrypto());
    assert.equal(many.failed(0), 2000);
    assert.equal(many.failed(4000), 26_000);
  });
  test("so many rounds and no more; a call that came through begins anew with its number", () => {
    const r = new Redial({ ...policy, rounds: 2 }, testCrypto());
    assert.equal(r.failed(0), 2000);
    near(r.failed(0), 10);
    assert.equal(r.failed(20_000), 2000);
    r.succeeded();
    assert.equal(r.phone, "2");
    near(r.failed(100_000), 10);
    assert.equal(r.phone, "2");
    near(r.failed(200_000), 10);
    assert.equal(r.failed(300_000), 2000);
    assert.equal(r.failed(400_000), null);
  });
  test("a line without numbers backs off all the same", () => {
    const r = new Redial({ ...policy, phones: [] }, testCrypto());
    assert.equal(r.phone, null);
    near(r.failed(0), 10);
    near(r.failed(0), 20);
  });
});
