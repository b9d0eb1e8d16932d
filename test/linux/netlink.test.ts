// Golden bytes are little endian, as `strace -e raw=sendmsg ip ...` shows them on the machines that run these tests.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SystemError } from "../../src/core/errors.ts";
import { hex, utf8 } from "../../src/core/text.ts";
import type { NetlinkIo } from "../../src/linux/netlink.ts";
import {
  attrText,
  decodeAttrs,
  decodeError,
  decodeMessages,
  encodeMessage,
  get16,
  get32,
  LITTLE_ENDIAN,
  NetlinkSocket,
  NlWriter,
} from "../../src/linux/netlink.ts";
import { decodeRoute, encodeAddress, encodeLink, encodePpp, encodeRoute, OUR_PROTOCOL } from "../../src/linux/rtnl.ts";
import { decodeRule, encodeRule, ruleKey } from "../../src/linux/rules.ts";
import { NL, RT } from "../../src/linux/uapi.ts";

const skip = LITTLE_ENDIAN ? false : "golden bytes are of a little-endian machine";

function golden(text: string): string {
  return text.replace(/\s/g, "");
}

test("a route by a gateway", { skip }, () => {
  const b = encodeRoute(
    { prefix: "203.0.113.5", dev: 7, gateway: "198.51.100.2", onlink: true, metric: 9 },
    OUR_PROTOCOL,
  );
  assert.equal(
    hex(b),
    golden(`02 20 00 00 fe 4c 00 01 04000000
    0800 0100 cb007105  0800 0500 c6336402  0800 0400 07000000  0800 0600 09000000`),
  );
});

test("a route into a device has link scope; an unreachable one no device; tables above 255 go into an attribute", {
  skip,
}, () => {
  assert.equal(
    hex(encodeRoute({ prefix: "10.2.3.4/16", dev: 7 }, 3)),
    golden("02 10 00 00 fe 03 fd 01 00000000 0800 0100 0a020000 0800 0400 07000000"),
  );
  assert.equal(
    hex(encodeRoute({ prefix: "2001:db8::/32", unreachable: true, table: 1000 }, 3)),
    golden("0a 20 00 00 00 03 00 07 00000000 1400 0100 20010db8000000000000000000000000 0800 0f00 e8030000"),
  );
});

test("a PPP netdev on a descriptor, as iproute2 would ask for it", { skip }, () => {
  assert.equal(
    hex(encodePpp("l2tps-t", 9)),
    golden(`0000 0000 00000000 00000000 00000000 0c00 0300 6c327470732d7400
    1800 1280  0800 0100 70707000  0c00 0280  0800 0100 09000000`),
  );
});

test("an address with its peer, and a link with MTU, queue and no IPv6 of its own", { skip }, () => {
  assert.equal(
    hex(encodeAddress(7, "10.0.0.2", 32, "10.0.0.1")),
    golden("02 20 00 00 07000000 0800 0200 0a000002 0800 0100 0a000001"),
  );
  assert.equal(
    hex(encodeLink(7, { up: true, mtu: 1400 })),
    golden("00 00 0000 07000000 01000000 01000000 0800 0400 78050000"),
  );
  assert.equal(
    hex(encodeLink(7, { quiet: true })),
    golden("00 00 0000 07000000 00000000 00000000 1000 1a80 0c00 0a80 0500 0800 01000000"),
  );
  assert.equal(
    hex(encodeLink(0, { group: 0x6c32 })),
    golden("00 00 0000 00000000 00000000 00000000 0800 1b00 326c0000"),
  );
});

test("a route read back is the route that was written", () => {
  const body = encodeRoute(
    { prefix: "10.2.0.0/16", dev: 3, gateway: "10.0.0.1", metric: 0xffff_fffe, table: 300 },
    OUR_PROTOCOL,
  );
  assert.deepEqual(decodeRoute({ type: RT.RTM_NEWROUTE, flags: 0, seq: 0, port: 0, body }), {
    prefix: "10.2.0.0",
    length: 16,
    protocol: OUR_PROTOCOL,
    type: RT.RTN_UNICAST,
    table: 300,
    metric: 0xffff_fffe,
    dev: 3,
    gateway: "10.0.0.1",
    source: null,
  });
  for (let n = 0; n < 12; n++)
    assert.equal(decodeRoute({ type: RT.RTM_NEWROUTE, flags: 0, seq: 0, port: 0, body: body.subarray(0, n) }), null);
});

test("a rule, and the same read back", { skip }, () => {
  const r = { family: 4, priority: 201, table: 254, suppress: 0 } as const;
  assert.equal(
    hex(encodeRule(r, OUR_PROTOCOL)),
    golden(
      "02 00 00 00 fe 00 00 01 00000000 0800 0600 c9000000 0800 0f00 fe000000 0800 0e00 00000000 0500 1500 4c000000",
    ),
  );
  const specs = [
    r,
    { family: 6, priority: 202, table: 27698 },
    { family: 4, priority: 203, table: 0 },
    { family: 4, priority: 200, table: 254, mark: 0x6c32_7470 },
    { family: 6, priority: 199, table: 254, to: "2001:db8::53/128", iif: "wan", udp: { from: 40185, to: 53 } },
  ] as const;
  for (const spec of specs) {
    const body = encodeRule(spec, OUR_PROTOCOL);
    const found = decodeRule({ type: RT.RTM_NEWRULE, flags: 0, seq: 0, port: 0, body });
    assert.deepEqual(found, { protocol: OUR_PROTOCOL, spec });
    assert.equal(ruleKey(found?.spec ?? r), ruleKey(spec));
    for (let n = 0; n < 12; n++)
      assert.equal(decodeRule({ type: RT.RTM_NEWRULE, flags: 0, seq: 0, port: 0, body: body.subarray(0, n) }), null);
  }
  assert.equal(new Set(specs.map(ruleKey)).size, specs.length);
});

test("messages one after another, cut anywhere: whole ones only", () => {
  const one = encodeMessage(16, 1, 2, Uint8Array.of(1, 2, 3, 4));
  const two = encodeMessage(17, 3, 4, Uint8Array.of());
  const all = Uint8Array.from([...one, ...two]);
  assert.deepEqual(
    decodeMessages(all).map((m) => [m.type, m.flags, m.seq, m.body.length]),
    [
      [16, 1, 2, 4],
      [17, 3, 4, 0],
    ],
  );
  for (let n = 0; n < all.length; n++)
    assert.equal(decodeMessages(all.subarray(0, n)).length, n < one.length ? 0 : 1, String(n));
});

test("any bytes: no crash, nothing outside", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(16), (b, at) => {
      for (const m of decodeMessages(b)) {
        assert.ok(m.body.length <= b.length - 16);
        decodeError(m);
        decodeRoute({ ...m, type: RT.RTM_NEWROUTE });
      }
      for (const v of decodeAttrs(b, at).values()) assert.ok(v.byteOffset + v.length <= b.byteOffset + b.length);
    }),
    { numRuns: 2000 },
  );
});

test("numbers and text as written", () => {
  const b = new NlWriter().u8(1).u8(2).u16(0xabcd).u32(0xfedcba98).attrText(3, "eth0").done();
  assert.deepEqual([get16(b, 2), get32(b, 4)], [0xabcd, 0xfedcba98]);
  assert.equal(attrText(decodeAttrs(b, 8).get(3) ?? new Uint8Array()), "eth0");
});

function kernel(answer: (seq: number) => Uint8Array | null): NetlinkIo {
  let queue: Uint8Array | null = null;
  return {
    constants: { ENODEV: 19, EEXIST: 17, SOL_SOCKET: 1 },
    netlinkOpen: () => 5,
    send(_fd, data) {
      queue = answer(get32(data, 8));
      return data.length;
    },
    recv(_fd, into) {
      if (!queue) return -1;
      const n = queue.length;
      into.set(queue);
      queue = null;
      return n;
    },
    setsockopt: () => {
      throw new Error("an old kernel");
    },
    watch: () => ({ stop: () => {} }),
    close: () => {},
  };
}
function refusal(seq: number, errno: number, words: string): Uint8Array {
  const w = new NlWriter().u32(-errno >>> 0).raw(encodeMessage(24, 5, seq, new Uint8Array()));
  if (words !== "") w.attr(NL.NLMSGERR_ATTR_MSG, utf8(`${words}\0`));
  return encodeMessage(NL.NLMSG_ERROR, words === "" ? 0 : NL.NLM_F_CAPPED | NL.NLM_F_ACK_TLVS, seq, w.done());
}

test("a refusal is a SystemError by name, with our advice or the kernel's words", () => {
  const ask = (io: NetlinkIo, advice = {}): void =>
    new NetlinkSocket(io, 0).change("cannot do it", advice, 24, 0, new Uint8Array());
  ask(kernel((seq) => refusal(seq, 0, "")));
  assert.throws(
    () => ask(kernel((seq) => refusal(seq, 19, ""))),
    (e) => e instanceof SystemError && e.message === "cannot do it: ENODEV",
  );
  assert.throws(
    () => ask(kernel((seq) => refusal(seq, 17, "Nexthop has invalid gateway"))),
    /cannot do it: EEXIST \(Nexthop has invalid gateway\)/,
  );
  assert.throws(
    () =>
      ask(
        kernel((seq) => refusal(seq, 17, "words")),
        { EEXIST: "it is there" },
      ),
    /EEXIST \(it is there\)/,
  );
  assert.throws(() => ask(kernel(() => null)), /ETIMEDOUT \(the kernel gave no complete answer\)/);
  assert.throws(() => ask(kernel((seq) => refusal(seq + 1, 0, ""))), /ETIMEDOUT/, "somebody else's answer is none");
});

test("a dump ends with DONE and keeps its messages", () => {
  const io = kernel((seq) =>
    Uint8Array.from([
      ...encodeMessage(24, NL.NLM_F_MULTI, seq, Uint8Array.of(1, 0, 0, 0)),
      ...encodeMessage(24, NL.NLM_F_MULTI, seq, Uint8Array.of(2, 0, 0, 0)),
      ...encodeMessage(NL.NLMSG_DONE, NL.NLM_F_MULTI, seq, new Uint8Array(4)),
    ]),
  );
  const all = new NetlinkSocket(io, 0).ask("list", {}, 26, NL.NLM_F_DUMP, new Uint8Array());
  assert.deepEqual(
    all.map((m) => m.body[0]),
    [1, 2],
  );
});
