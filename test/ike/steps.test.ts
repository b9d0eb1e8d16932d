// Exchanges as lists of steps: what the lists promise, and what every exchange does with them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Scope } from "../../src/core/scope.ts";
import { failure } from "../../src/ike/types.ts";
import {
  Exchange,
  type ExchangeOwner,
  ignored,
  inOrder,
  type Message,
  next,
  type Outcome,
  type Rules,
  refused,
  type Step,
  type Steps,
  script,
  waits,
} from "../../src/ike/v1/exchange.ts";
import * as main from "../../src/ike/v1/mainmode.ts";
import * as quick from "../../src/ike/v1/quicksteps.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { client, pair, server } from "./double.ts";

for (const [name, initiator, responder, first] of [
  ["main mode", main.INITIATOR, main.RESPONDER, 1],
  ["quick mode", quick.INITIATOR, quick.RESPONDER, 1],
] as const) {
  test(`${name}: what one role's step sends, the other's next step reads, encrypted on both sides or neither`, () => {
    type Any = Pick<Step<never, never, never>, "reads" | "sends" | "encrypted">;
    const steps: readonly Any[] = [...initiator.all, ...responder.all];
    const reader = new Map(steps.map((s) => [s.reads, s]));
    assert.equal(reader.size, steps.length, "each message is read by one step");
    const sent = [first, ...steps.map((s) => s.sends).filter((n) => n !== 0)].sort();
    assert.deepEqual(sent, [...reader.keys()].sort(), "each message that is sent is read");
    for (const side of [initiator.all, responder.all])
      for (const s of side) if (s.sends !== 0) assert.equal(s.sends, s.reads + 1);
  });
}

/** An exchange of two steps whose messages are single bytes. */
class Bench implements ExchangeOwner<string> {
  readonly clock = new VirtualClock();
  readonly sent: number[] = [];
  readonly faults: string[] = [];
  readonly ends: unknown[] = [];
  turns = 0;
  readonly exchange: Exchange<Bench, string>;
  /** What the second step makes of a message. */
  second: (from: number) => Outcome<string> = (from) => next(`${from} and 9`, null);

  constructor(rules: Partial<Rules> = {}, begins = true) {
    const step = <A, B>(reads: number, sends: number, take: Step<Bench, A, B>["take"]): Step<Bench, A, B> => ({
      name: `message ${reads}`,
      reads,
      sends,
      encrypted: false,
      take,
      silence: () => failure("no-answer", "silence"),
      hint: (_x, notify) => (notify === null ? null : failure("refused", `hint ${notify}`)),
    });
    const one = step<null, number>(2, 3, (_x, _from, m) => next(m.body[0] ?? 0, Uint8Array.of(3)));
    const two = step<number, string>(4, 0, (x, from) => x.second(from));
    const steps: Steps<Bench, null, string> = inOrder(one, two);
    this.exchange = new Exchange({
      rules: { name: "bench", waits: [100, 200], replays: 2, guesses: 2, ...rules },
      script: script(steps, () => next(null, begins ? Uint8Array.of(1) : null)),
      x: this,
      scope: new Scope(this.clock, (e) => this.ends.push(e)),
      messageId: 7,
      path: { local: { address: "10.0.0.1", port: 500 }, remote: { address: "10.0.0.2", port: 500 } },
      owner: this,
    });
    this.exchange.begin();
  }
  hear(body: number, messageId = 7, flags = 0): boolean {
    const header = { icookie: new Uint8Array(8), rcookie: new Uint8Array(8), next: 0, exchange: 2, flags, messageId };
    const datagram = Uint8Array.of(body);
    const at = { address: "10.0.0.2", port: 500 };
    const m: Message = { header, body: datagram, datagram, path: { local: at, remote: at } };
    return this.exchange.receive(m);
  }
  send(message: Uint8Array): void {
    this.sent.push(...message);
  }
  done(result: string): void {
    this.ends.push(result);
  }
  failed(why: { readonly text: string } | null, notify: number): void {
    this.ends.push([why?.text ?? null, notify]);
  }
  bad(counter: string): void {
    this.faults.push(counter);
  }
  asksTurn(): void {
    this.turns++;
  }
}

test("an exchange goes from step to step, and each step's state is the next one's", () => {
  const b = new Bench();
  assert.equal(b.exchange.stage(), "message 2");
  assert.equal(b.hear(5), true);
  assert.equal(b.exchange.stage(), "message 4");
  assert.equal(b.hear(6), true);
  assert.deepEqual([b.sent, b.ends, b.exchange.pending], [[1, 3], ["5 and 9"], false]);
  assert.equal(b.hear(8), false, "and then takes nothing more");
  assert.deepEqual(b.faults, ["ike.unexpected"]);
});

test("it sends again until its tries are used up; then the last hint is the reason, or the step's own", () => {
  const b = new Bench();
  b.clock.advance(99);
  assert.deepEqual(b.sent, [1]);
  b.clock.advance(1);
  assert.deepEqual(b.sent, [1, 1]);
  b.clock.advance(200);
  assert.deepEqual([b.sent, b.ends], [[1, 1], [["silence", 0]]]);
  const c = new Bench();
  c.exchange.hint(14);
  c.exchange.hint(null);
  assert.equal(c.exchange.stage(), "message 2 (so far: hint 14)");
  c.clock.advance(300);
  assert.deepEqual(c.ends, [["hint 14", 0]]);
  const d = new Bench();
  d.exchange.hint(14);
  d.hear(5);
  d.clock.advance(300);
  assert.deepEqual(d.ends, [["silence", 0]], "a message that is accepted takes the hint back");
});

test("the same message again is answered a few times with the same answer; any other is out of order", () => {
  const b = new Bench();
  b.hear(5);
  for (let i = 0; i < 4; i++) assert.equal(b.hear(5), false);
  assert.deepEqual(
    [b.sent, b.faults],
    [
      [1, 3, 3, 3],
      ["ike.replays", "ike.replays"],
    ],
  );
  b.hear(6, 8);
  b.hear(6, 7, 1);
  assert.deepEqual(b.faults.slice(2), ["ike.unexpected", "ike.unexpected"]);
  assert.deepEqual(b.ends, []);
  const quiet = new Bench({ replays: 0 });
  quiet.hear(5);
  quiet.hear(5);
  assert.deepEqual([quiet.sent, quiet.faults], [[1, 3], []]);
});

test("what is ignored changes nothing, and guesses at the key end it after so many", () => {
  const b = new Bench();
  b.hear(5);
  b.second = () => ignored("ike.x", "x");
  assert.equal(b.hear(6), false);
  assert.deepEqual([b.ends, b.faults, b.exchange.step?.name], [[], ["ike.x"], "message 4"]);
  const hint = failure("psk-mismatch", "guess");
  b.second = () => ignored("ike.g", "g", hint, Uint8Array.of(24));
  b.hear(6);
  b.hear(7);
  assert.deepEqual([b.sent, b.ends], [[1, 3, 24], [["guess", 0]]]);
  assert.deepEqual(b.faults, ["ike.x", "ike.g", "ike.g"]);
});

test("a refusal ends it with its notification", () => {
  const b = new Bench();
  b.hear(5);
  b.second = () => refused(failure("bad-key", "no"), 17);
  assert.equal(b.hear(6), true);
  assert.deepEqual([b.ends, b.faults], [[["no", 17]], []]);
});

test("a step that asks for its turn waits for it; put off, the same message asks again", () => {
  const b = new Bench();
  b.hear(5);
  b.second = () => ({ kind: "turn", after: () => next("computed", null) });
  b.hear(6);
  b.hear(6);
  b.hear(8);
  assert.equal(b.turns, 1, "one turn at a time");
  b.exchange.putOff();
  b.exchange.takeTurn();
  assert.deepEqual(b.ends, []);
  b.hear(6);
  b.exchange.takeTurn();
  assert.deepEqual([b.turns, b.ends, b.faults], [2, ["computed"], []]);
});

test("while the data plane works nothing is taken and nothing times out; after the end nothing follows", async () => {
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 4; i++) await Promise.resolve();
  };
  for (const way of ["ok", "rejected", "closed"] as const) {
    const b = new Bench();
    b.hear(5);
    let go: () => void = () => {};
    const until = new Promise<void>((ok, no) => {
      go = () => (way === "rejected" ? no(new Error("full")) : ok());
    });
    b.second = () =>
      waits(
        until,
        () => next("in", null),
        (e) => failure("refused", String(e)),
      );
    assert.equal(b.hear(6), true);
    assert.equal(b.hear(6), false, "again: its answer is being made");
    assert.equal(b.hear(8), false);
    b.clock.advance(10_000);
    assert.deepEqual([b.ends, b.faults, b.sent], [[], ["ike.unexpected"], [1, 3]]);
    if (way === "closed") b.exchange.close();
    go();
    await settle();
    assert.deepEqual(b.ends, { ok: ["in"], rejected: [["Error: full", 0]], closed: [] }[way]);
  }
});

test("a step that does not send what its list says is an error of ours", () => {
  const b = new Bench();
  b.hear(5);
  b.second = () => next("x", Uint8Array.of(5));
  assert.throws(() => b.hear(6), RangeError);
});

test("a message 3 of quick mode that does not authenticate brings no SA up", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(), b);
  // the last block of the ninth datagram holds the end of HASH(3)
  net.tamper = (bytes, n) => {
    if (n === 8) bytes[28 + 16] = (bytes[28 + 16] ?? 0) ^ 1;
  };
  a.ike.connect(client(b.address, a.address), a);
  await net.run(100);
  assert.deepEqual([a.ups.length, b.ups.length, b.plane.outbound.size], [1, 0, 0]);
  assert.equal(b.ike.counters.get("ike.bad-hash"), 1);
});
