// What Windows says, in its order and form ([MS-IKEE] §2.2, §3): golden messages, and our answers to them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hex, unhex } from "../../src/core/text.ts";
import { IKE_RESPONDER } from "../../src/ike/proposals.ts";
import { readVendorIds } from "../../src/ike/v1/natt.ts";
import { readMessage } from "../../src/ike/wire/header.ts";
import { all, one, PAYLOAD, readChain } from "../../src/ike/wire/payloads.ts";
import { pair, server } from "./double.ts";
import { at500, heard, say } from "./strangers.ts";

const bin = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail("hex");
/** Group before method of authentication, and lifetimes as four bytes. */
const transform = (next: string, n: string, id: string): string =>
  `${next} 00 ${id.includes("800e") ? "0028" : "0024"} ${n} 01 0000 ${id} 800b0001 000c0004 00007080`;
const TRANSFORMS = [
  transform("03", "01", "80010007 800e0100 80020002 80040014 80030001"), // AES-256, SHA-1, ECP 384
  transform("03", "02", "80010007 800e0080 80020002 80040013 80030001"), // AES-128, SHA-1, ECP 256
  transform("03", "03", "80010007 800e0100 80020002 8004000e 80030001"), // AES-256, SHA-1, MODP 2048
  transform("03", "04", "80010005 80020002 8004000e 80030001"), // 3DES, SHA-1, MODP 2048
  transform("00", "05", "80010005 80020002 80040002 80030001"), // 3DES, SHA-1, MODP 1024
];
const SA = `00000001 00000001 000000c8 01 01 00 05 ${TRANSFORMS.join(" ")}`;
/** Windows 10 and 11, in this order. */
const VENDORS = [
  "01528bbbc00696121849ab9a1c5b2a5100000001", // without a published name
  "1e2b516905991c7d7c96fcbfb587e46100000009", // MS NT5 ISAKMPOAKLEY, version 9
  "4a131c81070358455c5728f20e95452f", // RFC 3947
  "90cb80913ebb696e086381b5ec427b1f", // draft-ietf-ipsec-nat-t-ike-02, with a newline
  "4048b7d56ebce88525e7de7f00d6c2d3", // FRAGMENTATION, without flags
  "fb1de3cdf341b7ea16b7e5be0855f120", // MS-Negotiation Discovery Capable
  "26244d38eddb61b3172a36e3d0cfb819", // Vid-Initial-Contact
  "e3a5966a76379fe707228231e5ce8652", // IKE CGA version 1
];
function payloads(list: readonly (readonly [type: string, body: string])[]): string {
  const size = (body: string): string => (bin(body).length + 4).toString(16).padStart(4, "0");
  return list.map(([, body], i) => `${list[i + 1]?.[0] ?? "00"}00${size(body)}${body}`).join("");
}
function message1(vendors: readonly string[]): Uint8Array {
  const body = bin(payloads([["01", SA], ...vendors.map((v) => ["0d", v] as const)]));
  const length = (28 + body.length).toString(16).padStart(8, "0");
  return new Uint8Array([...bin(`0102030405060708 0000000000000000 01 10 02 00 00000000 ${length}`), ...body]);
}

test("main mode's first message of Windows, golden: our choice of it is answered in its own attributes", async () => {
  for (const vendors of [VENDORS, []]) {
    // since an update of January 2022 Windows works with peers whose vendor ids are left out, and so do we
    const { net, a, b } = pair();
    b.ike.addResponder(server({ ikeProposals: IKE_RESPONDER }), b);
    say(b, message1(vendors), at500(a.address));
    await net.run(50);
    const [answer] = heard(net, 0, a.address);
    assert.ok(answer, "no answer");
    const { header, body } = readMessage(answer);
    assert.deepEqual([header.exchange, header.flags, hex(header.icookie)], [2, 0, "0102030405060708"]);
    const c = readChain(header.next, body, false);
    const sa = hex(one(c, PAYLOAD.sa, "sa"));
    assert.ok(
      TRANSFORMS.slice(0, 3).some((t) => sa.endsWith(hex(bin(t)).slice(8))),
      `the transform as it was offered: ${sa}`,
    );
    const said = readVendorIds(all(c, PAYLOAD.vendorId));
    assert.deepEqual(said, { natt: vendors.length > 0 ? "rfc3947" : null, dpd: true, fragments: vendors.length > 0 });
  }
});
test("Windows 2000 and XP: drafts of NAT traversal only, 3DES and MODP 1024 only if that is asked for", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server({ ikeProposals: IKE_RESPONDER }), b);
  const old = bin(
    payloads([
      ["01", `00000001 00000001 0000002c 01 01 00 01 ${transform("00", "01", "80010005 80020002 80040002 80030001")}`],
    ]),
  );
  const length = (28 + old.length).toString(16).padStart(8, "0");
  const header = bin(`0102030405060708 0000000000000000 01 10 02 00 00000000 ${length}`);
  say(b, new Uint8Array([...header, ...old]), at500(a.address));
  await net.run(50);
  const [answer] = heard(net, 0, a.address);
  assert.ok(answer);
  assert.equal(readMessage(answer).header.exchange, 5, "NO-PROPOSAL-CHOSEN");
});
