import assert from "node:assert/strict";
import { test } from "node:test";
import {
  errnoCode,
  type Failure,
  failure,
  failureCodes,
  failureOf,
  failuresOf,
  TITLES,
} from "../../src/core/failures.ts";

test("a code says its layer and whether it is lasting; where it does not, the caller must", () => {
  assert.deepEqual(failure("stopped", "x"), { layer: "config", code: "stopped", text: "x" });
  assert.deepEqual(failure("id-mismatch", "x"), { layer: "ike", code: "id-mismatch", text: "x", lasting: true });
  const encryption = { layer: "ppp", code: "no-encryption", text: "x" };
  assert.deepEqual(failure("no-encryption", "x", true), { ...encryption, lasting: true });
  assert.deepEqual(failure("no-encryption", "x", false), encryption);
  assert.deepEqual(failuresOf("ike")("no-answer", "x"), { layer: "ike", code: "no-answer", text: "x" });
  assert.deepEqual(failuresOf("modem")("no-answer", "x"), { layer: "modem", code: "no-answer", text: "x" });
  assert.deepEqual(failureOf("config", "no-address", "x", false), { layer: "config", code: "no-address", text: "x" });
});
test("what the table does not have does not compile", () => {
  const wrong = (why: Failure): readonly unknown[] => [
    // @ts-expect-error: no such code
    failure("no-such-code", "x"),
    // @ts-expect-error: two layers use it
    failure("no-answer", "x"),
    // @ts-expect-error: another layer's
    failuresOf("ike")("busy", "x"),
    // @ts-expect-error: lasting or not?
    failuresOf("ppp")("no-encryption", "x"),
    // @ts-expect-error: always lasting
    failure("id-mismatch", "x", false),
    // @ts-expect-error: never true
    why.code === "peer-delete",
  ];
  assert.equal(typeof wrong, "function");
});
test("an errno that is known is a code; any other is the system's", () => {
  assert.deepEqual(["EBUSY", "ENOENT"].map(errnoCode), ["ebusy", "enoent"]);
  for (const e of ["EAI_AGAIN", "EXDEV", "EXPIRED", "ended", "NAME", ""]) assert.equal(errnoCode(e), "system", e);
});
test("words are one line each, without a full stop", () => {
  for (const c of failureCodes()) assert.match(TITLES[c], /^[A-Z][^\n]*[^.]$/, c);
});
