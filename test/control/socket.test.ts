// Who may ask the daemon: its owner alone.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nodeStreams } from "../../src/runtime/node/streams.ts";

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
