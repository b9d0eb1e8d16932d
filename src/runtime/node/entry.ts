// Where the bundle begins on Node.
import { main } from "../../main.ts";
import { loadNative } from "./native.ts";
import { nodeRuntime } from "./runtime.ts";

process.stdout.on("error", (e: NodeJS.ErrnoException) => {
  if (e.code !== "EPIPE") throw e;
  process.exit(0); // `l2tpsec events | head`
});
main(nodeRuntime, loadNative).catch((e: unknown) => {
  process.stderr.write(`l2tpsec: ${e instanceof Error ? (e.stack ?? e.message) : String(e)}\n`);
  process.exit(1);
});
