// EAP-TLS as authenticatee: its framing against a TLS client that is a script.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Failure } from "../../src/core/errors.ts";
import { DecodeError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { concat, hex } from "../../src/core/text.ts";
import type { TlsClient, TlsState } from "../../src/ports/ports.ts";
import { EapAuthenticatee } from "../../src/ppp/auth/eap-authenticatee.ts";
import { EapTls, type EapTlsCredentials } from "../../src/ppp/auth/eap-tls.ts";
import { type MppeMaster, startKey } from "../../src/ppp/compress/mppe.ts";
import { readPacket, writePacket } from "../../src/ppp/cp.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { testCrypto } from "./pair.ts";

const CREDENTIALS: EapTlsCredentials = {
  ca: Uint8Array.of(1),
  cert: Uint8Array.of(2),
  key: Secret.of("key"),
  serverName: null,
};
const NONE = new Uint8Array(0);
const START = Uint8Array.of(0x20);
type Turn = readonly [state: TlsState, out: Uint8Array];
const hello = new Uint8Array(100).fill(0xc1);

class Fake implements TlsClient {
  readonly got: Uint8Array[] = [];
  readonly labels: string[] = [];
  readonly #turns: Turn[];
  readonly #version: "1.2" | "1.3";
  #out: Uint8Array = NONE;
  closed = false;
  constructor(turns: readonly Turn[], version: "1.2" | "1.3") {
    this.#turns = [...turns];
    this.#version = version;
  }
  step(data: Uint8Array): TlsState {
    assert.equal(this.closed, false);
    this.got.push(data.slice());
    const [state, out] = this.#turns.shift() ?? ["broken", NONE];
    this.#out = out;
    return state;
  }
  output(): Uint8Array {
    const out = this.#out;
    this.#out = NONE;
    return out;
  }
  why(): string {
    return "tlsv1 alert unknown ca";
  }
  version(): "1.2" | "1.3" {
    return this.#version;
  }
  export(label: string, context: Uint8Array, length: number): Uint8Array {
    this.labels.push(`${label} ${hex(context)} ${length}`);
    return Uint8Array.from({ length }, (_, i) => i);
  }
  close(): void {
    this.closed = true;
  }
}
function make(turns: readonly Turn[], version: "1.2" | "1.3" = "1.2") {
  const made: Fake[] = [];
  const eap = new EapTls(
    {
      tlsClient: () => {
        const t = new Fake(turns, version);
        made.push(t);
        return t;
      },
    },
    CREDENTIALS,
  );
  const say = (data: Uint8Array): { answer: Uint8Array; proved: boolean } => {
    const s = eap.input(data);
    assert.ok("answer" in s);
    return s;
  };
  return { eap, made, say, tls: () => made.at(-1) ?? assert.fail("no TLS") };
}
const be32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

describe("EAP-TLS", () => {
  test("a handshake of TLS 1.2: an empty answer to the server's Finished, and the MSK", () => {
    const { eap, say, tls } = make([
      ["going", hello],
      ["going", hello],
      ["done", NONE],
    ]);
    assert.equal(hex(say(START).answer), `00${hex(hello)}`);
    say(Uint8Array.of(0, 7, 7));
    assert.equal(eap.keyMaterial(), null);
    assert.deepEqual(say(Uint8Array.of(0, 8)), { answer: Uint8Array.of(0), proved: true });
    assert.deepEqual(tls().got.map(hex), ["", "0707", "08"]);
    assert.deepEqual(tls().labels, ["client EAP encryption  128"]);
    assert.equal(eap.keyMaterial()?.use(hex), hex(Uint8Array.from({ length: 64 }, (_, i) => i)));
    const key = eap.keyMaterial();
    eap.stop();
    assert.equal(tls().closed, true);
    assert.equal(key?.use(hex), "00".repeat(64));
    assert.equal(eap.keyMaterial(), null);
  });
  test("TLS 1.3: done is not proved, the protected word is (RFC 9190 §2.5)", () => {
    const { say, tls } = make(
      [
        ["going", hello],
        ["done", hello],
        ["done", NONE],
        ["confirmed", NONE],
      ],
      "1.3",
    );
    say(START);
    assert.deepEqual(
      [1, 2, 3].map((n) => say(Uint8Array.of(0, n)).proved),
      [false, false, true],
    );
    assert.deepEqual(tls().labels, ["EXPORTER_EAP_TLS_Key_Material 0d 128"]);
  });
  test("whatever it sends arrives in fragments, the first with the length; whatever comes in pieces is joined", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3000 }),
        fc.integer({ min: 1, max: 700 }),
        fc.uint8Array({ minLength: 1, maxLength: 2000 }),
        fc.boolean(),
        (size, cut, message, length) => {
          const out = Uint8Array.from({ length: size }, (_, i) => i);
          const { say, tls } = make([
            ["going", out],
            ["going", NONE],
          ]);
          const parts: Uint8Array[] = [];
          let answer = say(START).answer;
          if (size > 500) assert.deepEqual([...answer.subarray(0, 5)], [0xc0, ...be32(size)]);
          for (let first = true; ; first = false) {
            assert.ok(answer.length <= 505);
            parts.push(answer.subarray(first && size > 500 ? 5 : 1));
            if (((answer[0] as number) & 0x40) === 0) break;
            answer = say(Uint8Array.of(0)).answer;
          }
          assert.equal(hex(concat(parts)), hex(out));
          for (let i = 0; i < message.length; i += cut) {
            const more = i + cut < message.length;
            const head = i === 0 && length ? [0x80 | (more ? 0x40 : 0), ...be32(message.length)] : [more ? 0x40 : 0];
            assert.equal(hex(say(concat([Uint8Array.from(head), message.subarray(i, i + cut)])).answer), "00");
          }
          assert.equal(hex(tls().got[1] ?? NONE), hex(message));
        },
      ),
      { numRuns: 100 },
    );
  });
  test("false lengths, data before a start, data instead of an acknowledgement: refused without effect", () => {
    const { eap, say, tls } = make([
      ["going", hello],
      ["going", new Uint8Array(900)],
    ]);
    assert.throws(() => eap.input(Uint8Array.of(0, 1)), DecodeError);
    say(START);
    const bad = [
      [],
      [0x80],
      [0x80, 0, 0, 0],
      [0x80, 0, 0, 0, 1, 9, 9],
      [0x80, 0, 0, 0, 3, 9, 9],
      [0xc0, 0, 0, 0, 2, 9, 9],
      [0xc0, 0, 1, 0, 1, 9],
      [0x80, 255, 255, 255, 255, 9],
      [0x40],
    ];
    for (const b of bad) assert.throws(() => eap.input(Uint8Array.from(b)), DecodeError, String(b));
    assert.equal(tls().got.length, 1);
    say(Uint8Array.of(0, 5)); // its answer takes two fragments
    assert.throws(() => eap.input(Uint8Array.of(0, 6)), DecodeError);
    assert.equal(tls().got.length, 2);
  });
  test("64 KiB are the most, announced or not", () => {
    const { eap, say, tls } = make([["going", hello]]);
    say(START);
    const piece = concat([Uint8Array.of(0x40), new Uint8Array(1024)]);
    for (let i = 0; i < 64; i++) say(piece);
    assert.throws(() => eap.input(piece), DecodeError);
    assert.equal(tls().got.length, 1);
  });
  test("any bytes: an answer or a DecodeError; a start begins anew and closes what was", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 }), (packets) => {
        const { eap, say, made } = make([
          ["going", hello],
          ["going", hello],
          ["going", hello],
        ]);
        say(START);
        for (const p of packets) {
          try {
            const s = eap.input(p);
            assert.ok("answer" in s && !s.proved);
          } catch (e) {
            assert.ok(e instanceof DecodeError);
          }
        }
        eap.stop();
        assert.ok(made.every((t) => t.closed));
      }),
      { numRuns: 300 },
    );
  });
});

/** EAP's side with EAP-TLS in it, and a hand-made server. */
function side(turns: readonly Turn[], version: "1.2" | "1.3" = "1.2") {
  const { eap } = make(turns, version);
  const clock = new VirtualClock();
  const sent: { code: number; id: number; body: Uint8Array }[] = [];
  const failed: Failure[] = [];
  let done = 0;
  let ignored = 0;
  const masters: (MppeMaster | null | undefined)[] = [];
  const peer = new EapAuthenticatee(
    { clock, crypto: testCrypto(), isOurs: () => false },
    { identity: { user: "alice", password: Secret.of("") }, methods: ["mschapv2", "md5"], tls: eap },
    {
      send: (p) => void sent.push(readPacket(p)),
      done: (m) => {
        done++;
        masters.push(m);
      },
      failed: (why) => void failed.push(why),
      ignored: () => void ignored++,
    },
  );
  peer.start();
  const ask = (id: number, ...body: number[]): string => {
    peer.input(writePacket({ code: 1, id, body: Uint8Array.from(body) }));
    return hex(sent.at(-1)?.body ?? NONE);
  };
  return {
    peer,
    clock,
    sent,
    failed,
    ask,
    masters,
    end: (code: number) => peer.input(writePacket({ code, id: 9, body: NONE })),
    counts: () => ({ done, ignored }),
  };
}

describe("EAP-TLS inside EAP", () => {
  test("Identity, a Nak for every other type, repeated Requests, Success only at the end", () => {
    const { ask, end, counts, failed, peer, masters } = side([
      ["going", hello],
      ["done", NONE],
    ]);
    assert.equal(ask(1, 1), "01616c696365");
    for (const type of [4, 26, 25]) assert.equal(ask(2, type, 1, 1), "030d");
    const first = ask(3, 13, 0x20);
    assert.equal(first, `0d00${hex(hello)}`);
    assert.equal(ask(3, 13, 0x20), first); // the very same: TLS does not see it
    end(3);
    assert.deepEqual(counts(), { done: 0, ignored: 1 });
    assert.equal(ask(4, 13, 0, 7), "0d00");
    end(3);
    assert.deepEqual([counts().done, failed.length], [1, 0]);
    peer.stop(); // what was handed over is the session's own
    const [master] = masters;
    assert.deepEqual(
      [master?.version, master?.key.use((b) => b.length), master?.key.use((b) => b.some((x) => x !== 0))],
      ["eap", 64, true],
    );
    assert.ok(master);
    const msk = master.key.use((b) => b.slice());
    assert.deepEqual(
      [startKey(nodeCrypto, master, 128, false), startKey(nodeCrypto, master, 128, true)],
      [msk.slice(0, 16), msk.slice(32, 48)],
      "RFC 5216 §2.3: a half for each direction",
    );
    assert.deepEqual(startKey(nodeCrypto, master, 40, true), msk.slice(32, 40));
  });
  test("a Success before the server of TLS 1.3 took us is none, and the sentence says what to do", () => {
    const { ask, end, counts, failed } = side(
      [
        ["going", hello],
        ["done", hello],
      ],
      "1.3",
    );
    ask(1, 13, 0x20);
    ask(2, 13, 0, 7);
    end(3);
    assert.deepEqual([counts().done, failed.map((f) => f.code)], [0, ["server-not-authentic"]]);
    assert.match(failed[0]?.text ?? "", /limit it to TLS 1\.2/);
  });
  test("what goes wrong is said, by the Failure that follows and without one", () => {
    for (const [state, code] of [
      ["distrust", "server-certificate"],
      ["alert", "client-certificate"],
      ["broken", "tls-failed"],
    ] as const) {
      for (const answered of [true, false]) {
        const { ask, end, failed, clock, counts } = side([
          ["going", hello],
          [state, Uint8Array.of(0x15, 3, 3)],
        ]);
        ask(1, 13, 0x20);
        assert.equal(ask(2, 13, 0, 7), "0d00150303");
        end(3);
        if (answered) end(4);
        else clock.advance(120_000);
        assert.deepEqual([failed.map((f) => f.code), counts().done], [[code], 0]);
      }
    }
  });
  test("without libssl, and with a file that is none", () => {
    for (const [made, code] of [
      [null, "no-tls"],
      ["key: is not that of the certificate", "bad-certificate"],
    ] as const) {
      const s = new EapTls({ tlsClient: () => made }, CREDENTIALS).input(START);
      assert.ok("failed" in s && s.failed.code === code && s.failed.lasting);
    }
    const s = new EapTls(null, CREDENTIALS).input(START);
    assert.ok("failed" in s && s.failed.code === "no-tls");
  });
});
