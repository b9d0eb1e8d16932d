import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Secret } from "../../src/core/secret.ts";
import { hex } from "../../src/core/text.ts";
import { Attributes } from "../../src/radius/attributes.ts";
import { RadiusClient } from "../../src/radius/client.ts";
import { CODE } from "../../src/radius/packet.ts";
import type { Answer, RadiusServer } from "../../src/radius/peers.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { type Asked, accept, noUdp, RadiusNet, SECRET } from "./double.ts";
import { writeAnswer } from "./sealing.ts";

const server = (name: string, address: string, over: Partial<RadiusServer> = {}): RadiusServer => ({
  name,
  address,
  port: 1812,
  acctPort: 1813,
  secret: SECRET,
  timeoutMs: 5000,
  deadMs: 60_000,
  ...over,
});
const A1 = server("a", "192.0.2.1");
const B1 = server("b", "192.0.2.2");

function world(...servers: RadiusServer[]) {
  const clock = new VirtualClock();
  const net = new RadiusNet(clock);
  const faults: unknown[] = [];
  const client = new RadiusClient({ clock, crypto, udp: net, fault: (e) => void faults.push(e) }, servers);
  const answers: (Answer | string)[] = [];
  const ask = (code: number = CODE.accessRequest, name = "nemo"): (() => void) =>
    client.ask({
      code,
      attributes: () => new Attributes().add("User-Name", name),
      done: (a) => void answers.push(a),
    });
  return { clock, net, client, answers, ask, faults };
}
const from = (a: Answer | string | undefined): string => (typeof a === "object" ? a.server.name : String(a));

describe("one question", () => {
  test("is asked, and answered by whom it was put to", () => {
    const { clock, net, answers, ask, client } = world(A1, B1);
    net.servers.set("192.0.2.1 1812", accept);
    ask();
    assert.equal(answers.length, 0, "never inside ask()");
    clock.advance(20);
    assert.deepEqual(answers.map(from), ["a"]);
    assert.equal(net.asked.length, 1);
    assert.deepEqual([client.size, clock.size], [0, 0]);
    assert.equal(client.servers()[0]?.state, "ok");
  });
  test("goes out again after growing pauses, byte by byte the same (RFC 5080 §2.2.1)", () => {
    const { clock, net, answers, ask } = world(server("a", "192.0.2.1", { timeoutMs: 20_000 }));
    const at: number[] = [];
    net.servers.set("192.0.2.1 1812", () => void at.push(clock.now()));
    ask();
    clock.advance(25_000);
    assert.equal(at.length, 5);
    const pauses = at.slice(1).map((t, i) => t - (at[i] ?? 0));
    for (const [i, [least, most]] of [
      [900, 1100],
      [1700, 2310],
      [3200, 4860],
      [6000, 10_200],
    ].entries()) {
      const p = pauses[i] ?? 0;
      assert.ok(p >= (least ?? 0) && p <= (most ?? 0), `pause ${i}: ${p}`);
    }
    assert.equal(new Set(net.asked.map((q) => hex(q.packet.bytes))).size, 1);
    assert.match(
      String(answers[0]),
      /RADIUS server a \(192\.0\.2\.1\) does not answer: is this machine one of its clients/,
    );
  });
  test("is taken back: nothing more is sent, and nobody told", () => {
    const { clock, net, answers, ask, client } = world(A1);
    const back = ask();
    clock.advance(100);
    back();
    back();
    for (const q of net.asked) accept(q);
    clock.advance(60_000);
    assert.deepEqual([answers.length, net.asked.length, client.size, clock.size], [0, 1, 0, 0]);
    assert.equal(client.counters.get("radius.unexpected"), 1);
  });
  test("accounting goes to its own port, and is signed", () => {
    const { clock, net, answers, ask } = world(server("x", "192.0.2.9", { acctPort: 0 }), A1);
    net.servers.set("192.0.2.1 1813", (q) => void q.answer(CODE.accountingResponse));
    ask(CODE.accountingRequest);
    clock.advance(20);
    assert.deepEqual(answers.map(from), ["a"]);
  });
  test("a socket that cannot be opened is a sentence", () => {
    const clock = new VirtualClock();
    const answers: (Answer | string)[] = [];
    const client = new RadiusClient({ clock, crypto, udp: noUdp, fault: (e) => assert.fail(String(e)) }, [A1]);
    client.ask({ code: CODE.accessRequest, attributes: () => new Attributes(), done: (a) => void answers.push(a) });
    clock.advance(10);
    assert.match(String(answers[0]), /RADIUS server a \(192\.0\.2\.1\) cannot be asked: no UDP here: EACCES/);
  });
});

describe("answers that are none", () => {
  const lies: Record<string, readonly [(q: Asked) => void, RegExp]> = {
    "of another secret": [
      (q) => void q.answer(CODE.accessAccept, new Attributes(), Secret.of("other")),
      /wrong authenticator: is the secret the same\?/,
    ],
    "without Message-Authenticator": [
      (q) => {
        // as a server before 2024 would answer
        const p = { code: CODE.accessAccept, id: q.packet.id, secret: SECRET, attributes: new Attributes() };
        const bare = writeAnswer(p, q.packet.authenticator, true);
        q.reply(bare);
      },
      /without a Message-Authenticator.*CVE-2024-3596/,
    ],
    "of bytes": [(q) => q.reply(crypto.random(64)), /does not answer/],
    "cut short": [(q) => q.reply(Uint8Array.of(2, q.packet.id, 0, 200)), /does not answer/],
    "of another kind": [(q) => void q.answer(CODE.accountingResponse), /does not answer/],
    "for another id": [
      (q) => {
        const p = { code: 2, id: (q.packet.id + 1) & 255, secret: SECRET, attributes: new Attributes() };
        q.reply(writeAnswer(p, q.packet.authenticator));
      },
      /does not answer/,
    ],
  };
  for (const [name, [lie, words]] of Object.entries(lies)) {
    test(`${name}: dropped, counted, and the right one is still taken`, () => {
      const { clock, net, answers, ask, client } = world(A1);
      let right = false;
      net.servers.set("192.0.2.1 1812", (q) => {
        lie(q);
        if (right) accept(q);
      });
      ask();
      clock.advance(20_000);
      assert.match(String(answers[0]), words);
      const counted = Object.entries(client.counters.snapshot()).filter(([n]) => n !== "radius.resent");
      assert.ok(counted.length > 0, JSON.stringify(client.counters.snapshot()));
      right = true;
      ask();
      clock.advance(100);
      assert.equal(from(answers[1]), "a");
    });
  }
  test("a copy of an answer is dropped; an old one fits no later question", () => {
    const { clock, net, answers, ask, client } = world(A1);
    let old: Uint8Array | null = null;
    net.servers.set("192.0.2.1 1812", (q) => {
      old ??= q.answer(CODE.accessAccept);
      q.reply(old);
    });
    ask();
    clock.advance(100);
    assert.deepEqual(answers.map(from), ["a"]);
    assert.equal(client.counters.get("radius.unexpected"), 1);
    for (let i = 0; i < 256; i++) ask();
    clock.advance(100);
    assert.equal(answers.length, 1, "the id is in use again, for a question with another authenticator");
    assert.equal(client.counters.get("radius.wrong-authenticator"), 256);
  });
});

describe("several servers", () => {
  test("the next one after the time-out; then the silent one is passed over for its dead time", () => {
    const { clock, net, answers, ask, client } = world(A1, B1);
    net.servers.set("192.0.2.2 1812", accept);
    ask();
    clock.advance(5100);
    assert.deepEqual(answers.map(from), ["b"]);
    assert.deepEqual(
      client.servers().map((s) => s.state),
      ["silent", "ok"],
    );
    assert.match(client.servers()[0]?.why ?? "", /does not answer/);
    ask();
    clock.advance(100);
    assert.equal(answers.length, 2, "at once");
    net.servers.set("192.0.2.1 1812", accept);
    clock.advance(60_000);
    ask();
    clock.advance(100);
    assert.equal(from(answers[2]), "a", "it is asked again");
  });
  test("one that dies in the middle of a storm: everything open goes to the other at once", () => {
    const { clock, net, answers, ask } = world(A1, B1);
    let dead = false;
    net.servers.set("192.0.2.1 1812", (q) => {
      if (!dead) accept(q);
    });
    net.servers.set("192.0.2.2 1812", accept);
    const asked: number[] = [];
    for (let i = 0; i < 1000; i++) {
      if (i === 500) dead = true;
      ask(CODE.accessRequest, `user${i}`);
      asked.push(clock.now());
      clock.advance(5);
    }
    clock.advance(5000);
    assert.equal(answers.length, 1000);
    assert.equal(answers.filter((a) => typeof a === "string").length, 0);
    const late = net.asked.filter((q) => q.at.address === "192.0.2.2").length;
    assert.ok(late >= 498, `${late}`);
    assert.equal(clock.size, 0);
  });
  test("all silent: every one is tried, and the sentence is about the last", () => {
    const { clock, net, answers, ask } = world(A1, B1);
    ask();
    clock.advance(10_200);
    assert.match(String(answers[0]), /RADIUS server b/);
    assert.deepEqual([...new Set(net.asked.map((q) => q.at.address))], ["192.0.2.1", "192.0.2.2"]);
    ask();
    clock.advance(10_200);
    assert.equal(answers.length, 2, "and tried again");
  });
});

describe("many questions", () => {
  test("256 from each port, more ports as they are needed, and a queue behind", () => {
    const { clock, net, answers, ask } = world(A1);
    for (let i = 0; i < 1500; i++) ask();
    clock.advance(10);
    assert.equal(net.lines, 4);
    assert.equal(net.asked.length, 1024);
    for (let line = 0; line < 4; line++)
      assert.equal(new Set(net.asked.filter((q) => q.line === line).map((q) => q.packet.id)).size, 256);
    net.servers.set("192.0.2.1 1812", accept);
    for (const q of [...net.asked]) accept(q);
    clock.advance(100);
    assert.equal(answers.length, 1500);
    assert.ok(answers.every((a) => typeof a === "object"));
    assert.equal(clock.size, 0);
  });
  test("there is a limit: what is beyond is refused with a sentence", () => {
    const { clock, answers, ask, client } = world(A1);
    for (let i = 0; i < 2100; i++) ask();
    clock.advance(1);
    assert.equal(answers.length, 52);
    assert.match(String(answers[0]), /too many questions/);
    assert.equal(client.counters.get("radius.overflow"), 52);
  });
  test("closing ends them all with a sentence, and leaves nothing", () => {
    const { clock, net, answers, ask, client } = world(A1, B1);
    for (let i = 0; i < 1200; i++) ask();
    clock.advance(10);
    client.close("the end");
    clock.advance(30_000);
    assert.equal(answers.length, 1200);
    assert.deepEqual(new Set(answers), new Set(["the end"]));
    assert.deepEqual([net.open, client.size, clock.size], [0, 0, 0]);
  });
});

test("what a question's owner throws is a fault, and the others are asked all the same", () => {
  const { clock, net, client, faults, answers, ask } = world(A1);
  net.servers.set("192.0.2.1 1812", accept);
  client.ask({
    code: CODE.accessRequest,
    attributes: () => new Attributes(),
    done: () => {
      throw new Error("owner");
    },
  });
  ask();
  clock.advance(100);
  assert.equal(faults.length, 1);
  assert.equal(answers.length, 1);
});
