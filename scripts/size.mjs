// The size budgets: the bundle at most 672 KB minified, the executable at most 1.1 MiB stripped.
import { existsSync, readdirSync, statSync } from "node:fs";

const BUDGET = { "l2tpsec.cjs": 672 * 1024, l2tpsec: Math.floor(1.1 * 1024 * 1024) };
let failed = false;
for (const f of existsSync("dist") ? readdirSync("dist") : []) {
  const n = statSync(`dist/${f}`).size;
  const budget = BUDGET[f] ?? Infinity;
  if (n > budget) failed = true;
  console.log(
    `dist/${f}: ${n} bytes${budget === Infinity ? "" : ` of ${budget}${n > budget ? ": over the budget" : ""}`}`,
  );
}
process.exit(failed ? 1 : 0);
