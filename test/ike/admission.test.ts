// Nobody locks others out: half-open exchanges, Diffie-Hellman, guesses at the key, and what one peer may hold.
import assert from "node:assert/strict";
import { test } from "node:test";
import { originOf } from "../../src/core/waiting.ts";
import { ADMISSION, Admission, type HalfOpen } from "../../src/ike/admission.ts";
import { parseIkeProposal } from "../../src/ike/proposals.ts";
import { Turns } from "../../src/ike/turns.ts";
import { readMessage } from "../../src/ike/wire/header.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { client, Host, Nat, Net, pair, pass, server } from "./double.ts";
import { alone, at500, fifth, first, heard, say, third } from "./strangers.ts";

const X25519 = parseIkeProposal("aes256-sha256-x25519");

function turns(
  clock: VirtualClock,
  more = {},
): { served: string[]; ask(address: string, known?: boolean): string | null; t: Turns<string> } {
  const served: string[] = [];
  let n = 0;
  const t = new Turns<string>(
    clock,
    { share: 0.5, leastMs: 10, burstMs: 10, waiting: { peer: 50, network: 100, all: 200 }, ...more },
    (x) => served.push(x),
  );
  return { served, t, ask: (address, known = false) => t.ask(`${address}#${n++}`, originOf(address), known) };
}

test("turns: all work together takes its share of the time, and what idle times saved", () => {
  const clock = new VirtualClock();
  const { served, ask, t } = turns(clock, { burstMs: 50 });
  for (let i = 0; i < 40; i++) ask("192.0.2.1");
  assert.equal(served.length, 5);
  clock.advance(400);
  assert.ok(served.length >= 23 && served.length <= 26, `${served.length}`);
  clock.advance(1000);
  assert.equal(served.length, 40);
  assert.deepEqual([t.size, clock.pending()], [0, []]);
});

test("turns: one network after another, one peer after another, every second one somebody known", () => {
  const clock = new VirtualClock();
  const { served, ask } = turns(clock);
  ask("198.51.100.9"); // takes the burst
  for (let i = 0; i < 40; i++) ask(`192.0.2.${i % 4}`);
  for (let i = 0; i < 40; i++) ask(`2001:db8:1:${i % 2}::${i}`);
  for (let i = 0; i < 5; i++) ask("203.0.113.1", true);
  ask("192.0.2.77");
  ask("198.51.100.8");
  const late = (address: string): number => served.findIndex((x) => x.startsWith(`${address}#`));
  clock.advance(1000);
  assert.ok(late("198.51.100.8") <= 8, "a newcomer from a network of its own");
  assert.ok(late("192.0.2.77") <= 20, "another peer of a crowded network");
  assert.equal(served.slice(1, 11).filter((x) => x.startsWith("203.0.113.1#")).length, 5);
  assert.deepEqual(
    served.slice(1).filter((x) => x.startsWith("192.0.2.1#")),
    served
      .slice(1)
      .filter((x) => x.startsWith("192.0.2.1#"))
      .sort((a, b) => Number(a.split("#")[1]) - Number(b.split("#")[1])),
    "in order",
  );
});

test("turns: who is put off is of the crowd; who cancels is not served", () => {
  const clock = new VirtualClock();
  const { served, ask, t } = turns(clock, { waiting: { peer: 4, network: 6, all: 8 } });
  ask("198.51.100.9");
  const out: (string | null)[] = [];
  for (let i = 0; i < 10; i++) out.push(ask("192.0.2.1"));
  assert.deepEqual(out.slice(0, 5), [null, null, null, null, "192.0.2.1#1"]);
  for (let i = 0; i < 4; i++) ask("203.0.113.5");
  assert.match(ask("198.51.100.1") ?? "", /^192\.0\.2\.1#/);
  t.cancel("198.51.100.1#15");
  clock.advance(10_000);
  assert.equal(served.length, 1 + 7);
  assert.ok(!served.includes("198.51.100.1#15"));
});

/** Attackers of several kinds, `rate` messages a second; those with an address of their own go on to message 3. */
class Attack {
  readonly #net: Net;
  readonly #to: Host;
  readonly #mine = (a: string): boolean =>
    a.startsWith("203.0.113.") || a.startsWith("198.51.100.") || a.startsWith("2001:db8:bad:");
  readonly #spare = first(X25519);
  #n = 0;
  thirds = 0;
  constructor(net: Net, to: Host) {
    this.#net = net;
    this.#to = to;
    const usual = net.fate;
    net.fate = (d, n) => {
      if (!this.#mine(d.to.address)) return d.to.address.startsWith("192.0.2.") ? [] : usual(d, n);
      const { exchange, rcookie } = readMessage(d.bytes).header;
      if (exchange !== 2 || rcookie.every((x) => x === 0)) return [];
      const answer = d.bytes.slice();
      net.clock
        .timer("attack", () => {
          if (readMessage(answer).header.next !== 1) return; // message 4: nothing more comes
          this.thirds++;
          say(this.#to, third(answer), d.to);
        })
        .arm(10);
      return [];
    };
  }
  /** One message 1, with a cookie of its own. */
  #send(address: string, port = 500): void {
    const m = this.#spare.slice();
    new DataView(m.buffer).setUint32(0, ++this.#n);
    say(this.#to, m, { address, port });
  }
  step(n: number): void {
    for (let i = 0; i < n; i++) {
      const k = this.#n;
      if (k % 2 === 0)
        this.#send(`192.0.2.${(k >> 1) & 255}`, 1024 + (k & 0xfff)); // spoofed
      else if (k % 4 === 1) this.#send(`2001:db8:bad:${((k >> 2) & 0xffff).toString(16)}::1`);
      else this.#send(`${k % 8 === 3 ? "203.0.113" : "198.51.100"}.${(k >> 3) & 127}`);
    }
    this.#net.seen.length = 0;
  }
}

test("under attack, spoofed and not, a newcomer gets in, and a running client renews phase 1", async () => {
  // 25 a second
  const { net, a, b } = pair({ admission: { ...ADMISSION, turns: { ...ADMISSION.turns, leastMs: 20, burstMs: 200 } } });
  const c = new Host(net, "10.7.0.3");
  b.ike.addResponder(server(), b);
  const running = a.ike.connect(client(b.address, a.address, { ikeLifetimeSeconds: 60 }), a);
  await net.run(45_000, 500);
  const attack = new Attack(net, b);
  let up = 0;
  for (let t = 0; t < 13_000; t += 20) {
    attack.step(4); // 200 a second
    if (t === 4000) c.ike.connect(client(b.address, c.address), c);
    if (c.ups.length === 0) up = t;
    await net.run(20, 10);
  }
  assert.ok(attack.thirds > 500, `${attack.thirds} messages 3`);
  assert.ok(b.ike.counters.get("ike.half-open-evicted") > 0);
  assert.equal(c.ups.length, 1, "the newcomer is up");
  assert.ok(up - 4000 < 10_000, `after ${up - 4000} ms`);
  assert.ok(
    a.events.some((e) => e.kind === "ike.rekeyed" && e.what === "isakmp"),
    "phase 1 was renewed",
  );
  assert.deepEqual([a.downs.length, running.stage()], [0, "up"]);
  const flow = b.ups.find((u) => u.info.remote.address === a.address)?.info.flow ?? 0;
  assert.ok(pass(a, running.flow, b) && pass(b, flow, a));
  assert.ok(b.ike.sizes().halfOpen <= 2 * (512 + 256));
  await net.run(62_000, 1000);
  assert.equal(b.ike.sizes().halfOpen, 0);
});

test("no Diffie-Hellman before the cookie came back from the address of message 1, and one for an exchange", () => {
  const { net, b } = pair();
  let computed = 0;
  b.ike.addResponder(server(), b);
  const mine = "203.0.113.7";
  say(b, first(X25519), at500(mine));
  const [two] = heard(net, 0, mine);
  assert.ok(two);
  for (let i = 0; i < 20; i++) say(b, third(two), at500("203.0.113.8"));
  for (let i = 0; i < 20; i++) say(b, third(two), { address: mine, port: 501 });
  assert.equal(net.seen.length, 1);
  say(b, third(two), at500(mine));
  for (const d of net.seen) if (readMessage(d.bytes).header.next === 4) computed++;
  assert.equal(computed, 1);
  b.ike.close();
});

test("a Diffie-Hellman value that is refused ends the exchange: it is not computed again and again", () => {
  const { net, b } = pair();
  b.ike.addResponder(server(), b);
  say(b, first(X25519), at500("203.0.113.7"));
  const [two] = heard(net, 0, "203.0.113.7");
  assert.ok(two);
  const bad = third(two);
  bad[28 + 4] = 0; // the all-zero value
  say(b, bad, at500("203.0.113.7"));
  assert.equal(b.ike.counters.get("ike.bad-dh"), 1);
  assert.equal(b.ike.sizes().halfOpen, 0);
});

/** An exchange of `address` up to message 4; the messages of the server. */
function asFarAs4(net: Net, b: Host, address: string): Uint8Array | null {
  const n = net.seen.length;
  say(b, first(X25519), at500(address));
  const [two] = heard(net, n, address);
  if (!two) return null;
  say(b, third(two), at500(address));
  return two;
}
test("guesses at the key: three in one exchange, then a pause for the peer, for nobody else", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(), b);
  let guesses = 0;
  const guess = (address: string): void => {
    const two = asFarAs4(net, b, address);
    if (!two) return;
    for (let i = 0; i < 20; i++) {
      const was = b.ike.counters.get("ike.garbled");
      say(b, fifth(two, i), at500(address));
      guesses += b.ike.counters.get("ike.garbled") - was;
    }
  };
  guess("203.0.113.7");
  assert.equal(guesses, 3);
  assert.deepEqual(b.ike.sizes(), { connections: 0, sas: 0, halfOpen: 0 });
  for (let i = 0; i < 100; i++) guess("203.0.113.7");
  assert.equal(guesses, 3 * 8);
  assert.equal(b.ike.counters.get("ike.pause"), 93);
  await net.run(60_000, 1000);
  for (let i = 0; i < 100; i++) guess("203.0.113.7");
  assert.equal(guesses, 3 * 16);
  for (let i = 0; i < 100; i++) guess(`203.0.113.${10 + i}`);
  assert.ok(guesses <= 3 * (16 + 32), "a whole network has a pause too");
  a.ike.connect(client(b.address, a.address), a);
  await net.run(300);
  assert.equal(a.ups.length, 1);
});

test("one peer has its share of connections; a client of another network gets in, and so does a renewal", async () => {
  const { net, a, b } = pair({ connections: { peer: 8, network: 12, all: 100 } });
  b.ike.addResponder(server(), b);
  const links = Array.from({ length: 12 }, (_, i) =>
    a.ike.connect(client(b.address, a.address, { localPort: 20_000 + i, link: `l${i}`, ikeLifetimeSeconds: 60 }), a),
  );
  await net.run(3000);
  assert.equal(b.ike.sizes().connections, 8);
  assert.equal(links.filter((l) => l.stage() === "up").length, 8);
  const near = Array.from({ length: 6 }, (_, i) => new Host(net, `10.0.0.${50 + i}`));
  for (const h of near) h.ike.connect(client(b.address, h.address), h);
  await net.run(3000);
  assert.equal(near.filter((h) => h.ups.length === 1).length, 4, "12 of one network");
  const far = new Host(net, "10.9.9.9");
  far.ike.connect(client(b.address, far.address), far);
  await net.run(70_000, 50);
  assert.equal(far.ups.length, 1);
  assert.ok(links.filter((l) => l.stage() === "up").length >= 8);
  assert.ok(b.ike.sizes().sas <= 13 * 4);
});

test("a peer that vanishes between the phases leaves nothing", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(), b);
  const sa = alone(a, b);
  await net.run(200);
  assert.ok(sa.up);
  assert.equal(b.ike.sizes().connections, 1);
  net.fate = () => [];
  await net.run(35_000, 500);
  assert.deepEqual(b.ike.sizes(), { connections: 0, sas: 0, halfOpen: 0 });
  assert.equal(b.downs[0]?.code, "no-quick-mode");
  sa.drop();
  assert.deepEqual(
    net.clock.pending().filter((t) => t.startsWith("ike")),
    [],
  );
});

test("ISAKMP SAs without a quick mode: limited for each peer, and no connection of another is touched", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(), b);
  const other = new Host(net, "10.0.7.7");
  other.ike.connect(client(b.address, other.address), other);
  a.ike.connect(client(b.address, a.address), a);
  await net.run(300);
  const again = new Host(net, a.address);
  for (let i = 0; i < 80; i++) {
    alone(again, b);
    await net.run(40, 10);
  }
  assert.ok(b.ike.sizes().sas <= 64 + 2, `${b.ike.sizes().sas}`);
  assert.equal(b.downs.length, 0);
  assert.equal(b.ike.sizes().connections, 2);
});

test("a peer behind NAT that alternates between two ports: one move a second, one line a minute", async () => {
  const { net, a, b } = pair();
  net.nats.push(new Nat("192.0.2.9", [a.address]));
  b.ike.addResponder(server(), b);
  a.ike.connect(client(b.address, a.address), a);
  await net.run(300);
  const flow = b.ups[0]?.info.flow ?? 0;
  for (let i = 0; i < 1001; i++) {
    b.plane.onMapping(flow, { address: "192.0.2.9", port: 30_000 + (i % 2) });
    await net.run(10, 10);
  }
  assert.ok(b.plane.moves.length >= 8 && b.plane.moves.length <= 12, `${b.plane.moves.length}`);
  assert.equal(b.kinds("ike.mapping").length, 1);
  await net.run(4000, 100);
  assert.equal(b.plane.moves.at(-1)?.port, 30_000);
});

test("five hundred clients of a server that was started anew, all in the same second", async () => {
  const net = new Net();
  const b = new Host(net, "10.0.0.2");
  b.ike.addResponder(server(), b);
  const hosts = Array.from({ length: 500 }, (_, i) => new Host(net, `10.${1 + (i % 5)}.0.${1 + Math.floor(i / 5)}`));
  for (const [i, h] of hosts.entries())
    net.clock.timer("start", () => h.ike.connect(client(b.address, h.address, { dpdSeconds: 0 }), h)).arm(2 * i);
  await net.run(8000, 20);
  for (let t = 0; t < 50_000 && hosts.some((h) => h.ups.length === 0); t += 1000) await net.run(1000, 50);
  assert.equal(hosts.filter((h) => h.ups.length === 1).length, 500);
  assert.equal(hosts.filter((h) => h.downs.length > 0).length, 0);
});

test("sixty-four clients behind one NAT, ten logins a second", async () => {
  const net = new Net();
  const b = new Host(net, "10.0.0.2");
  b.ike.addResponder(server(), b);
  const hosts = Array.from({ length: 64 }, (_, i) => new Host(net, `10.1.0.${1 + i}`));
  net.nats.push(
    new Nat(
      "192.0.2.9",
      hosts.map((h) => h.address),
    ),
  );
  for (const [i, h] of hosts.entries())
    net.clock.timer("start", () => h.ike.connect(client(b.address, h.address), h)).arm(100 * i);
  await net.run(8000, 10);
  assert.equal(hosts.filter((h) => h.ups.length === 1 && h.downs.length === 0).length, 64);
  assert.equal(b.downs.length, 0);
});

test("what strangers begin does not push out the renewal of an address that has a connection", () => {
  const limits = { peer: 2, network: 3, all: 4 };
  const dropped: string[] = [];
  const tables = new Admission(
    new VirtualClock(),
    { asked: limits, answered: limits, turns: ADMISSION.turns },
    (a) => a === "203.0.113.1",
    () => false,
    () => {},
  );
  const halfOpen = (address: string): HalfOpen => ({
    began: { address },
    exchangeKeys: () => {},
    putOff: () => {},
    drop: () => void dropped.push(address),
  });
  tables.enter(halfOpen("203.0.113.1"));
  // its own network among them
  for (let i = 2; i < 60; i++) tables.enter(halfOpen(i % 2 === 0 ? `203.0.113.${i}` : `198.51.${i}.1`));
  assert.ok(dropped.length > 50);
  assert.ok(!dropped.includes("203.0.113.1"));
});

test("message 3 with another responder cookie than ours computes nothing", async () => {
  const { net, b } = pair();
  b.ike.addResponder(server(), b);
  const stranger = at500("203.0.113.9");
  say(b, first(X25519), stranger);
  await net.run(1000);
  const [answer = assert.fail("no message 2")] = heard(net, 0, stranger.address);
  const guess = third(answer);
  guess.set([(guess[8] ?? 0) ^ 1], 8); // one byte of the cookie
  say(b, guess, stranger);
  await net.run(1000);
  const mains = (): number =>
    heard(net, 0, stranger.address).filter((m) => readMessage(m).header.exchange === 2).length;
  assert.equal(mains(), 1, "no message 4, so no Diffie-Hellman");
  say(b, third(answer), stranger);
  await net.run(1000);
  assert.equal(mains(), 2);
});

test("who has just been answered keeps its place among equals; a network that has many makes room", () => {
  const clock = new VirtualClock();
  const limits = { peer: 9, network: 9, all: 4 };
  const told: string[] = [];
  let busy = false;
  const turns = { ...ADMISSION.turns, burstMs: 1_000_000 };
  const tables = new Admission(
    clock,
    { asked: limits, answered: limits, turns },
    () => false,
    () => busy,
    () => {},
  );
  const come = (address: string): void => {
    const x: HalfOpen = {
      began: { address },
      exchangeKeys: () => void told.push(`${address} answered`),
      putOff: () => void told.push(`${address} put off`),
      drop: () => void told.push(`${address} dropped`),
    };
    tables.enter(x);
    tables.ask(x);
  };
  const said = (): string => told.splice(0).join(", ");
  for (let i = 1; i <= 4; i++) come(`10.0.${i}.1`);
  said();
  come("10.0.5.1");
  assert.equal(said(), "10.0.5.1 put off");
  clock.advance(5000);
  come("10.0.6.1");
  assert.equal(said(), "10.0.1.1 dropped, 10.0.6.1 answered");
  // one network takes all of it, and holds none of it against another
  clock.advance(9000);
  for (let i = 1; i <= 4; i++) come(`10.9.9.${i}`);
  said();
  come("10.0.7.1");
  assert.ok(said().endsWith(" dropped, 10.0.7.1 answered"));
  busy = true;
  clock.advance(9000);
  come("10.0.8.1");
  assert.equal(said(), "10.0.8.1 put off");
});
