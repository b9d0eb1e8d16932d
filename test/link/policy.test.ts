// The table of a link's policy: what must hold of it, whatever kind the link is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Phase, POLICY, type PolicyEvent } from "../../src/link/policy.ts";

const PHASES = [...new Set(POLICY.flatMap(([from, , , to]) => [from, to]))];
const row = (state: Phase, event: PolicyEvent) => POLICY.find(([s, e]) => s === state && e === event);
/** Something of an attempt stands. */
const STANDING: readonly Phase[] = ["trying", "up", "ending", "stopping"];

test("whoever stops a link is told, wherever it is", () => {
  for (const phase of PHASES) {
    if (phase === "stopping") continue;
    const stop = row(phase, "stop");
    assert.ok(stop, phase);
    assert.equal(stop[3], STANDING.includes(phase) ? "stopping" : "idle");
    assert.ok(stop[2].includes("unwant"), phase);
    assert.ok(stop[2].includes("finish") || row("stopping", "ended")?.[2].includes("finish"), phase);
  }
});
test("whoever starts a link has it wanted, wherever it is", () => {
  for (const phase of PHASES) {
    if (phase === "choosing" || phase === "ended") continue; // between two turns of one event
    assert.ok(row(phase, "start"), phase);
  }
});
test("an error that nobody expected leaves no wanted link without a next attempt", () => {
  for (const phase of PHASES) {
    if (phase === "idle" || phase === "stopping" || phase === "ending") continue;
    const next = row(phase, "fault")?.[3];
    assert.ok(next === "pause" || next === "ending", `${phase}: ${next}`);
  }
});
test("an attempt that ends is told once, and leaves the link idle or with a pause", () => {
  for (const phase of STANDING) {
    const ended = row(phase, "ended");
    assert.ok(ended, phase);
    assert.ok(ended[2].includes("fallen"), phase);
    const ends = ended[3] === "ended" ? (["later", "never", "fault"] as const).map((e) => row("ended", e)) : [ended];
    for (const end of ends) {
      assert.equal(end?.[2].filter((a) => a === "tellDown").length, 1);
      assert.ok(end[3] === "idle" || end[3] === "pause");
      assert.equal(end[2].includes("pause"), end[3] === "pause");
    }
  }
});
test("a backup that is not needed is told as ended once, and looks at whose turn it is", () => {
  const rest = row("ended", "rest");
  assert.deepEqual(
    [rest?.[3], rest?.[2].at(-1), rest?.[2].filter((a) => a === "tellDown").length],
    ["choosing", "choose", 1],
  );
});
test("an attempt begins in one place alone, where times of hold and waiting packets have been looked at", () => {
  const begins = POLICY.filter(([, , actions]) => actions.includes("begin"));
  assert.deepEqual(
    begins.map(([s, e]) => [s, e]),
    [["choosing", "go"]],
  );
  for (const [s, , actions, next] of POLICY) if (next === "choosing") assert.ok(actions.includes("choose"), s);
});
