// A server on a machine with little memory: what is too much is refused, and nobody who is up falls.
import assert from "node:assert/strict";
import { Callers, crowdOf } from "../bench/crowd.ts";
import { type Lab, RUNTIME, scenario, sleep, until } from "./harness.ts";

const MB = 1 << 20;
const MANY = 600;
/** Half of it is TypeScript's: 16 MB, room for two or three hundred sessions. */
const LIMIT = ["prlimit", `--data=${32 * MB}`];

if (RUNTIME === "qjs")
  scenario(
    `memory for less than ${MANY} sessions: the rest are refused, and what is up stays up`,
    { timeout: 180_000, needs: ["daemon", "prlimit"] },
    async (lab: Lab) => {
      const { a, server } = await crowdOf(lab, MANY);
      await server.start(undefined, LIMIT);
      const callers = await Callers.start(a, MANY, 16);
      await server.proc.line(/daemon\.warning.*memory is short/, 120_000);
      const up = (): number => callers.told?.up ?? 0;
      const before = up();
      assert.ok(before > 100 && before < MANY, `${before} sessions`);
      await sleep(20_000); // the others go on calling
      assert.ok(server.proc.running, "it lives");
      assert.equal(callers.told?.downs, 0, `nobody fell: ${callers.told?.failures.join("; ")}`);
      assert.ok(up() >= before && up() < MANY);
      const s = await server.serverStatus("lns");
      assert.equal(s.sessions.length, up());
      assert.ok((s.drops["memory.refused"] ?? 0) > 0, JSON.stringify(s.drops));
      await callers.stop();
      // Who leaves makes room.
      const again = await Callers.start(a, 50, 16, "10.51");
      await until("50 sessions", 60_000, () => again.told?.up === 50).catch((e: unknown) =>
        assert.fail(`${String(e)} ${JSON.stringify(again.told)}`),
      );
      assert.equal((await server.stop()).code, 0);
    },
  );
