// Where the bundle begins on QuickJS.
import { native } from "node-tuntap2";
import type { DataEngine } from "../../build.ts";
import { SystemError } from "../../core/errors.ts";
import { main } from "../../main.ts";
import { inSources } from "./positions.ts";
import { quickjsRuntime } from "./runtime.ts";
import type { Sys } from "./sys.ts";

const { host: sys } = globalThis as unknown as { host: Sys };
sys.onUncaught = (e) => {
  const text =
    e instanceof Error
      ? `${e.name}: ${e.message}\n${inSources(new Uint8Array(sys.sources), e.stack ?? "")}`
      : String(e);
  sys.out(2, `l2tpsec: ${text.trimEnd()}\n`);
  return false;
};
const open = (): DataEngine => {
  const library = native(sys.flat);
  const fastPath = library.fastPath();
  if (fastPath === null)
    throw new SystemError(
      "ENOENT",
      "libcrypto.so.3 not found",
      "install OpenSSL's library (OpenWrt: libopenssl3, Debian: libssl3)",
    );
  return { native: library, fastPath };
};
main(quickjsRuntime(sys), open).catch((e: unknown) => {
  sys.onUncaught?.(e);
  sys.exit(1);
});
