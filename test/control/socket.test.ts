// Who may ask the daemon: its owner alone.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nodeStreams } from "../../src/runtime/node/streams.ts";

test("TCP to elsewhere: open, bytes both ways, one end; and why it never opened", async () => {
  const server = createServer((s) => s.on("data", (d) => s.end(d)));
  await new Promise<void>((r) => server.listen(0, "127.0.0.1", r));
  const at = server.address();
  const port = typeof at === "object" && at ? at.port : 0;
  const meet = (to: number): Promise<string[]> =>
    new Promise((done) => {
      const log: string[] = [];
      const c = nodeStreams.dial(
        { address: "127.0.0.1", port: to },
        {
          open: () => {
            log.push("open");
            c.send(new Uint8Array(5));
          },
          data: (d) => void log.push(`data ${d.length}`),
          end: (errno) => done([...log, `end ${errno}`]),
        },
      );
    });
  assert.deepEqual(await meet(port), ["open", "data 5", "end "]);
  const silent = nodeStreams.dial(
    { address: "127.0.0.1", port },
    { open: () => assert.fail("open"), data: () => assert.fail("data"), end: () => assert.fail("end") },
  );
  silent.close();
  await new Promise((r) => server.close(r));
  assert.deepEqual(await meet(port), ["end ECONNREFUSED"]);
});

test("the control socket is for its owner alone, whatever the umask", async () => {
  const dir = mkdtempSync(join(tmpdir(), "l2tpsec-"));
  const before = process.umask(0);
  try {
    const path = join(dir, "control");
    const server = await nodeStreams.listen(path, () => {});
    assert.equal(statSync(path).mode & 0o777, 0o600);
    server.close();
  } finally {
    process.umask(before);
    rmSync(dir, { recursive: true });
  }
});
