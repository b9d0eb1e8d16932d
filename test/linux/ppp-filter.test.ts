// The program as the kernel would run it (linux/filter.h), on packets of both versions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePrefix } from "../../src/core/addr.ts";
import { hex } from "../../src/core/text.ts";
import { ipBytes } from "../../src/dataplane/ring.ts";
import { LITTLE_ENDIAN } from "../../src/linux/netlink.ts";
import { encodeFilter, type Source } from "../../src/linux/ppp-filter.ts";
import { inbound, passes } from "./bpf.ts";

function source(prefix: string, pass = true): Source {
  const p = parsePrefix(prefix) ?? assert.fail();
  return { address: ipBytes(p.address), length: p.length, pass };
}
function filter(sources: readonly Source[] | null, mark: { value: number; mask: number } | null = null): Uint8Array {
  return encodeFilter({ mark, sources }) ?? assert.fail();
}

test("a program for every reason, none without one", { skip: !LITTLE_ENDIAN }, () => {
  assert.equal(encodeFilter({ mark: null, sources: null }), null);
  const text = hex(filter(null, { value: 0x50000, mask: 0xffff0000 }));
  assert.equal(
    text.match(/.{16}/g)?.join(" "),
    [
      ...["3000000000000000", "1500000101000000", "06000000ffffffff"], // what we send passes
      ...["2000000014f0ffff", "540000000000ffff", "1500010000000500", "0600000000000000", "06000000ffffffff"],
    ].join(" "),
  );
});

test("what comes in has one of the sources, or is dropped; what goes out passes", () => {
  const f = filter([source("10.99.0.2"), source("10.2.0.0/15"), source("fd00:2::/47"), source("fe80::2")]);
  for (const good of ["10.99.0.2", "10.2.0.1", "10.3.255.255", "fd00:2::1", "fd00:2:1:ffff::", "fe80::2"])
    assert.equal(passes(f, inbound(good)), true, good);
  for (const bad of ["10.99.0.3", "10.4.0.0", "10.1.255.255", "0.0.0.0", "fd00:2:2::", "fd00:1::1", "fe80::3", "::"]) {
    assert.equal(passes(f, inbound(bad)), false, bad);
    assert.equal(passes(f, inbound(bad, 1)), true, `${bad} from here`);
  }
  assert.equal(passes(f, inbound("10.99.0.2").subarray(0, 18)), false, "cut short");
  const other = inbound("10.99.0.2");
  other.set([0x02, 0x81], 2); // MPLS (RFC 3032): it has no source to check
  assert.equal(passes(f, other), false);
});

test("the first source that covers an address decides; all of a version is /0", () => {
  const f = filter([source("10.2.3.4", false), source("10.2.0.0/16"), source("::/0")]);
  assert.deepEqual(
    ["10.2.3.4", "10.2.3.5", "2001:db8::1"].map((a) => passes(f, inbound(a))),
    [false, true, true],
  );
  assert.equal(passes(filter([source("0.0.0.0/0")]), inbound("2001:db8::1")), false);
});

test("the mark counts where it is asked for, and only its masked bits", () => {
  const f = filter([source("10.99.0.2")], { value: 0x7_0000, mask: 0xffff_0000 });
  const good = inbound("10.99.0.2");
  assert.deepEqual(
    [0x7_0000, 0x7_1234, 0x8_0000, 0].map((mark) => passes(f, good, mark)),
    [true, true, false, false],
  );
  assert.equal(passes(f, inbound("10.99.0.3"), 0x7_0000), false);
});

test("as many networks as a program can hold, whatever a jump can reach", () => {
  const many = Array.from({ length: 900 }, (_, i) => source(`10.${i >> 8}.${i & 255}.0/24`));
  const f = filter([...many, source("fd00::/64")]);
  assert.ok(f.length / 8 <= 4096);
  assert.equal(passes(f, inbound("10.3.131.9")), true);
  assert.equal(passes(f, inbound("10.3.132.9")), false);
  assert.equal(passes(f, inbound("fd00::9")), true);
});
