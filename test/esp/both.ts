// The library and the reference side by side, and what became of their packets.
import assert from "node:assert/strict";
import { after } from "node:test";
import type { FastPath, Ring } from "node-tuntap2";
import { ADDR, DROPS, Kind } from "node-tuntap2";
import { referenceFastPath } from "../../src/dataplane/userspace/reference.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import type { End } from "./fixture.ts";
import { get } from "./fixture.ts";

export const lib = loadNative();
export const open: FastPath[] = [];
after(() => {
  for (const fp of open) fp.close();
});
export function library(): FastPath {
  const fp = lib.fastPath();
  assert.ok(fp, "this Node exports libcrypto");
  open.push(fp);
  return fp;
}
export const reference = (): FastPath => referenceFastPath(nodeCrypto);

export const ORIGIN = { udp: "udp4500", esp: "raw50", clear: "udp1701" } as const;
export const SRC = [10, 0, 0, 1];
export const DST = [10, 0, 0, 2];
export const SRC6 = [0xfe, 0x80, ...new Array<number>(13).fill(0), 1];
export const DST6 = [0xfe, 0x80, ...new Array<number>(13).fill(0), 2];

/** Counted drops by name, zeroes left out. */
export function drops(fp: FastPath): Record<string, number> {
  const n = fp.drops();
  return Object.fromEntries(DROPS.map((d, i) => [d, n[i] as number] as const).filter(([, v]) => v > 0));
}
export function handleName(e: End, kind: number, ref: number): string {
  if (kind === Kind.tun) return `dev ${ref}`;
  if (ref === 0) return "none";
  if (kind === Kind.upL2tp) return ref === e.flow ? "flow" : "?";
  return ref === e.call ? "call" : "?";
}
/** What became of slot i, with handles by name. */
export function verdict(e: End, ring: Ring, i: number): unknown {
  const { body, kind, ref } = get(ring, i);
  if (body.length === 0) return "dropped";
  return {
    kind,
    name: handleName(e, kind, ref),
    body: Buffer.from(body).toString("hex"),
    addr: Buffer.from(ring.addr.subarray(i * ADDR, (i + 1) * ADDR)).toString("hex"),
  };
}
