// A plane whose control messages are seen is the same plane: every argument goes on.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { L2tpPlane } from "../../src/dataplane/dataplane.ts";
import { Captures } from "../../src/link/captures.ts";

test("the plane behind gets every argument", () => {
  const calls: unknown[][] = [];
  const note =
    (name: string) =>
    (...a: unknown[]): void =>
      void calls.push([name, ...a]);
  const names = ["secureRemote", "openClear", "sendControl", "openTunnel"] as const;
  const plane = Object.fromEntries(names.map((n) => [n, note(n)])) as unknown as L2tpPlane;
  const outer = new Captures().around(plane) as unknown as Record<(typeof names)[number], (...a: unknown[]) => void>;
  const given = { secureRemote: [1, 2, 3], openClear: [{}, "kernel"], sendControl: [{}, {}], openTunnel: [{}] };
  for (const n of names) outer[n](...given[n]);
  assert.deepEqual(
    calls,
    names.map((n) => [n, ...given[n]]),
  );
});
