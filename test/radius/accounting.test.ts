import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Journal } from "../../src/ports/ports.ts";
import { Accounting, type Usage } from "../../src/radius/accounting.ts";
import { Attributes } from "../../src/radius/attributes.ts";
import { RadiusClient } from "../../src/radius/client.ts";
import { CODE, provesRequest } from "../../src/radius/packet.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { type Asked, RadiusNet, SECRET } from "./double.ts";

const NOW = 1_800_000_000;
class Disk implements Journal {
  lines: string[] = [];
  read(): readonly string[] {
    return [...this.lines];
  }
  append(line: string): void {
    this.lines.push(line);
  }
  replace(lines: readonly string[]): void {
    this.lines = [...lines];
  }
  close(): void {}
}
const about = (user: string): Attributes => new Attributes().add("User-Name", user).add("Acct-Session-Id", user);
const used = (n: number): Usage => ({ rxBytes: n, txBytes: 2 * n, rxPackets: 3, txPackets: 4 });

function world(disk = new Disk(), clock = new VirtualClock()) {
  const net = new RadiusNet(clock);
  const one = {
    name: "a",
    address: "192.0.2.1",
    port: 1812,
    acctPort: 1813,
    secret: SECRET,
    timeoutMs: 5000,
    deadMs: 0,
  };
  const client = new RadiusClient({ clock, crypto, udp: net, fault: (e) => assert.fail(String(e)) }, [one]);
  const accounting = new Accounting({
    clock,
    wallClock: () => NOW * 1000 + clock.now(),
    client: () => client,
    journal: disk,
  });
  const answers = (on: boolean): void => {
    if (on) net.servers.set("192.0.2.1 1813", (q) => void q.answer(CODE.accountingResponse));
    else net.servers.delete("192.0.2.1 1813");
  };
  answers(true);
  return { clock, net, accounting, disk, answers };
}
const said = (q: Asked) => {
  const a = q.packet.attributes;
  return [a.get("Acct-Status-Type"), a.get("User-Name"), a.get("Acct-Delay-Time")];
};

describe("records of a session", () => {
  test("start, interim and stop, each signed, with what passed beyond 32 bits", () => {
    const { clock, net, accounting, disk } = world();
    accounting.on(new Attributes());
    accounting.start("s", about("s"));
    clock.advance(1000);
    accounting.interim("s", about("s"), 1, used(1));
    clock.advance(1000);
    accounting.stop("s", about("s"), 2, used(5 * 0x1_0000_0000 + 7), 1);
    clock.advance(1000);
    assert.deepEqual(net.asked.map(said), [
      [7, null, 0],
      [1, "s", 0],
      [3, "s", 0],
      [2, "s", 0],
    ]);
    for (const q of net.asked) assert.equal(provesRequest(crypto, SECRET, q.packet), "ok");
    const a = net.asked.at(-1)?.packet.attributes ?? assert.fail();
    assert.deepEqual(
      [a.get("Acct-Input-Octets"), a.get("Acct-Input-Gigawords"), a.get("Acct-Output-Gigawords")],
      [7, 5, 10],
    );
    assert.deepEqual(
      [a.get("Acct-Session-Time"), a.get("Acct-Terminate-Cause"), a.get("Event-Timestamp")],
      [2, 1, NOW + 2],
    );
    assert.equal(accounting.size, 0);
    assert.equal(clock.size, 0);
    assert.ok(disk.lines.length > 0);
  });
  test("while nobody answers they wait, in their order, with their delay; an interim that waits is replaced", () => {
    const { clock, net, accounting, answers } = world();
    answers(false);
    accounting.start("s", about("s"));
    for (let i = 0; i < 10; i++) {
      clock.advance(60_000);
      accounting.interim("s", about("s"), i, used(i));
    }
    accounting.stop("s", about("s"), 600, used(10), 1);
    assert.equal(accounting.size, 3, "start, the last interim, stop");
    clock.advance(100_000);
    const before = net.asked.length;
    answers(true);
    clock.advance(40_000);
    const after = net.asked.slice(before).filter((q) => q.packet.attributes.get("Acct-Status-Type") !== null);
    const statuses = after.map((q) => q.packet.attributes.get("Acct-Status-Type"));
    assert.deepEqual([...new Set(statuses)], [1, 3, 2]);
    assert.ok((after[0]?.packet.attributes.get("Acct-Delay-Time") ?? 0) >= 700);
    assert.equal(after[0]?.packet.attributes.get("Event-Timestamp"), NOW);
    assert.equal(accounting.size, 0);
  });
  test("there is a limit, and what is beyond is counted", () => {
    const { accounting, answers, net, clock } = world();
    answers(false);
    for (let i = 0; i < 13_000; i++) accounting.start(`s${i}`, about(`s${i}`));
    assert.equal(accounting.size, 12_288);
    assert.equal(accounting.counters.get("radius.accounting-lost"), 13_000 - 12_288);
    clock.advance(100);
    assert.equal(net.asked.length, 256, "and a window");
  });
});

describe("the stop that a crash owes", () => {
  test("is sent by the next start, with what the journal knows", () => {
    const first = world();
    first.accounting.start("s", about("s"));
    first.accounting.start("t", about("t"));
    first.clock.advance(60_000);
    first.accounting.interim("s", about("s"), 60, used(100));
    first.accounting.stop("t", about("t"), 60, used(1), 1);
    first.clock.advance(1000);
    // killed here; the last line is cut
    first.disk.lines.push('{"id":"x","t":18000');
    const next = world(first.disk);
    next.clock.advance(120_000);
    next.accounting.on(new Attributes());
    next.clock.advance(1000);
    assert.deepEqual(
      next.net.asked.map(said).map(([s, u]) => [s, u]),
      [
        [7, null],
        [2, "s"],
      ],
    );
    const a = next.net.asked[1]?.packet.attributes ?? assert.fail();
    assert.deepEqual(
      [a.get("Acct-Session-Time"), a.get("Acct-Input-Octets"), a.get("Acct-Terminate-Cause"), a.get("Acct-Delay-Time")],
      [60, 100, 9, 60],
    );
    const third = world(first.disk);
    third.accounting.on(new Attributes());
    third.clock.advance(1000);
    assert.equal(third.net.asked.length, 1, "once");
  });
  test("a stop that nobody answered before the end is sent again, as it was", () => {
    const first = world();
    first.accounting.start("s", about("s"));
    first.clock.advance(1000);
    first.answers(false);
    first.accounting.stop("s", about("s"), 7, used(9), 5);
    first.accounting.close();
    const next = world(first.disk);
    next.accounting.on(new Attributes());
    next.clock.advance(1000);
    const a = next.net.asked[1]?.packet.attributes ?? assert.fail();
    assert.deepEqual([a.get("Acct-Terminate-Cause"), a.get("Acct-Input-Octets")], [5, 9]);
  });
  test("the journal does not grow with time, and any text in it is survived", () => {
    const { accounting, clock, disk } = world();
    for (let i = 0; i < 3000; i++) {
      accounting.start(`s${i}`, about("u"));
      accounting.stop(`s${i}`, about("u"), 1, used(1), 1);
      clock.advance(50);
    }
    assert.ok(disk.lines.length < 1200, `${disk.lines.length}`);
    const odd = new Disk();
    odd.lines = [
      "",
      "x",
      "null",
      "[]",
      '{"id":3}',
      '{"id":"a","t":1,"a":"zz"}',
      '{"id":"b","n":[1],"at":2}',
      '{"id":"c","t":"x"}',
    ];
    const next = world(odd);
    next.accounting.on(new Attributes());
    next.clock.advance(1000);
    assert.equal(next.net.asked.length, 1);
  });
});
