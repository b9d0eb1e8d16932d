// The size budget: the bundle at most 400 KB minified.
import { existsSync, readdirSync, statSync } from "node:fs";

const BUDGET = 400 * 1024;
let failed = false;
for (const f of existsSync("dist") ? readdirSync("dist") : []) {
  const n = statSync(`dist/${f}`).size;
  const over = f === "l2tpsec.cjs" && n > BUDGET;
  if (over) failed = true;
  console.log(`dist/${f}: ${n} bytes${f === "l2tpsec.cjs" ? ` of ${BUDGET}${over ? ": over the budget" : ""}` : ""}`);
}
process.exit(failed ? 1 : 0);
