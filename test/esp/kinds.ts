// Both fast paths, and one packet through either.
import assert from "node:assert/strict";
import type { FastPath } from "node-tuntap2";
import { DROPS } from "node-tuntap2";
import { referenceFastPath } from "../../src/dataplane/userspace/reference.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import type { End } from "./fixture.ts";
import { get, ip4, pattern, put, wire } from "./fixture.ts";

export const lib = loadNative();
export function library(): FastPath {
  const fp = lib.fastPath();
  assert.ok(fp, "this Node exports libcrypto");
  return fp;
}
export const KINDS: readonly (readonly [string, () => FastPath])[] = [
  ["library", library],
  ["reference", () => referenceFastPath(nodeCrypto)],
];
export const SRC = [10, 0, 0, 1];
export const DST = [10, 0, 0, 2];
export const SIX = [0xfe, 0x80, ...new Array<number>(14).fill(1)];
export const drop = (fp: FastPath, name: (typeof DROPS)[number]): number => fp.drops()[DROPS.indexOf(name)] as number;

/** One packet from l to r; what r makes of it. `twist` changes the addr entry on its way. */
export function pass(
  l: End,
  r: End,
  twist: (addr: Uint8Array) => void = () => {},
  origin: Parameters<FastPath["rx"]>[0] = "udp4500",
): { kind: number; ref: number; body: Uint8Array } {
  const a = lib.ring(1);
  const b = lib.ring(1);
  put(a, 0, ip4(SRC, DST, pattern(40)));
  l.fp.tx(1, a, 1);
  wire(a, b, 1);
  twist(b.addr);
  r.fp.rx(origin, b, 1);
  return get(b, 0);
}
