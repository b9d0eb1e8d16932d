import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Secret } from "../../src/core/secret.ts";
import { type ChatItem, parseChat } from "../../src/modem/chat.ts";
import { Conversation, latin1, type Piece } from "../../src/modem/conversation.ts";

const USER = "$" + "{username}";
const PASSWORD = "$" + "{password}";
const NAMES = { phone: "123", phone2: "456", username: "bob", password: Secret.of("hunter2") };
const parse = (s: string): readonly ChatItem[] => {
  const r = parseChat(s, NAMES);
  return typeof r === "string" ? assert.fail(r) : r;
};
const plain = (send: readonly Piece[]): string =>
  send
    .map((p) => {
      if (p.is === "bytes") return latin1(p.bytes);
      if (p.is === "secret") return `{${p.secret.use(latin1)}}`;
      return p.is === "pause" ? `<${p.ms}>` : "<break>";
    })
    .join("");
const sends = (s: string): string => {
  const item = parse(`'' ${s}`)[1];
  return item?.is === "send" ? plain(item.send) : assert.fail("nothing to send");
};

describe("chat(8) scripts", () => {
  test("what is sent: every escape", () => {
    for (const [word, out] of [
      ["ATZ", "ATZ\r"],
      ["ATZ\\c", "ATZ"],
      ["''", "\r"],
      ["\\d\\p\\pAT", "<1000><100><100>AT\r"],
      ["\\K\\c", "<break>"],
      ["a\\nb\\rc\\td\\se\\bf\\Ng", "a\nb\rc\td e\bf\0g\r"],
      ["\\101\\12\\0", "A\n\0\r"],
      ["ATDT\\T,\\U", "ATDT123,456\r"],
      ["^C^M\\c", "\x03\r"],
      ["EOT", "\x04"],
      ["BREAK", "<break>"],
      ["\\\\x\\-", "\\x-\r"],
      ["a\\qb\\qc", "a{b}c\r"],
      ['"two words"', "two words\r"],
      [`${USER}:${PASSWORD}`, "bob:{hunter2}\r"],
      ["'it\\'s'", "it's\r"],
    ] as const)
      assert.equal(sends(word), out, word);
  });
  test("what is waited for: escapes, sub-expects, quotes", () => {
    const [e] = parse("ogin:\\s-\\r\\c-ogin\\s-BREAK-x\\-y ok");
    assert.ok(e?.is === "expect");
    assert.deepEqual(
      e.tries.map((t) => [t.expect, t.then && plain(t.then)]),
      [
        ["ogin: ", "\r"],
        ["ogin ", "<break>"],
        ["x-y", null],
      ],
    );
    const two = parse("ogin:--ogin: me")[0];
    assert.deepEqual(two?.is === "expect" && two.tries.map((t) => [t.expect, t.then && plain(t.then)]), [
      ["ogin:", "\r"],
      ["ogin:", null],
    ]);
  });
  test("directives", () => {
    assert.deepEqual(
      parse("ABORT NO\\sCARRIER TIMEOUT 12 SAY hello ECHO ON HANGUP OFF REPORT CONNECT TIMEOUT 0 CLR_ABORT BUSY"),
      [
        { is: "abort", text: "NO CARRIER" },
        { is: "timeout", seconds: 12 },
        { is: "timeout", seconds: 45 },
        { is: "clear-abort", text: "BUSY" },
      ],
    );
  });
  test("what cannot be meant is said in words", () => {
    for (const [s, why] of [
      ["@/etc/ppp/chat", /names a file/],
      ["ABORT", /last word/],
      ["TIMEOUT soon", /no number/],
      ["'open", /no second '/],
      ["login\\d: x", /only makes sense/],
      ["ABORT ''", /cannot be waited/],
    ] as const) {
      const r = parseChat(s, NAMES);
      assert.ok(typeof r === "string" && why.test(r), `${s}: ${JSON.stringify(r)}`);
    }
    assert.match(String(parseChat(`x ${PASSWORD}`, { ...NAMES, password: null })), /there is none/);
  });
  test("any text: items or a sentence", () => {
    const ch = fc.constantFrom(..."\\\\'\"-^@ \t\nabcdqKTU0179$}{EOT".split(""), "ABORT ", "TIMEOUT ", PASSWORD);
    fc.assert(
      fc.property(
        fc.array(ch, { maxLength: 40 }).map((a) => a.join("")),
        (s) => {
          const r = parseChat(s, NAMES);
          if (typeof r === "string") assert.ok(r.length > 0);
          else for (const i of r) if (i.is === "send") assert.ok(!Conversation.shown(i.send).includes("hunter2"));
        },
      ),
      { numRuns: 3000 },
    );
  });
});
