// Another network namespace for this process: enter-netns.c does it.
import type { Native } from "node-tuntap2";

/** Moves this process into a namespace that `ip netns add` made. Throws when there is none, or no shim. */
export function enter(native: Native, netns: string): void {
  try {
    native.lockOpen(`/run/enter-netns/${netns}`);
  } catch (e) {
    if (e instanceof Error && "code" in e && e.code === "ENOENT") return;
    throw e;
  }
  throw new Error("enter-netns.so is not loaded");
}
