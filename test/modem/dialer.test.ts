import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Secret } from "../../src/core/secret.ts";
import { ABORTS, connectSpeed } from "../../src/modem/answers.ts";
import { parseChat } from "../../src/modem/chat.ts";
import type { DialConfig } from "../../src/modem/dialer.ts";
import { operatorOf, signalOf, signalPercent } from "../../src/modem/network.ts";
import { IDENTITY, rig } from "./rig.ts";

const USER = "$" + "{username}";
const PASSWORD = "$" + "{password}";
const NAMES = { phone: "5551234", phone2: "", username: "alice", password: IDENTITY.password };
function script(text: string): DialConfig["login"] {
  const s = parseChat(text, NAMES);
  return typeof s === "string" ? assert.fail(s) : s;
}
/** A modem that does everything right. */
const good = (line: string): string | undefined => {
  if (line.startsWith("ATD")) return "\r\nCONNECT 33600/ARQ/V34/LAPM\r\n";
  return line.startsWith("AT") ? "\r\nOK\r\n" : undefined;
};
/** A modem whose SIM card says `query`, and takes no PIN. */
const pinned = (query: string) => (line: string) => {
  if (line === "AT+CPIN?") return query;
  return line.startsWith("AT+CPIN=") ? "\r\n+CME ERROR: incorrect password\r\n" : good(line);
};

describe("dialling", () => {
  for (const o of [{}, { echo: true }, { byteMs: 40 }, { echo: true, byteMs: 7 }] as const) {
    test(`init strings, dial, CONNECT: ${JSON.stringify(o)}`, () => {
      const r = rig({ init: ["ATZ", "ATQ0 V1 E1", "AT&K3"] }, good, o);
      r.dialer.start();
      r.clock.advance(10_000);
      assert.deepEqual(r.seen.failures, []);
      assert.deepEqual(r.line.sent, ["ATZ\r", "ATQ0 V1 E1\r", "AT&K3\r", "ATDT5551234\r"]);
      assert.deepEqual(
        r.seen.connected.map((c) => [c.speed, c.answer]),
        [[33600, "CONNECT 33600/ARQ/V34/LAPM"]],
      );
      assert.deepEqual(r.seen.steps, ["init 1: ATZ", "init 2: ATQ0 V1 E1", "init 3: AT&K3", "dial: ATDT5551234"]);
      assert.deepEqual(r.clock.pending(), []);
    });
  }
  test("what follows CONNECT in the same breath belongs to PPP", () => {
    const r = rig({}, (l) => (l.startsWith("ATD") ? "CONNECT\r\n~\xff}#\xc0!" : "OK\r\n"));
    r.dialer.start();
    r.clock.advance(100);
    assert.deepEqual(r.seen.connected, [{ speed: 0, answer: "CONNECT", rest: "\n~\xff}#\xc0!" }]);
  });
  for (const word of ABORTS) {
    test(`${word}: the step, what was sent, what came back`, () => {
      for (const o of [{}, { byteMs: 30, echo: true }]) {
        const r = rig(
          {},
          (l) => (l.startsWith("ATD") ? `\r\n${word}${word.startsWith("+") ? ": 30" : ""}\r\n` : good(l)),
          o,
        );
        r.dialer.start();
        r.clock.advance(5000);
        const [f, ...more] = r.seen.failures;
        assert.deepEqual(more, []);
        assert.equal(f?.layer, "modem");
        assert.match(
          f?.text ?? "",
          new RegExp(`^dial: sent "ATDT5551234", came back "${word.replace("+", "\\+")}[^"]*": \\w`),
        );
        assert.notEqual(f?.code, "modem-abort");
        assert.deepEqual(r.clock.pending(), []);
      }
    });
  }
  test("a word is a whole word at the beginning of a line", () => {
    const r = rig({}, (l) =>
      l.startsWith("ATD") ? "\r\nDIALING, NOT BUSY\r\nBUSYBODY\r\nOKAY\r\nRINGING\r\nconnect 9600\r\n" : good(l),
    );
    r.dialer.start();
    r.clock.advance(1000);
    assert.equal(r.seen.connected[0]?.speed, 9600);
  });
  test("a command that the modem does not take", () => {
    const r = rig({ init: ["ATZ", "AT&NONSENSE"] }, (l) => (l === "AT&NONSENSE" ? "\r\nERROR\r\n" : good(l)));
    r.dialer.start();
    r.clock.advance(1000);
    assert.deepEqual(r.seen.failures, [
      {
        layer: "modem",
        code: "modem-error",
        text: 'init 2: sent "AT&NONSENSE", came back "ERROR": the modem does not take the command',
      },
    ]);
    assert.ok(!r.line.sent.some((s) => s.startsWith("ATD")));
  });
  test("silence: hangs up once, tries once more, and says what it sent", () => {
    const r = rig({}, () => undefined);
    r.dialer.start();
    r.clock.advance(60_000);
    assert.deepEqual(
      r.seen.failures.map((f) => f.text),
      ['init 1: sent "ATZ", no answer within 5 s'],
    );
    assert.equal(r.seen.failures[0]?.code, "modem-silent");
    assert.deepEqual(r.line.sent, ["ATZ\r", "+++", "ATH\r", "ATZ\r"]);
    assert.deepEqual(r.line.dtr, [false, true]);
    assert.ok(r.seen.at < 20_000);
  });
  test("a modem that was still in a call is brought back", () => {
    let inCall = true;
    const r = rig({}, (l) => {
      if (l === "+++ATH" || l === "ATH") inCall = false;
      return inCall && !l.endsWith("ATH") ? undefined : good(l.replace("+++", ""));
    });
    r.dialer.start();
    r.clock.advance(30_000);
    assert.equal(r.seen.connected.length, 1);
  });
  test("nobody answers the call, and the modem keeps it to itself", () => {
    const r = rig({ connectMs: 45_000 }, (l) => (l.startsWith("ATD") ? "\r\nRINGING\r\nRINGING\r\n" : good(l)));
    r.dialer.start();
    r.clock.advance(60_000);
    assert.deepEqual(
      r.seen.failures.map((f) => f.text),
      ['dial: sent "ATDT5551234", within 45 s came back "RINGING RINGING", but not "CONNECT"'],
    );
  });
  test("any garbage: no crash, no hang, nothing held", () => {
    const byte = fc.oneof(fc.constantFrom(13, 10, 43, 126, 0x4f, 0x4b), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }),
        fc.array(byte, { maxLength: 60 }),
        (chunks, noise) => {
          const r = rig({ login: "auto" }, () => String.fromCharCode(...noise));
          r.dialer.start();
          for (const c of chunks) {
            r.dialer.input(c);
            r.clock.advance(700);
          }
          r.clock.advance(300_000);
          assert.equal(r.seen.failures.length + r.seen.connected.length, 1);
          assert.deepEqual(r.clock.pending(), []);
          for (const f of r.seen.failures) assert.match(f.text, /^[^\p{C}]{1,500}$/u);
        },
      ),
      { numRuns: 300 },
    );
  });
  test("a flood without an end of line stays bounded, and the answer behind it is found", () => {
    const r = rig({}, (l) => (l === "ATZ" ? undefined : good(l)));
    r.dialer.start();
    for (let i = 0; i < 200; i++) r.dialer.input(new Uint8Array(4096).fill(0x41));
    r.dialer.input(Uint8Array.from("\r\nOK\r\n", (c) => c.charCodeAt(0)));
    r.clock.advance(1000);
    assert.equal(r.seen.connected.length, 1);
  });
  test("stop() ends everything", () => {
    const r = rig({}, good);
    r.dialer.start();
    r.dialer.stop();
    r.clock.advance(100_000);
    assert.deepEqual([r.seen.connected, r.seen.failures, r.clock.pending()], [[], [], []]);
  });
});

describe("the carrier wire", () => {
  test("CONNECT without carrier fails after a moment of grace, unless the check is off or the wire is missing", () => {
    for (const [carrier, carrierCheck, ok] of [
      [false, true, false],
      [false, false, true],
      [null, true, true],
      [true, true, true],
    ] as const) {
      const r = rig({ carrierCheck }, good, { carrier });
      r.dialer.start();
      r.clock.advance(20_000);
      assert.equal(r.seen.connected.length, ok ? 1 : 0, `${carrier} ${carrierCheck}`);
      if (!ok) assert.match(r.seen.failures[0]?.text ?? "", /carrier wire is off/);
    }
  });
  test("a carrier before we dialled is somebody's call: hung up first", () => {
    const r = rig({}, good, { carrier: true });
    r.dialer.start();
    assert.deepEqual([r.line.dtr, r.line.sent], [[false], []]);
    r.line.carrier = false;
    r.clock.advance(1000);
    assert.deepEqual([r.line.dtr, r.line.sent[0]], [[false, true], "ATZ\r"]);
  });
});

describe("mobile networks", () => {
  const cfg: Partial<DialConfig> = { init: ["ATZ", "ATE0"], pin: Secret.of("4711"), apn: "internet", phone: "*99#" };
  test("PIN is given once, the access point is set, *99# is dialled", () => {
    const r = rig(cfg, (l) => (l === "AT+CPIN?" ? "\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n" : good(l)), { echo: true });
    r.dialer.start();
    r.clock.advance(5000);
    assert.equal(
      r.line.sent.join(""),
      'ATZ\rAT+CPIN?\rAT+CPIN=4711\rATE0\rAT+CGDCONT=1,"IP","internet"\rAT+CSQ\rAT+COPS?\rATDT*99#\r',
    );
    assert.deepEqual(r.seen.network, [{ signal: null, operator: null }], "answered with OK alone");
    assert.equal(r.seen.connected.length, 1);
    assert.ok(!JSON.stringify(r.seen).includes("4711"), "the PIN is starred, also in its echo");
    assert.ok(r.seen.steps.includes("pin: AT+CPIN=***"));
    assert.deepEqual(r.seen.pins, [false, true], "given, and right");
  });
  test("signal and operator, where the modem tells; without an access point it is not asked", () => {
    const said: Record<string, string> = { "AT+CSQ": "+CSQ: 23,99", "AT+COPS?": '+COPS: 0,0,"Net\u001b[31m work",7' };
    const r = rig({ ...cfg, pin: null }, (l) => (said[l] === undefined ? good(l) : `\r\n${said[l]}\r\n\r\nOK\r\n`), {
      byteMs: 3,
    });
    r.dialer.start();
    r.clock.advance(10_000);
    assert.deepEqual([r.seen.network, r.seen.connected.length], [[{ signal: -67, operator: "Net [31m work" }], 1]);
    const plain = rig({}, good);
    plain.dialer.start();
    plain.clock.advance(5000);
    assert.ok(!plain.line.sent.join("").includes("CSQ") && plain.seen.network.length === 0);
  });
  for (const [what, reply] of [
    ["refused", "\r\nERROR\r\n"],
    ["not answered", undefined],
    ["answered with nonsense", "\r\n+CSQ: x\r\n+COPS: 0\r\nOK\r\n"],
  ] as const) {
    test(`the questions are ${what}: it dials all the same`, () => {
      const r = rig({ ...cfg, pin: null }, (l) => (l === "AT+CSQ" || l === "AT+COPS?" ? reply : good(l)));
      r.dialer.start();
      r.clock.advance(10_000);
      assert.deepEqual(
        [r.seen.network, r.seen.connected.length, r.clock.pending()],
        [[{ signal: null, operator: null }], 1, []],
      );
    });
  }
  test("what +CSQ and +COPS? say", () => {
    assert.deepEqual(["+CSQ: 0,0", "+CSQ: 31,99", "+CSQ:5", "+CSQ: 99,99", "+CSQ: 199,0", "OK"].map(signalOf), [
      -113,
      -51,
      -103,
      null,
      null,
      null,
    ]);
    assert.deepEqual([-113, -51, -67].map(signalPercent), [0, 100, 74]);
    assert.deepEqual(['+COPS: 0,0,"A b",2', "+COPS: 0", '+COPS: 0,2,"26201"', '+COPS: 0,0,""', "x"].map(operatorOf), [
      "A b",
      null,
      "26201",
      null,
      null,
    ]);
  });
  test("a card without a PIN, a locked one, a wrong PIN", () => {
    const ready = rig(cfg, (l) => (l === "AT+CPIN?" ? "\r\n+CPIN: READY\r\n\r\nOK\r\n" : good(l)));
    ready.dialer.start();
    ready.clock.advance(5000);
    assert.ok(ready.seen.connected.length === 1 && !ready.line.sent.join("").includes("4711"));
    for (const [said, code] of [
      ["+CPIN: SIM PUK", "sim-locked"],
      ["+CPIN: SIM PIN", "pin-refused"],
    ] as const) {
      const r = rig(cfg, pinned(`\r\n${said}\r\n`));
      r.dialer.start();
      r.clock.advance(60_000);
      assert.deepEqual(
        r.seen.failures.map((f) => [f.code, f.lasting]),
        [[code, true]],
      );
      assert.ok(r.line.sent.filter((s) => s.includes("4711")).length <= 1);
      assert.ok(!JSON.stringify(r.seen).includes("4711"));
    }
  });
  test("an OK of the PIN query that comes late is no answer to the PIN", () => {
    const r = rig({ ...cfg, init: [], apn: null }, pinned("\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"));
    r.dialer.start();
    r.clock.advance(60_000);
    assert.deepEqual(
      r.seen.failures.map((f) => f.code),
      ["pin-refused"],
    );
  });
});

describe("login", () => {
  test("auto: user and password prompts, then PPP is recognised", () => {
    const r = rig(
      { login: "auto" },
      (l) => {
        if (l === "alice") return "alice\r\nPassword: ";
        if (l === "w0nderland") return "\r\nEntering PPP mode.\r\n~\xff}#\xc0!}!";
        return l.startsWith("ATD") ? "\r\nCONNECT 9600\r\nWelcome to the NAS\r\n\r\nlogin: " : good(l);
      },
      { byteMs: 3 },
    );
    r.dialer.start();
    r.clock.advance(20_000);
    assert.deepEqual(r.seen.failures, []);
    assert.equal(r.seen.connected[0]?.rest, "~\xff}#");
    assert.ok(!JSON.stringify([r.seen.steps, r.seen.answers]).includes("w0nderland"));
  });
  test("auto: silence means PPP, after five seconds", () => {
    const r = rig({ login: "auto" }, good);
    r.dialer.start();
    r.clock.advance(4900);
    assert.equal(r.seen.connected.length, 0);
    r.clock.advance(200);
    assert.equal(r.seen.connected.length, 1);
  });
  test("auto: refused, asked without an identity, asked for ever, carrier lost", () => {
    const nas = (after: string) => (l: string) => {
      if (l.startsWith("ATD")) return "CONNECT\r\nlogin: ";
      return l.startsWith("AT") ? "OK\r\n" : after;
    };
    for (const [over, after, code] of [
      [{}, "\r\nLogin incorrect\r\n", "login-refused"],
      [{ identity: null }, "", "login-asked"],
      [{}, "\r\nlogin: ", "login-refused"],
      [{}, "\r\nNO CARRIER\r\n", "no-carrier"],
    ] as const) {
      const r = rig({ login: "auto", ...over }, nas(after));
      r.dialer.start();
      r.clock.advance(120_000);
      assert.deepEqual(
        r.seen.failures.map((f) => f.code),
        [code],
      );
      assert.ok(r.line.sent.length < 20);
    }
  });
  test("a chat script, with a sub-expect, a pause and secrets", () => {
    const r = rig(
      {
        login: script(
          `ABORT NO\\sCARRIER TIMEOUT 3 ogin:-\\c-ogin: ${USER} ssword: ${PASSWORD} '>' \\d\\qppp\\ssecret\\q`,
        ),
      },
      (l) => {
        if (l === "") return undefined;
        if (l === "alice") return "password: ";
        if (l === "w0nderland") return "\r\nnas> ";
        return l.startsWith("ATD") ? "CONNECT\r\nlogin: " : good(l);
      },
    );
    r.dialer.start();
    r.clock.advance(20_000);
    assert.deepEqual(r.seen.failures, []);
    assert.equal(r.seen.connected.length, 1);
    assert.equal(r.line.sent.slice(2).join(""), "alice\rw0nderland\rppp secret\r");
    assert.ok(!/w0nderland|ppp secret/.test(JSON.stringify(r.seen)));
  });
  test("a wrong script names the step, what it waits for and what came", () => {
    const r = rig({ login: script(`TIMEOUT 7 Username: ${USER}`) }, (l) =>
      l.startsWith("ATD") ? 'CONNECT\r\nlogin:\x1b[1m"\r\n' : good(l),
    );
    r.dialer.start();
    r.clock.advance(20_000);
    assert.deepEqual(r.seen.failures, [
      {
        layer: "modem",
        code: "modem-timeout",
        text: 'chat, waiting for "Username:": sent nothing, within 7 s came back "login: [1m\'", but not "Username:"',
      },
    ]);
  });
  test("without a number nothing is dialled: init strings and the script alone", () => {
    const r = rig({ phone: null, init: [], login: script("'' CLIENT CLIENTSERVER \\c") }, (l) =>
      l === "CLIENT" ? "CLIENTSERVER" : undefined,
    );
    r.dialer.start();
    r.clock.advance(1000);
    assert.deepEqual([r.line.sent, r.seen.connected.length], [["CLIENT", "\r"], 1]);
    const bare = rig({ phone: null, init: [], login: "none" }, () => undefined);
    bare.dialer.start();
    assert.deepEqual([bare.line.sent, bare.seen.connected.length], [[], 1]);
  });
});

test("the speed behind CONNECT", () => {
  for (const [line, speed] of [
    ["CONNECT", 0],
    ["CONNECT 33600", 33600],
    ["CONNECT 115200/ARQ/V90/LAPM/V42BIS", 115200],
    ["connect 9600", 9600],
    ["CONNECT FAST", 0],
    ["CONNECT V34 28800", 28800],
    ["CONNECT 99999999999999", 0],
  ] as const)
    assert.equal(connectSpeed(line), speed, line);
});
