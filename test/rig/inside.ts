// What tests inside a guest do in its namespaces: sockets, and rtnetlink.
import { Rtnl } from "../../src/linux/rtnl.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import { enter } from "./enter.ts";

const native = loadNative();

export function bytes(ip: string): Uint8Array {
  if (!ip.includes(":")) return Uint8Array.from(ip.split(".").map(Number));
  const [left = "", right = ""] = ip.split("::");
  const words = (s: string): number[] => (s === "" ? [] : s.split(":").map((w) => Number.parseInt(w, 16)));
  const [l, r] = [words(left), words(right)];
  const all = [...l, ...new Array<number>(8 - l.length - r.length).fill(0), ...r];
  return Uint8Array.from(all.flatMap((w) => [w >> 8, w & 255]));
}
/** A UDP socket in a namespace. */
export function udp(netns: string, address: string, port: number, to: string, toPort = port): number {
  enter(native, netns);
  const fd = native.udpOpen(bytes(address), port);
  native.udpConnect(fd, bytes(to), toPort);
  return fd;
}
export function arrived(fd: number): number {
  const into = new Uint8Array(2048);
  let n = 0;
  try {
    while (native.recv(fd, into) >= 0) n++;
  } catch {
    // an ICMP error
  }
  return n;
}
export function inside<T>(netns: string, f: (rtnl: Rtnl) => T): T {
  enter(native, netns);
  const rtnl = new Rtnl(native);
  try {
    return f(rtnl);
  } finally {
    rtnl.close();
  }
}
