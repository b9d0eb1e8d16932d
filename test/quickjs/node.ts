// What the unit tests use of Node beyond node:test and node:assert, on the host of the router's engine.
import { Buffer } from "buffer/index.js";
import { type Native, native } from "node-tuntap2";
import type { Timer } from "../../src/core/clock.ts";
import { quickjsClock } from "../../src/runtime/quickjs/clock.ts";
import { nativeCrypto } from "../../src/runtime/quickjs/crypto.ts";
import type { Sys } from "../../src/runtime/quickjs/sys.ts";

const { host: sys } = globalThis as unknown as { host: Sys };
/** Listings made at build time: the host has none. */
declare const FOLDERS: Readonly<Record<string, readonly string[]>>;

const clock = quickjsClock(sys);
const later = (f: () => void, ms = 0): Timer => {
  const t = clock.timer("test", f);
  t.arm(ms);
  return t;
};
class TextDecoder {
  decode(b: Uint8Array): string {
    return Buffer.from(b).toString();
  }
}
class TextEncoder {
  encode(s: string): Uint8Array {
    return new Uint8Array(Buffer.from(s));
  }
}
Object.assign(globalThis, {
  Buffer,
  TextEncoder,
  TextDecoder,
  setImmediate: (f: () => void) => later(f),
  setTimeout: later,
  clearTimeout: (t: Timer | undefined) => t?.disarm(),
  process: { env: { FC_SEED: sys.env("FC_SEED"), FC_PART: sys.env("FC_PART") }, cwd: () => "." },
  console: { log: (...x: unknown[]) => sys.out(1, `# ${x.join(" ")}\n`) },
});

export const nodeClock = clock;
export const nodeCrypto = nativeCrypto(sys.flat);
export const loadFlat = (): typeof sys.flat => sys.flat;
export const loadNative = (): Native => native(sys.flat);

export function readFileSync(path: string): string {
  return Buffer.from(sys.readFile(path)).toString();
}
export function readdirSync(path: string): readonly string[] {
  const all = FOLDERS[path];
  if (all === undefined) throw new Error(`${path} was not listed when the tests were built`);
  return all;
}
/** Everything that a dump could show: own properties, hidden ones too. */
export function inspect(x: unknown, _?: object, seen: Set<unknown> = new Set()): string {
  if (typeof x !== "object" || x === null || seen.has(x)) return String(x);
  seen.add(x);
  return `{${Reflect.ownKeys(x)
    .map((k) => `${String(k)}: ${inspect((x as Record<string | symbol, unknown>)[k], _, seen)}`)
    .join(", ")}}`;
}
