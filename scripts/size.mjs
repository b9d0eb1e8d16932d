// The size budgets: the bundle at most 832 KB minified, the executable at most 840 KiB stripped, its package 570 KB.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { daemonIpk, executable } from "./ipk.mjs";

const BUDGET = { "l2tpsec.cjs": 832 * 1024, l2tpsec: 840 * 1024 };
let failed = false;
for (const f of existsSync("dist") ? readdirSync("dist") : []) {
  const n = statSync(`dist/${f}`).size;
  const budget = BUDGET[f] ?? Infinity;
  if (n > budget) failed = true;
  console.log(
    `dist/${f}: ${n} bytes${budget === Infinity ? "" : ` of ${budget}${n > budget ? ": over the budget" : ""}`}`,
  );
}
const exe = executable();
if (exe.why === undefined) {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  const n = daemonIpk(exe, version).length;
  if (n > 570_000) failed = true;
  console.log(`its .ipk: ${n} bytes of 570000${n > 570_000 ? ": over the budget" : ""}`);
}
process.exit(failed ? 1 : 0);
