import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

test("after noDumps there is no core file, and /proc belongs to root", () => {
  const script = `require("./dist/tuntap2.node").noDumps();
    const fs = require("fs"); console.log(/core file size\\s+0\\s+0/.test(fs.readFileSync("/proc/self/limits", "utf8")),
      fs.statSync("/proc/self/environ").uid)`;
  assert.equal(execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }).trim(), "true 0");
});
