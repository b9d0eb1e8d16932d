// The bundle's entry point on Node.
import type { DataEngine } from "../../build.ts";
import { referenceFastPath } from "../../dataplane/userspace/reference.ts";
import { main } from "../../main.ts";
import { loadNative } from "./native.ts";
import { nodeRuntime } from "./runtime.ts";

process.stdout.on("error", (e: NodeJS.ErrnoException) => {
  if (e.code !== "EPIPE") throw e;
  process.exit(0); // `l2tpsec events | head`
});
const open = (): DataEngine => {
  const native = loadNative();
  // Without libcrypto in the process, the TypeScript reference does the same, more slowly.
  return {
    native,
    fastPath: native.fastPath() ?? referenceFastPath(nodeRuntime.crypto, () => nodeRuntime.clock.now()),
  };
};
main(nodeRuntime, open).catch((e: unknown) => {
  process.stderr.write(`l2tpsec: ${e instanceof Error ? (e.stack ?? e.message) : String(e)}\n`);
  process.exit(1);
});
