// What comes from a serial line: any bytes into the deframer, compared with the slow one; any answers into a dialogue
// with a modem.
import assert from "node:assert/strict";
import { utf8 } from "../../src/core/text.ts";
import { HdlcDecoder } from "../../src/hdlc/decode.ts";
import { parseChat } from "../../src/modem/chat.ts";
import { slowDecode, slowEncode } from "../hdlc/slow.ts";
import { IDENTITY, rig } from "../modem/rig.ts";

const LIMIT = 1508;
const ACCMS = [0, 0xffff_ffff, 0x000a_0000, 1];

/** The first byte: character map and FCS; the second: where the rest is cut in two. */
function frames(bytes: Uint8Array): void {
  const [mode = 0, cut = 0] = bytes;
  const accm = ACCMS[mode & 3] as number;
  const fcs = mode & 4 ? 32 : 16;
  const line = bytes.subarray(2);
  const got: number[][] = [];
  const decoder = new HdlcDecoder(1500, (p) => void got.push([...p.view()]), fcs);
  decoder.configure(accm);
  decoder.push(line.subarray(0, cut));
  decoder.push(line.subarray(cut));
  const want = slowDecode([...line], accm, fcs, LIMIT);
  assert.deepEqual(got, want.frames);
  const drops = ["fcs", "abort", "runt", "giant"].map((n) => decoder.drops()[`hdlc.${n}`] ?? 0);
  assert.deepEqual(drops, [want.fcs, want.abort, want.runt, want.giant]);
}

const scripts = ["ABORT BUSY TIMEOUT 3 ogin:--ogin: me word: \\qpw", "'' ppp"].map((s) =>
  parseChat(s, { phone: "1", phone2: "", username: "", password: null }),
);
/** The first byte: how to log in. Then answers, each behind its length, to one line after the other. */
function answers(bytes: Uint8Array): void {
  const script = scripts[(bytes[0] ?? 0) & 1] ?? [];
  const own = typeof script === "string" ? "none" : script;
  const login = (bytes[0] ?? 0) & 2 ? "auto" : own;
  let at = 1;
  const next = (): string => {
    const n = bytes[at] ?? 0;
    const text = String.fromCharCode(...bytes.subarray(at + 1, at + 1 + n));
    at += 1 + n;
    return text;
  };
  const r = rig({ login, apn: "internet", pin: IDENTITY.password }, () => next());
  r.dialer.start();
  r.clock.advance(600_000);
  assert.equal(r.seen.failures.length + r.seen.connected.length, 1, "one end");
  assert.deepEqual(r.clock.pending(), []);
  assert.ok(r.line.sent.length < 60, "answers out of proportion");
  assert.ok(
    !JSON.stringify([r.seen.steps, r.seen.answers, r.seen.failures]).includes("w0nderland"),
    "a secret is shown",
  );
}

const seed = (first: number, lines: readonly string[]): Uint8Array =>
  Uint8Array.from([first, ...lines.flatMap((l) => [l.length, ...utf8(l)])]);
const LCP = [0xff, 3, 0xc0, 0x21, 1, 1, 0, 4];
export const targets = [
  {
    name: "hdlc",
    seeds: [0, 1, 2, 3, 4, 5, 6, 7].map((m) =>
      Uint8Array.from([
        m,
        20,
        ...slowEncode(LCP, 0xffff_ffff, 16),
        ...slowEncode([0x21, 0x45, 0x7e, 0x7d, 0x11], ACCMS[m & 3] as number, m & 4 ? 32 : 16),
        0x7d,
        0x7e,
        1,
        0x7e,
      ]),
    ),
    run: frames,
  },
  {
    name: "modem",
    seeds: [0, 1, 2, 3].map((m) =>
      seed(m, [
        "ATZ\r\r\nOK\r\n",
        "\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n",
        "AT+CPIN=w0nderland\r\r\nOK\r\n",
        "OK\r\n",
        "RINGING\r\nCONNECT 33600\r\nlogin: ",
        "Password:",
        "\r\n~\xff}#",
      ]),
    ),
    run: answers,
  },
];
