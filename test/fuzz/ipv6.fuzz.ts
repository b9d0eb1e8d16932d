// What a user sends to its router: whole packets. The first byte says whether checksums are made right first.
import assert from "node:assert/strict";
import { concat, unhex } from "../../src/core/text.ts";
import { readDhcp } from "../../src/ipv6/dhcp.ts";
import { ICMPV6, intact, readPacket6, UDP, writePacket6 } from "../../src/ipv6/packet.ts";
import { UserRouter } from "../../src/ipv6/router.ts";

const CHECKSUM: Readonly<Record<number, number>> = { [ICMPV6]: 2, [UDP]: 6 };

function summed(b: Uint8Array): Uint8Array {
  const p = readPacket6(b);
  const at = p ? CHECKSUM[p.next] : undefined;
  if (!p || at === undefined || p.payload.length < at + 2) return b;
  const payload = p.payload.slice();
  payload[at] = payload[at + 1] = 0;
  return writePacket6({ ...p, payload }, at);
}
function run(bytes: Uint8Array): void {
  const sent: Uint8Array[] = [];
  const timer = { name: "", armed: false, arm: (): void => {}, disarm: (): void => {} };
  const clock = { now: () => 0, timer: () => timer };
  const offer = { prefix: "2001:db8:1::/64", delegated: "2001:db8:2::/56", dns: ["2001:db8::53"] };
  const id = Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 1);
  const router = new UserRouter({ clock, send: (p) => void sent.push(p), drop: () => {} }, { ...offer, id });
  const packet = bytes.subarray(1);
  router.input(((bytes[0] ?? 0) & 1) === 1 ? summed(packet) : packet);
  for (const s of sent) {
    const p = readPacket6(s);
    assert.ok(p && intact(p));
    if (p.next === UDP) readDhcp(p.payload.subarray(8));
    assert.ok(s.length <= packet.length + 400, "no amplification");
  }
}

const SEEDS = [
  "6000000000083afffe800000000000001c2b3a4958677685ff020000000000000000000000000002850057d600000000",
  "6000000000103afffe800000000000001c2b3a4958677685ff02000000000000000000000000000285004abe000000000101020304050607",
  "6000000000551101fe800000000000001c2b3a4958677685ff0200000000000000000000000100020222022300554a7f01a1b2c30001000a" +
    "0003000102aabbccddee000600040017001800080002000000190029000000070000000000000000001a00190000000000000000" +
    "3c00000000000000000000000000000000",
];
export const target = {
  name: "a user's IPv6 router",
  seeds: SEEDS.map((s) => concat([Uint8Array.of(1), unhex(s) ?? new Uint8Array(0)])),
  run,
};
