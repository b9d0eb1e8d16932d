// Two kernel planes in one process, each in a network namespace of its own (enter-netns.c), joined by a veth pair.
import type { EventLog } from "../../src/core/events.ts";
import type { DataPlane, NetPlane } from "../../src/dataplane/dataplane.ts";
import type { HostNet } from "../../src/dataplane/kernel/net.ts";
import { type KernelPlaneDeps, openKernelPlane } from "../../src/dataplane/kernel/plane.ts";
import { openUserspacePlane } from "../../src/dataplane/userspace/plane.ts";
import { nodeClock } from "../../src/runtime/node/clock.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import type { Lack, Pair, Side } from "../dataplane/contract.ts";
import { enter } from "./enter.ts";

/**
 * `x` with every call of it, and of what it gives, made in the namespace. Functions that are set on it stay as they
 * are.
 */
function within<T extends object>(x: T, go: () => void): T {
  return new Proxy(x, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value === "object" && value !== null) return within(value, go);
      if (typeof value !== "function" || String(key).startsWith("on")) return value;
      return (...args: readonly unknown[]): unknown => {
        go();
        const result: unknown = Reflect.apply(value, target, args);
        const known = result instanceof Promise || typeof result !== "object" || result === null;
        return known || Array.isArray(result) || Object.getPrototypeOf(result) === null ? result : wrapped(result, go);
      };
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}
/** Counters and the like have no functions; calls and tunnels have. */
function wrapped(result: object, go: () => void): object {
  const proto: unknown = Object.getPrototypeOf(result);
  const plain = proto === Object.prototype && !Object.values(result).some((v) => typeof v === "function");
  return plain ? result : within(result, go);
}

/** A test that fails says what was warned of. */
const log: EventLog = {
  emit: (e) => {
    if (e.kind === "daemon.warning" || e.kind === "daemon.fault") console.log(JSON.stringify(e));
  },
};
const none = (): never => {
  throw new Error("not in this test");
};
const HOST: HostNet = {
  attachLine: none,
  attachBridge: none as NetPlane["attachBridge"],
  pinHostRoute: none,
  blockRoutes: none,
  resolveOutside: none,
  pathTo: none as NetPlane["pathTo"],
  watchOutside: none,
  way: none,
  insteadTable: 27698,
};

export async function openIn(
  netns: string,
  readFile: (path: string) => string,
  options?: KernelPlaneDeps["options"],
): Promise<DataPlane> {
  const native = loadNative();
  enter(native, netns);
  const deps = { native, clock: nodeClock, crypto: nodeCrypto, log, host: HOST, readFile };
  const plane = await openKernelPlane(options ? { ...deps, options } : deps);
  return within<DataPlane>(plane, () => enter(native, netns));
}

async function openUserspace(netns: string): Promise<DataPlane> {
  const native = loadNative();
  const fastPath = native.fastPath();
  if (!fastPath) throw new Error("the library has no libcrypto");
  enter(native, netns);
  const plane = await openUserspacePlane({ native, fastPath, clock: nodeClock, crypto: nodeCrypto, log });
  return within<DataPlane>(plane, () => enter(native, netns));
}

/** Until what is on its way has arrived; a guest in qemu takes longer. */
export function settle(readFile: (path: string) => string): Promise<void> {
  const ms = readFile("/proc/cmdline").includes("rig_kind=qemu") ? 1000 : 150;
  return new Promise((done) => setTimeout(done, ms));
}
export type Kind = "kernel" | "userspace";
/** A plane in namespace a, and one in b. */
export async function pairOf(
  kinds: readonly [Kind, Kind],
  addresses: readonly [string, string],
  readFile: (path: string) => string,
): Promise<Pair> {
  const ports = { ike: 500, nat: 4500 };
  const side = async (netns: string, kind: Kind, address: string): Promise<Side> => {
    const plane = await (kind === "kernel" ? openIn(netns, readFile) : openUserspace(netns));
    const lacks: readonly Lack[] = kind === "kernel" ? ["keepalives", "unknown SPIs", "same SPI"] : [];
    return { plane, ike: plane.ikePort(), address, ports, lacks };
  };
  const left = await side("a", kinds[0], addresses[0]);
  const right = await side("b", kinds[1], addresses[1]);
  return {
    a: left,
    b: right,
    settle: () => settle(readFile),
    close: async () => {
      await left.plane.close();
      await right.plane.close();
    },
  };
}
