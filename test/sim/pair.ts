// A client and a server, and packets between their networks.
import assert from "node:assert/strict";
import { parseIp } from "../../src/core/addr.ts";
import { concat } from "../../src/core/text.ts";
import type { SimNat } from "./simnet.ts";
import { client, clientConf, SERVER_CONF, type Site, type World } from "./world.ts";

export const SERVER_IP = "198.51.100.2";

/** A client and a server; no datagram between them may ever be L2TP in the clear. */
export function pair(
  w: World,
  more = "",
  serverConf = SERVER_CONF,
  nat: SimNat | null = null,
): { a: Site; b: Site; clear: () => number } {
  let clear = 0;
  w.net.onTrace = (d) => {
    if (d.proto === "udp" && (d.from.port === 1701 || d.to.port === 1701)) clear++;
  };
  const b = w.site(w.net.host("b", [SERVER_IP]), serverConf);
  const a = w.site(w.net.host("a", [nat ? "192.168.1.5" : "203.0.113.1"], nat), clientConf(more));
  return { a, b, clear: () => clear };
}
export const isUp = (s: Site): boolean => client(s).state === "up";

/** An IPv4 packet with a number in it. */
export function packet(from: string, to: string, n: number): Uint8Array {
  const p = new Uint8Array(40);
  p.set([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0, ...from.split(".").map(Number), ...to.split(".").map(Number)]);
  p.set([n >>> 24, n >>> 16, n >>> 8, n], 28);
  return p;
}
export const numberOf = (p: Uint8Array): number =>
  ((p[28] ?? 0) << 24) | ((p[29] ?? 0) << 16) | ((p[30] ?? 0) << 8) | (p[31] ?? 0);

export function packet6(from: string, to: string): Uint8Array {
  return concat([
    Uint8Array.of(0x60, 0, 0, 0, 0, 0, 59, 64),
    parseIp(from) ?? assert.fail(from),
    parseIp(to) ?? assert.fail(to),
  ]);
}
