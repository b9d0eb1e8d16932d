// MPPE: the samples of RFC 3079, packets there and back, what does not fit, and two sessions that insist on it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { concat, hex, utf8 } from "../../src/core/text.ts";
import { mppeMaster, mppeMasterV1, ntResponse } from "../../src/ppp/auth/mschapv2.ts";
import {
  type MppeBits,
  MppeDecryptor,
  MppeEncryptor,
  Rc4,
  SessionKeys,
  startKey,
} from "../../src/ppp/compress/mppe.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { runs } from "../runs.ts";
import { HASH, h, start, two } from "./mppe-keys.ts";

describe("RFC 3079", () => {
  const response = ntResponse(
    crypto,
    h("5b5d7c7d7b3f2f3e3c2c602132262628"),
    h("21402324255e262a28295f2b3a337c7e"),
    "User",
    HASH,
  );
  const master = mppeMaster(crypto, HASH, response);
  test("§3.5: master and start keys", () => {
    assert.equal(hex(response), hex(h("82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df")));
    assert.equal(master.key.use(hex), "fdece3717a8c838cb388e527ae3cdd31");
    assert.equal(hex(startKey(crypto, master, 40, true)), "8b7cdc149b993a1b");
    assert.equal(hex(startKey(crypto, master, 128, true)), "8b7cdc149b993a1ba118cb153f56dccb");
    assert.notEqual(hex(startKey(crypto, master, 128, false)), hex(startKey(crypto, master, 128, true)));
  });
  for (const [bits, key, text] of [
    [40, "d1269ec49fa62e3e", "929137917e5803d668d75898"],
    [128, "405cb2247a7956e6e211007ae27b22d4", "81848317df68846272fb5abe"],
  ] as const) {
    test(`§3.5: ${bits} bits: the session key and a message`, () => {
      const keys = new SessionKeys(crypto, startKey(crypto, master, bits, true), bits);
      assert.equal(hex(keys.key), key);
      const message = utf8("test message");
      keys.crypt(message);
      assert.equal(hex(message), text);
    });
  }
  test("§2.5.3: MS-CHAP v1", () => {
    const m = mppeMasterV1(crypto, HASH, h("102db5df085d3041"));
    // as its step 4 has it; step 3 has a misprint
    assert.equal(hex(startKey(crypto, m, 128, true)), "a8947850cfc0acc1d1789fb62ddcddb0");
    assert.equal(hex(startKey(crypto, m, 128, false)), hex(startKey(crypto, m, 128, true)));
    assert.equal(
      hex(new SessionKeys(crypto, startKey(crypto, m, 128, true), 128).key),
      "59d159bc09f76f1da2a86a28ffec0b1e",
    );
  });
  test("RC4 as everybody's: RFC 6229, and in pieces", () => {
    const zeros = new Uint8Array(32);
    const rc4 = new Rc4(h("0102030405"));
    rc4.crypt(zeros.subarray(0, 7));
    rc4.crypt(zeros.subarray(7));
    assert.equal(hex(zeros), "b2396305f03dc027ccc3524a0a1118a86982944f18fc82d589c403a47a0d0919");
  });
});

describe("MPPE packets", () => {
  test("RFC 3078 §3.1: flushed and encrypted, counted from 0, a key for each, the protocol number inside", () => {
    const { out } = two();
    const first = out.compress(h("21 45"));
    const second = out.compress(h("21 45"));
    assert.deepEqual([hex(first.subarray(0, 2)), hex(second.subarray(0, 2)), first.length], ["9000", "9001", 5]);
    assert.notEqual(hex(first.subarray(2)), hex(second.subarray(2)));
    const keys = new SessionKeys(crypto, start.slice(), 128);
    keys.next();
    const plain = h("00 21 45");
    keys.crypt(plain);
    assert.equal(hex(first.subarray(2)), hex(plain));
  });
  test("any packets with any lost arrive unchanged, past the counter's end too; none twice, none late", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<MppeBits>(40, 128),
        fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat({ max: 200 })), { maxLength: 30 }),
        (bits, packets) => {
          const { out, into } = two(bits);
          for (const [body, lost] of packets) {
            for (let i = 0; i < lost; i++) out.compress(body);
            const wire = out.compress(body);
            assert.equal(hex(into.decompress(wire) ?? assert.fail()), hex(concat([Uint8Array.of(0), body])));
            assert.equal(into.decompress(wire)?.length, 0);
          }
        },
      ),
      { numRuns: 30 },
    );
    const { out, into } = two();
    const late = out.compress(h("21"));
    for (let i = 1; i < 5000; i++) assert.ok(into.decompress(out.compress(h("21"))) !== null);
    assert.ok(late.length > 0);
  });
  test("in the clear, not flushed, too short, too long, or too far ahead: broken", () => {
    for (const bytes of ["", "90", "9000", "8000ff", "1000ff", `9000${"00".repeat(1503)}`, "910100"])
      assert.equal(two().into.decompress(h(bytes)), null, bytes.slice(0, 8));
    assert.equal(two().into.decompress(h("9fff00"))?.length, 0, "late");
  });
  test("any bytes: nothing is thrown, nothing is longer than what came", () => {
    const { into } = two();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (b) => {
        assert.ok((into.decompress(b)?.length ?? 0) <= b.length);
      }),
      { numRuns: runs(500) },
    );
  });
});

const mode = { stateful: true, mppc: false };
const key = (bits: MppeBits = 128): SessionKeys => new SessionKeys(crypto, start.slice(0, bits === 128 ? 16 : 8), bits);
const BODY = h("2145000014000000004011000001020304050607 08");
const WHOLE = hex(concat([Uint8Array.of(0), BODY]));

/** Stateful senders as others have them, in few words. A flag packet has bit A in both; they differ at a reset. */
class Other {
  readonly keys: SessionKeys;
  readonly #changes: boolean;
  #count = -1;
  reset = false;
  constructor(changes: boolean, keys = key()) {
    this.#changes = changes;
    this.keys = keys;
  }
  send(packet = concat([Uint8Array.of(0), BODY])): Uint8Array {
    this.#count = (this.#count + 1) & 0xfff;
    const flag = (this.#count & 0xff) === 0xff;
    const a = flag || this.reset;
    if (flag || (this.reset && this.#changes)) this.keys.next();
    else if (this.reset) this.keys.use();
    this.reset = false;
    const body = packet.slice();
    this.keys.crypt(body);
    return concat([Uint8Array.of((a ? 0x90 : 0x10) | (this.#count >> 8), this.#count), body]);
  }
}
/** And a receiver that keeps to what RFC 3078 §8.2 says, or (`changes`) to what Linux does. */
class OtherReceiver {
  readonly keys = key();
  readonly #changes: boolean;
  #count = 0xfff;
  lost = false;
  constructor(changes: boolean) {
    this.#changes = changes;
  }
  receive(p: Uint8Array): string | null {
    const count = (((p[0] as number) & 15) << 8) | (p[1] as number);
    const a = ((p[0] as number) & 0x80) !== 0;
    if (!this.lost) {
      this.#count = (this.#count + 1) & 0xfff;
      if (count !== this.#count) {
        this.lost = true;
        return null;
      }
      if ((count & 0xff) === 0xff) this.keys.next();
    } else {
      if (!a) return null;
      if (this.#changes) {
        for (let c = this.#count & 0xf00; c !== (count & 0xf00); c = (c + 0x100) & 0xf00) this.keys.next();
        this.keys.next();
      } else {
        for (; this.#count !== count; this.#count = (this.#count + 1) & 0xfff)
          if ((this.#count & 0xff) === 0xff) this.keys.next();
        if ((count & 0xff) === 0xff) this.keys.next();
        else this.keys.use();
      }
      this.#count = count;
      this.lost = false;
    }
    const body = p.slice(2);
    this.keys.crypt(body);
    return hex(body);
  }
}

describe("stateful", () => {
  test("one key stream, a new key at each flag packet, and after a Reset-Request one of those: it says bit A", () => {
    const out = new MppeEncryptor(key(), mode);
    const other = new Other(false);
    for (let i = 0; i < 600; i++) assert.equal(hex(out.compress(BODY)), hex(other.send()), String(i));
    out.reset();
    assert.equal(hex(out.compress(BODY).subarray(0, 2)), "92ff");
    assert.equal(hex(out.compress(BODY).subarray(0, 2)), "1300");
  });
  test("both keys of fewer bits", () => {
    for (const bits of [40, 56] as const) {
      const [out, into] = [new MppeEncryptor(key(bits), mode), new MppeDecryptor(key(bits), 1500, mode)];
      for (let i = 0; i < 300; i++) assert.equal(hex(into.decompress(out.compress(BODY)) ?? h("")), WHOLE);
      assert.equal(hex(key(bits).key.subarray(0, bits === 56 ? 1 : 3)), bits === 56 ? "d1" : "d1269e");
    }
  });
  const trouble = fc.array(
    fc.record({ good: fc.nat({ max: 300 }), lost: fc.integer({ min: 1, max: 700 }), late: fc.nat({ max: 5 }) }),
    { maxLength: 8 },
  );
  for (const changes of [false, true]) {
    test(`a sender that ${changes ? "changes its key" : "restarts its key stream"} at a reset, with loss`, () => {
      fc.assert(
        fc.property(trouble, (all) => {
          const other = new Other(changes);
          const into = new MppeDecryptor(key(), 1500, mode);
          for (const { good, lost, late } of all) {
            for (let i = 0; i < good; i++) assert.equal(hex(into.decompress(other.send()) ?? h("")), WHOLE);
            for (let i = 0; i < lost; i++) other.send();
            // Until the request is there the sender goes on; a flag packet among those is an end of it too.
            for (let i = 0; i < late; i++) {
              const out = into.decompress(other.send());
              if (out !== null) assert.equal(hex(out), WHOLE);
            }
            other.reset = true;
            assert.equal(hex(into.decompress(other.send()) ?? h("")), WHOLE);
          }
        }),
        { numRuns: 60 },
      );
    });
    test(`to a receiver that ${changes ? "changes its key" : "begins its key stream anew"} at bit A`, () => {
      fc.assert(
        fc.property(trouble, (all) => {
          const out = new MppeEncryptor(key(), mode);
          const other = new OtherReceiver(changes);
          for (const { good, lost, late } of all) {
            for (let i = 0; i < good; i++) assert.equal(other.receive(out.compress(BODY)), WHOLE);
            for (let i = 0; i < lost; i++) out.compress(BODY);
            for (let i = 0; i < late; i++) {
              const got = other.receive(out.compress(BODY));
              if (got !== null) assert.equal(got, WHOLE);
            }
            if (!other.lost && other.receive(out.compress(BODY)) !== null) continue;
            out.reset();
            assert.equal(other.receive(out.compress(BODY)), WHOLE);
          }
        }),
        { numRuns: 60 },
      );
    });
  }
  test("whatever the key: no wrong one is taken for it, and the next packet settles an undecided one", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.boolean(),
        fc.nat({ max: 3 }),
        (secret, changes, unjudged) => {
          const make = (): SessionKeys => new SessionKeys(crypto, secret.slice(), 128);
          const other = new Other(changes, make());
          const into = new MppeDecryptor(make(), 1500, mode);
          for (let i = 0; i < 4; i++) {
            other.send();
            assert.equal(into.decompress(other.send()), null);
            for (let n = 0; n < unjudged; n++) {
              other.reset = true;
              assert.equal(into.decompress(other.send(h("002d0102030405"))), null);
            }
            for (let n = 0; n < 20; n++) {
              other.reset = n === 0;
              assert.equal(hex(into.decompress(other.send()) ?? h("")), WHOLE);
            }
          }
        },
      ),
      { numRuns: runs(100) },
    );
  });
  test("any bytes, and what is not flushed while something is lost: null or nothing, never thrown", () => {
    const into = new MppeDecryptor(key(), 1500, { stateful: true, mppc: true });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (b) => {
        const out = into.decompress(b);
        assert.ok(out === null || out.length <= 1502);
      }),
      { numRuns: runs(1000) },
    );
  });
});
