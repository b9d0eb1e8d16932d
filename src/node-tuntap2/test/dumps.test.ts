import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

test("after noDumps there is no core file, and /proc belongs to root", () => {
  const script = `require("./dist/tuntap2.node").noDumps();
    const fs = require("fs"); console.log(/core file size\\s+0\\s+0/.test(fs.readFileSync("/proc/self/limits", "utf8")),
      fs.statSync("/proc/self/environ").uid)`;
  assert.equal(execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }).trim(), "true 0");
});

test("after manyFiles the soft limit of descriptors is the hard one, or 32768", () => {
  const script = `require("./dist/tuntap2.node").manyFiles();
    const limits = require("fs").readFileSync("/proc/self/limits", "utf8");
    console.log(/open files\\s+(\\d+)\\s+(\\d+)/.exec(limits).slice(1).join(" "))`;
  const limits = (prefix: string): string =>
    execFileSync("sh", ["-c", `${prefix}; exec "$0" -e "$1"`, process.execPath, script], { encoding: "utf8" }).trim();
  const [soft, hard] = limits("ulimit -n 256").split(" ").map(Number); // of both limits
  assert.equal(soft, Math.min(32768, hard ?? 0));
});
