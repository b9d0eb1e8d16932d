// How a process begins, on both engines: its descriptors, what it may open, and what comes before it reads secrets.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { SystemError } from "../../src/core/errors.ts";
import { main } from "../../src/main.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import { nodeRuntime } from "../../src/runtime/node/runtime.ts";

const PROGRAMS: readonly (readonly [string, readonly string[]])[] = [
  ["node", [process.execPath, "dist/l2tpsec.cjs"]],
  ["quickjs", ["dist/l2tpsec"]],
];
const here = ([command]: readonly string[]): { skip: string | false } => ({
  skip: existsSync(command ?? "") ? false : `no ${command}`,
});
function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "l2tpsec-start-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

for (const [name, words] of PROGRAMS) {
  test(
    `${name}: started without descriptors 0 to 2 it puts /dev/null there, and no socket of its own`,
    here(words),
    async (t) => {
      const path = join(folder(t), "control.sock");
      const server = createServer();
      const connected = new Promise<void>((resolve) => server.once("connection", () => resolve()));
      await new Promise<void>((resolve) => server.listen(path, resolve));
      const child = spawn("sh", ["-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", ...words, "status", "--socket", path], {
        stdio: "ignore",
      });
      try {
        const late = new Promise<never>((_, reject) =>
          setTimeout(() => reject(new Error("it did not connect within 20 s")), 20_000).unref(),
        );
        await Promise.race([connected, late]);
        assert.deepEqual(
          [0, 1, 2].map((fd) => readlinkSync(`/proc/${child.pid}/fd/${fd}`)),
          ["/dev/null", "/dev/null", "/dev/null"],
        );
      } finally {
        child.kill("SIGKILL");
        server.close();
      }
    },
  );

  test(`${name}: a configuration that is a FIFO or a device is refused, not waited for`, here(words), (t) => {
    const dir = folder(t);
    execFileSync("mkfifo", [`${dir}/fifo`]);
    for (const [path, why] of [
      [`${dir}/fifo`, /not a regular file/],
      ["/dev/zero", /not a regular file/],
      [dir, /directory/],
    ] as const) {
      const r = spawnSync(words[0] as string, [...words.slice(1), "check", "--config", path], {
        encoding: "utf8",
        timeout: 10_000,
      });
      assert.match(r.stderr, why);
      assert.equal(r.status, 2);
    }
  });
}

test("node: a fault of the configuration is exit 2 also where the native library does not load", (t) => {
  const file = join(folder(t), "bad.conf");
  writeFileSync(file, "[interface hq]\nproto = nonsense\n");
  for (const command of ["run", "check"]) {
    const r = spawnSync(process.execPath, ["dist/l2tpsec.cjs", command, "--config", file], {
      encoding: "utf8",
      env: { ...process.env, L2TPSEC_NATIVE: "/nonexistent.node" },
    });
    assert.equal(r.status, 2, r.stderr);
    assert.match(r.stderr, /bad\.conf:2 /);
  }
});

for (const command of ["run", "check"]) {
  test(`${command}: no dumps before the first secret is read`, async () => {
    const order: string[] = [];
    const rt: Runtime = {
      ...nodeRuntime,
      argv: [command, "--config", "/some/file"],
      noDumps: () => void order.push("no dumps"),
      host: {
        ...nodeRuntime.host,
        readFile: () => {
          order.push("read");
          throw new SystemError("ENOENT", "cannot read it", "");
        },
      },
      stderr: () => {},
      exit: (code) => void order.push(`exit ${code}`),
    };
    await main(rt, () => assert.fail("not before the configuration is good"));
    assert.deepEqual(order, ["no dumps", "read", "exit 2"]);
  });
}
