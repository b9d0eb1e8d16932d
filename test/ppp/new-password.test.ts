// A password that has expired: Change-Password of MS-CHAP in both versions, both sides.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../../src/core/errors.ts";
import { failure } from "../../src/core/failures.ts";
import { Secret } from "../../src/core/secret.ts";
import { concat, hex, unhex, utf8, utf16le } from "../../src/core/text.ts";
import type { PppOwner } from "../../src/ppp/api.ts";
import { writeChapValue } from "../../src/ppp/auth/chap.ts";
import { ntPasswordHash } from "../../src/ppp/auth/mschapv2.ts";
import { changedBy, encryptedHash, encryptedPassword, readChange } from "../../src/ppp/auth/new-password.ts";
import { judge, type Proof, refusal, type Verdict } from "../../src/ppp/auth/proof.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { opened } from "../radius/expired.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, End, join, PROTOCOL, SERVER, Side, scripted, type Trouble, testCrypto } from "./pair.ts";

const OLD = "wonderland";
const NEW = "through the looking-glass";
const METHODS = ["mschap", "mschapv2"] as const;
const SIZE = { mschap: 1114, mschapv2: 582 } as const;

describe("the packets", () => {
  // "clientPass" becomes "MyPw", whose hashes RFC 2759 §9.2 and §9.3 print; DES and RC4 of others.
  const hash = ntPasswordHash(utf8("clientPass"));
  const fixed = { ...crypto, random: (n: number) => Uint8Array.from({ length: n }, (_, i) => i) };
  test("the old hash under the new one", () => {
    const want = "6f69bbe9311fd36714e380e62855261d";
    assert.equal(hex(encryptedHash(crypto, hash, ntPasswordHash(utf8("MyPw")))), want);
  });
  test("the new password under the old hash", () => {
    const block = encryptedPassword(fixed, utf8("MyPw"), hash);
    assert.equal(hex(block.subarray(-16)), "ae19c2884418b67fd1458c58ba343a7c");
    const digest = "eddc17a25ee79cd390251cb1386377a107f0bbdf64a0ee280beb9783f8b8c7e0";
    assert.equal(hex(crypto.hash("sha256", [block])), digest);
  });
  for (const m of METHODS) {
    const value = concat([Uint8Array.from({ length: 48 }, (_, i) => i + 1), Uint8Array.of(m === "mschap" ? 1 : 0)]);
    const body = changedBy(fixed, m, Secret.of("clientPass"), Secret.of("MyPw"), () => value);
    test(`${m}: read as written, and nothing of LAN Manager is passed on`, () => {
      assert.equal(body.length, SIZE[m]);
      const c = readChange(m, body);
      assert.equal(hex(c.value), hex(value));
      assert.equal(hex(c.password), hex(encryptedPassword(fixed, utf8("MyPw"), hash)));
      const lm = m === "mschap" ? "00".repeat(16) : "";
      const flags = m === "mschap" ? "0001" : "0000";
      const want = `6f69bbe9311fd36714e380e62855261d${lm}${hex(value.subarray(0, 48))}${flags}`;
      assert.equal(hex(c.rest), want);
      if (m !== "mschap") return;
      const other = body.slice();
      other.fill(0xee, 532, 1064);
      other[1113] = 3;
      assert.equal(hex(readChange(m, other).rest), want);
    });
    test(`${m}: of another length it is none`, () => {
      for (let n = 0; n < body.length; n++) assert.throws(() => readChange(m, body.subarray(0, n)), DecodeError);
      assert.throws(() => readChange(m, concat([body, Uint8Array.of(0)])), DecodeError);
    });
    test(`${m}: any bytes are read or refused`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 1200 }), (b) => {
          try {
            assert.equal(readChange(m, b).password.length, 516);
          } catch (e) {
            assert.ok(e instanceof DecodeError);
          }
        }),
      );
    });
  }
});

/** RADIUS, as PPP sees it: the old password is right and has expired, and a new one is taken if it is not short. */
class Elsewhere {
  password = OLD;
  expired = true;
  readonly asked: Proof[] = [];
  message = utf8("E=648 R=0 C=000102030405060708090A0B0C0D0E0F V=3 M=it is old");
  readonly owner: Partial<PppOwner> = {
    secretOf: () => null,
    ask: (proof, answer) => {
      this.asked.push(proof);
      this.answers.push(() => answer(this.#verdict(proof)));
      return () => {};
    },
    onExpired: (ms) => void this.patience.push(ms),
  };
  readonly patience: number[] = [];
  readonly answers: (() => void)[] = [];
  answer(): void {
    for (const f of this.answers.splice(0)) f();
  }
  /** It says so of the new one as well. */
  again = false;
  #verdict(proof: Proof): Verdict {
    if (this.again) return expiredVerdict();
    if (proof.method === "eap" || proof.method === "pap") return assert.fail(proof.method);
    const plain = {
      method: proof.method,
      user: proof.user,
      id: proof.id,
      challenge: proof.challenge,
      value: proof.value,
    };
    if (!proof.change) {
      const v = judge(crypto, plain, () => Secret.of(this.password));
      if (v.is !== "accepted" || !this.expired) return v;
      const why = failure("password-expired", "RADIUS says that it is old");
      return { is: "refused", message: this.message, why, wrong: false, said: true, expired: true };
    }
    const next = opened(this.password, proof.change.password, proof.change.rest.subarray(0, 16)) ?? "";
    const v = judge(crypto, plain, () => Secret.of(next));
    if (v.is !== "accepted" || next.length < 8)
      return {
        is: "refused",
        message: refusal(crypto, proof.method, true),
        why: failure("radius", "not that one"),
        wrong: false,
        said: true,
      };
    this.password = next;
    this.expired = false;
    return v;
  }
}
interface Rig {
  readonly clock: VirtualClock;
  readonly c: Side;
  readonly s: Side;
  readonly radius: Elsewhere;
  readonly renewed: () => number;
  run(ms: number): void;
}
function rig(method: (typeof METHODS)[number], next: string | null, trouble: Trouble = {}): Rig {
  const clock = new VirtualClock();
  const radius = new Elsewhere();
  const seed = trouble.seed ?? 1;
  let renewed = 0;
  const identity = { user: "alice", password: Secret.of(OLD), newPassword: next === null ? null : Secret.of(next) };
  const owner = { onRenewed: () => void renewed++ };
  const c = new Side(clock, { ...CLIENT, identity }, owner, new End(), testCrypto(2 * seed));
  const s = new Side(clock, { ...SERVER, require: [method] }, radius.owner, new End(), testCrypto(2 * seed + 1));
  join(clock, c.channel, s.channel, trouble);
  c.session.start();
  s.session.start();
  const run = (ms: number): void => {
    for (let t = 0; t < ms; t += 50) {
      clock.advance(50);
      radius.answer();
    }
  };
  return { clock, c, s, radius, renewed: () => renewed, run };
}

describe("client and server", () => {
  for (const m of METHODS) {
    test(`${m}: the new password takes the place of the old one, and the session comes up with it`, () => {
      const { c, s, radius, renewed, run } = rig(m, NEW);
      run(2000);
      assert.deepEqual([c.ups.length, s.ups.length, renewed()], [1, 1, 1]);
      assert.equal(radius.password, NEW);
      assert.deepEqual(radius.patience, [120_000]);
      assert.deepEqual(s.admitted, [`alice ${m}`]);
      const said = s.events.filter((e) => e.kind === "ppp.auth").map((e) => e.ok);
      assert.deepEqual(said, [false, true]);
    });
    test(`${m}: over a bad line it happens once`, () => {
      for (let seed = 1; seed <= 25; seed++) {
        const { c, s, radius, renewed, run } = rig(m, NEW, { loss: 0.25, repeat: 0.2, jitterMs: 40, seed });
        run(60_000);
        const ups = [c.ups.length, s.ups.length].map((n) => n > 0);
        assert.deepEqual([...ups, renewed()], [true, true, 1], `seed ${seed}: ${c.downs[0]?.text} ${s.downs[0]?.text}`);
        assert.equal(radius.asked.filter((p) => "change" in p).length, 1, `seed ${seed}`);
      }
    });
    test(`${m}: without a new password the sentence says what to do`, () => {
      const { c, s, renewed, run } = rig(m, null);
      run(2000);
      assert.equal(c.downs[0]?.code, "password-expired");
      assert.match(c.downs[0]?.text ?? "", /the password has expired; set new_password to change it \(E=648\)/);
      assert.deepEqual([s.ups.length, renewed()], [0, 0]);
    });
    test(`${m}: a new password that the server does not take`, () => {
      const { c, s, radius, renewed, run } = rig(m, "short");
      run(2000);
      assert.deepEqual([c.downs[0]?.code, s.downs[0]?.code], ["password-change-failed", "radius"]);
      assert.match(c.downs[0]?.text ?? "", /does not take new_password \(E=709\)/);
      assert.deepEqual([radius.password, renewed(), s.ups.length], [OLD, 0, 0]);
    });
    test(`${m}: a password that has not expired stays`, () => {
      const r = rig(m, NEW);
      r.radius.expired = false;
      r.run(2000);
      assert.deepEqual([r.c.ups.length, r.radius.password, r.renewed()], [1, OLD, 0]);
    });
    test(`${m}: a server that says so again, after the change: one change in a session`, () => {
      const r = rig(m, NEW);
      r.radius.again = true;
      r.run(4000);
      assert.deepEqual([r.c.ups.length, r.s.ups.length, r.renewed()], [0, 0, 0]);
      assert.equal(r.radius.asked.length, 2);
    });
  }
  test("a server's own users have nobody who could change their passwords", () => {
    const { clock, c, s } = (() => {
      const clock = new VirtualClock();
      const owner: Partial<PppOwner> = {
        ask: (p, answer) => {
          clock.timer("radius", () => answer("change" in p ? null : expiredVerdict())).arm(5);
          return () => {};
        },
        secretOf: () => Secret.of(NEW),
      };
      const identity = { user: "alice", password: Secret.of(OLD), newPassword: Secret.of(NEW) };
      const c = new Side(clock, { ...CLIENT, identity }, {}, new End(), testCrypto(2));
      const s = new Side(clock, { ...SERVER, require: ["mschapv2"] }, owner, new End(), testCrypto(3));
      join(clock, c.channel, s.channel);
      c.session.start();
      s.session.start();
      return { clock, c, s };
    })();
    clock.advance(3000);
    assert.deepEqual([c.ups.length, s.ups.length], [0, 0]);
  });
});
function expiredVerdict(): Extract<Verdict, { is: "refused" }> {
  const why = failure("password-expired", "old");
  const message = utf8("E=648 R=0 V=3");
  return { is: "refused", message, why, wrong: false, said: true, expired: true };
}

describe("hostile servers", () => {
  const identity = { user: "alice", password: Secret.of(OLD), newPassword: Secret.of(NEW) };
  /** A server by hand, after its challenge was answered. */
  function server(algorithm: 0x80 | 0x81) {
    let renewed = 0;
    const { clock, side, peer } = scripted({ ...CLIENT, identity }, { onRenewed: () => void renewed++ });
    peer.agree(PROTOCOL.lcp);
    side.session.start();
    peer.request(PROTOCOL.lcp, 1, [{ type: 3, data: Uint8Array.of(0xc2, 0x23, algorithm) }]);
    const value = new Uint8Array(algorithm === 0x80 ? 8 : 16).fill(7);
    peer.say(PROTOCOL.chap, 1, 9, writeChapValue({ value, name: utf8("lns") }));
    const fail = (text: string, id = 9): void => peer.say(PROTOCOL.chap, 4, id, utf8(text));
    const changes = () => peer.seen.filter((p) => p.protocol === PROTOCOL.chap && p.code >= 5);
    return { clock, side, peer, fail, changes, renewed: () => renewed };
  }
  const C = "C=00112233445566778899AABBCCDDEEFF";
  test("MS-CHAPv2: whoever cannot prove that it has the new password is refused, and nothing is renewed", () => {
    const s = server(0x81);
    s.fail(`E=648 R=0 ${C} V=3`);
    const [change] = s.changes();
    assert.deepEqual([change?.code, change?.id, change?.body.length], [7, 10, 582]);
    s.peer.say(PROTOCOL.chap, 3, 10, utf8(`S=${"00".repeat(20)} M=fine`));
    s.clock.advance(10);
    assert.deepEqual([s.side.downs.length === 0, s.renewed()], [true, 0]);
    s.clock.advance(10_000);
    assert.equal(s.side.downs[0]?.code, "server-not-authentic");
  });
  test("an answer to the Response is none to the change", () => {
    const s = server(0x81);
    s.fail(`E=648 R=0 ${C} V=3`);
    s.peer.say(PROTOCOL.chap, 3, 9, utf8("S="));
    s.fail("E=691 R=0 V=3");
    assert.equal(s.side.session.status().phase, "authenticate");
    assert.equal(s.changes().length, 1);
  });
  test("a second E=648 ends it: one change in a session", () => {
    const s = server(0x81);
    s.fail(`E=648 R=0 ${C} V=3`);
    s.fail(`E=648 R=0 ${C} V=3`, 10);
    s.clock.advance(10_000);
    assert.equal(s.changes().length, 1);
    assert.equal(s.side.downs[0]?.code, "password-expired");
  });
  test("MS-CHAP: never version 1 of the change, and never the LAN Manager fields", () => {
    for (const v of ["", " V=1", " V=0"]) {
      const s = server(0x80);
      s.fail(`E=648 R=0${v}`);
      s.clock.advance(10_000);
      assert.deepEqual([s.changes().length, s.side.downs[0]?.code], [0, "password-expired"], v);
    }
    const s = server(0x80);
    s.fail("E=648 R=0 V=2");
    const [change] = s.changes();
    assert.deepEqual([change?.code, change?.body.length], [6, 1114]);
    assert.ok(change?.body.subarray(532, 1064 + 24).every((b) => b === 0));
    assert.equal(hex(change?.body.subarray(-2) ?? new Uint8Array(0)), "0001");
  });
  test("passwords are nowhere in clear, neither in packets nor in events", () => {
    const s = server(0x81);
    s.fail(`E=648 R=0 ${C} V=3`);
    const all = hex(concat(s.peer.seen.map((p) => p.body)));
    for (const secret of [OLD, NEW])
      for (const bytes of [utf8(secret), utf16le(secret)]) assert.ok(!all.includes(hex(bytes)));
    assert.doesNotMatch(JSON.stringify(s.side.events), /wonderland|looking-glass/);
  });
});

describe("hostile callers", () => {
  /** A caller by hand, whose Response was found right and too old. */
  function caller(m: (typeof METHODS)[number], expired = true) {
    const radius = new Elsewhere();
    radius.expired = expired;
    const { clock, side, peer } = scripted({ ...SERVER, require: [m] }, radius.owner);
    peer.agree(PROTOCOL.lcp);
    side.session.start();
    peer.request(PROTOCOL.lcp, 1, []);
    const ch = peer.last(PROTOCOL.chap, 1) ?? assert.fail("no challenge");
    const id = ch.id;
    const other = scripted({
      ...CLIENT,
      identity: { user: "alice", password: Secret.of(OLD), newPassword: Secret.of(NEW) },
    });
    other.peer.agree(PROTOCOL.lcp);
    other.side.session.start();
    other.peer.request(PROTOCOL.lcp, 1, [{ type: 3, data: Uint8Array.of(0xc2, 0x23, m === "mschap" ? 0x80 : 0x81) }]);
    other.peer.say(PROTOCOL.chap, 1, id, ch.body);
    const response = other.peer.last(PROTOCOL.chap, 2) ?? assert.fail("no response");
    const respond = (): void => {
      peer.say(PROTOCOL.chap, 2, id, response.body);
      radius.answer();
    };
    const change = (): Uint8Array => {
      const f = peer.last(PROTOCOL.chap, 4) ?? assert.fail("no failure");
      other.peer.say(PROTOCOL.chap, 4, id, f.body);
      return (other.peer.seen.findLast((p) => p.protocol === PROTOCOL.chap && p.code >= 5) ?? assert.fail()).body;
    };
    return { clock, side, peer, id, radius, respond, change, code: m === "mschap" ? 6 : 7 };
  }
  for (const m of METHODS) {
    test(`${m}: a change that nobody asked for is nothing`, () => {
      const c = caller(m, false);
      c.peer.say(PROTOCOL.chap, c.code, c.id + 1, new Uint8Array(SIZE[m]));
      c.peer.say(PROTOCOL.chap, c.code, c.id, new Uint8Array(SIZE[m]));
      assert.equal(c.radius.asked.length, 0);
      c.respond();
      assert.deepEqual(c.side.admitted, [`alice ${m}`]);
    });
    test(`${m}: cut, of another identifier, or while the first one is judged: asked once`, () => {
      const c = caller(m);
      c.respond();
      const body = c.change();
      const next = (c.id + 1) & 0xff;
      for (const n of [0, 1, 16, 515, 516, body.length - 1])
        c.peer.say(PROTOCOL.chap, c.code, next, body.subarray(0, n));
      c.peer.say(PROTOCOL.chap, c.code, c.id, body);
      c.peer.say(PROTOCOL.chap, c.code === 6 ? 7 : 6, next, body);
      assert.equal(c.radius.asked.length, 1);
      c.peer.say(PROTOCOL.chap, c.code, next, body);
      c.peer.say(PROTOCOL.chap, c.code, next, body);
      assert.equal(c.radius.asked.length, 2);
      c.radius.answer();
      c.peer.say(PROTOCOL.chap, c.code, next, body);
      assert.equal(c.radius.asked.length, 2);
      assert.equal(c.peer.seen.filter((p) => p.protocol === PROTOCOL.chap && p.code === 3).length, 2);
      assert.deepEqual(c.side.admitted, [`alice ${m}`]);
    });
    test(`${m}: of somebody else's making`, () => {
      const c = caller(m);
      c.respond();
      const body = c.change().slice();
      body[600 % body.length] = (body[600 % body.length] ?? 0) ^ 1;
      body[520] = (body[520] ?? 0) ^ 1;
      c.peer.say(PROTOCOL.chap, c.code, (c.id + 1) & 0xff, body);
      c.radius.answer();
      assert.match(new TextDecoder().decode(c.peer.last(PROTOCOL.chap, 4)?.body), /^E=709 R=0 /);
      assert.deepEqual([c.side.admitted, c.radius.password], [[], OLD]);
    });
    test(`${m}: a Response that comes again has the same answer, and is not a change`, () => {
      const c = caller(m);
      c.respond();
      const failures = (): Uint8Array[] =>
        c.peer.seen.filter((p) => p.protocol === PROTOCOL.chap && p.code === 4).map((p) => p.body);
      c.respond();
      assert.equal(failures().length, 2);
      assert.deepEqual(failures()[0], failures()[1]);
      assert.equal(c.radius.asked.length, 1);
    });
    test(`${m}: two minutes of silence end it`, () => {
      const c = caller(m);
      c.respond();
      c.clock.advance(119_000);
      assert.equal(c.side.downs.length, 0);
      c.clock.advance(20_000);
      assert.equal(c.side.downs[0]?.code, "password-expired");
    });
  }
  test("MS-CHAPv2: the challenge is RADIUS's where it gives one, else a fresh one; the last one is void", () => {
    const c = caller("mschapv2");
    c.respond();
    const text = new TextDecoder().decode(c.peer.last(PROTOCOL.chap, 4)?.body);
    assert.equal(text, "E=648 R=0 C=000102030405060708090A0B0C0D0E0F V=3 M=Password expired");
    const d = caller("mschapv2");
    d.radius.message = utf8("E=648 R=1 V=3");
    d.respond();
    const own = /^E=648 R=0 C=([0-9A-F]{32}) V=3/.exec(
      new TextDecoder().decode(d.peer.last(PROTOCOL.chap, 4)?.body),
    )?.[1];
    const first = d.radius.asked[0];
    assert.ok(own && first && "challenge" in first && own !== hex(first.challenge).toUpperCase());
    d.peer.say(PROTOCOL.chap, 7, (d.id + 1) & 0xff, d.change());
    const change = d.radius.asked[1];
    assert.ok(change && "challenge" in change);
    assert.deepEqual(change.challenge, unhex(own));
  });
});
