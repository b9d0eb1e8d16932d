// What test/net/mss.test.ts runs, with enter-netns.so: a SYN from one side of a router to the other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MssClamp } from "../../src/linux/nft-mss.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import { enter } from "../rig/enter.ts";

const native = loadNative();
const TCP = 6;
interface Host {
  readonly netns: string;
  readonly address: Uint8Array;
}
const [near = "", router = "", far = ""] = (process.env["MSS_NETNS"] ?? "").split(" ");
const LAN: Host = { netns: near, address: Uint8Array.of(192, 168, 1, 2) };
const FAR: Host = { netns: far, address: Uint8Array.of(10, 99, 0, 1) };

/** The MSS of the SYN that arrives at `to` when `from` sends one with `mss`. */
async function through(from: Host, to: Host, mss: number): Promise<number> {
  enter(native, to.netns);
  const ear = native.rawOpen(4, TCP, to.address);
  enter(native, from.netns);
  const mouth = native.rawOpen(4, TCP, from.address);
  native.udpConnect(mouth, to.address, 0);
  const syn = new Uint8Array(24);
  syn.set([0x1b, 0x58, 0x1b, 0x58, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, 0x02, 0xff, 0xff]); // 7000 to 7000
  syn.set([2, 4, mss >> 8, mss & 255], 20);
  native.send(mouth, syn);
  await new Promise((done) => setTimeout(done, 100));
  const into = new Uint8Array(200);
  let seen = 0;
  for (let n = native.recv(ear, into); n >= 0; n = native.recv(ear, into))
    if (n === 44 && into[33] === 0x02) seen = ((into[42] ?? 0) << 8) | (into[43] ?? 0);
  native.close(ear);
  native.close(mouth);
  return seen;
}

/** Or why this kernel has no nftables. */
function open(): MssClamp | string {
  try {
    return new MssClamp(native);
  } catch (e) {
    return e instanceof Error ? e.message : "";
  }
}

test("SYNs are clamped both ways while the chain is there, never raised; the table goes with its owner", async (t) => {
  assert.equal(await through(LAN, FAR, 1460), 1460);
  enter(native, router);
  const clamp = open();
  if (typeof clamp === "string") return t.skip(clamp);
  clamp.add("far", 1360);
  clamp.add("far2", 1000); // another netdev's
  assert.equal(await through(LAN, FAR, 1460), 1360);
  assert.equal(await through(FAR, LAN, 1460), 1360);
  assert.equal(await through(LAN, FAR, 536), 536);
  clamp.remove("far");
  assert.equal(await through(LAN, FAR, 1460), 1460);
  clamp.add("far", 1300);
  assert.throws(() => clamp.remove("none"), /ENOENT/);
  assert.equal(await through(LAN, FAR, 1460), 1300);
  clamp.close();
  assert.equal(await through(LAN, FAR, 1460), 1460);
});
