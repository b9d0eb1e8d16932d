import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadNative } from "../../runtime/node/native.ts";

test("one process holds the lock of its network namespace; it ends with the process, and its file may go", async () => {
  const dir = mkdtempSync(join(tmpdir(), "lock-"));
  const prefix = join(dir, "l2tpsec");
  const native = loadNative();
  try {
    const script =
      `process.stdout.write(String(require("./dist/tuntap2.node").lockOpen(${JSON.stringify(prefix)}, new ` +
      "Uint8Array(160), new Uint8Array(4)) >= 0)); setInterval(() => {}, 1000);";
    const other = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    assert.equal(String((await once(other.stdout, "data"))[0]), "true");
    const name = `l2tpsec.${statSync("/proc/self/ns/net").ino}.lock`;
    assert.deepEqual(readdirSync(dir), [name], "named by the namespace");
    assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600);
    assert.deepEqual(native.lockOpen(prefix), { fd: -1, path: "", holder: other.pid });
    assert.deepEqual(native.lockOpen(prefix), { fd: -1, path: "", holder: other.pid }, "asking does not end it");
    other.kill("SIGKILL");
    await once(other, "exit");
    const mine = native.lockOpen(prefix);
    assert.ok(mine.fd >= 0);
    assert.equal(mine.path, join(dir, name));
    unlinkSync(mine.path);
    native.close(mine.fd);
    // What stands in the file's place and is not ours is neither followed nor waited for.
    symlinkSync("/etc/passwd", mine.path);
    assert.throws(() => native.lockOpen(prefix), { code: "ELOOP" });
    unlinkSync(mine.path);
    writeFileSync(join(dir, "f"), "");
    assert.throws(() => native.lockOpen(join(dir, "f", "x")), { code: "ENOTDIR" });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
