// Super-packets: segment.c and coalesce.c, built with sanitizers here, against a model that takes nothing for granted.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { endianness, tmpdir } from "node:os";
import { after, test } from "node:test";
import fc from "fast-check";
import {
  ACK,
  apart,
  asSuper,
  bytes,
  CWR,
  FIN,
  GSO,
  type Made,
  make,
  PSH,
  shape,
  sum,
  TCP,
  UDP,
  type Vnet,
  whole,
} from "./offload-model.ts";

const dir = mkdtempSync(`${tmpdir()}/l2tpsec-offload-`);
after(() => rmSync(dir, { recursive: true }));
const native = (name: string): string => `src/node-tuntap2/native/${name}`;
const build = spawnSync(
  "cc",
  [
    ..."-O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover -o".split(" "),
    `${dir}/offload`,
    "src/node-tuntap2/test/offload-main.c",
    native("segment.c"),
    native("coalesce.c"),
  ],
  { encoding: "utf8" },
);
const little = endianness() === "LE" ? false : "the test's own format is little-endian";
const skip = build.error ? "no C compiler" : little;

interface Piece {
  readonly vnet: Vnet;
  readonly packet: Buffer;
}

// ---- the program ----

const u32 = (n: number): Buffer => {
  const b = Buffer.alloc(4);
  b.writeUInt32LE(n);
  return b;
};
const vnetBytes = (v: Vnet): Buffer => {
  const b = Buffer.from([v.flags, v.gso, 0, 0, 0, 0, 0, 0, 0, 0]);
  [v.headers, v.size, v.start, v.offset].forEach((n, i) => {
    b.writeUInt16LE(n, 2 + 2 * i);
  });
  return b;
};
const take = (v: Vnet, packet: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from("S"), vnetBytes(v), u32(packet.length), packet]);
const put = (packets: readonly Uint8Array[], udp = true): Buffer =>
  Buffer.concat([
    Buffer.from("C"),
    u32(udp ? 1 : 0),
    u32(packets.length),
    ...packets.flatMap((p) => [u32(p.length), p]),
  ]);

/** The answer to each question; null: no. */
function ask(questions: readonly Buffer[]): (Piece[] | null)[] {
  assert.equal(build.status, 0, build.stderr);
  const r = spawnSync(`${dir}/offload`, { input: Buffer.concat(questions), maxBuffer: 1 << 28 });
  assert.equal(r.status, 0, String(r.stderr));
  const b = r.stdout;
  const out: (Piece[] | null)[] = [];
  for (let at = 0; at < b.length; ) {
    const count = b.readUInt32LE(at);
    at += 4;
    if (count === 0xffff_ffff) {
      out.push(null);
      continue;
    }
    const pieces: Piece[] = [];
    for (let i = 0; i < count; i++) {
      const [headers, size, start, offset] = [2, 4, 6, 8].map((o) => b.readUInt16LE(at + o)) as [
        number,
        number,
        number,
        number,
      ];
      const vnet = { flags: b[at] ?? 0, gso: b[at + 1] ?? 0, headers, size, start, offset };
      const length = b.readUInt32LE(at + 10);
      pieces.push({ vnet, packet: b.subarray(at + 14, at + 14 + length) });
      at += 14 + length;
    }
    out.push(pieces);
  }
  assert.equal(out.length, questions.length);
  return out;
}
const one = (question: Buffer): Piece[] | null => ask([question])[0] ?? null;
const packets = (pieces: readonly Piece[] | null): Buffer[] => {
  assert.ok(pieces);
  return pieces.map((p) => p.packet);
};

// ---- taken apart ----

const supers = fc.record({
  six: fc.boolean(),
  protocol: fc.constantFrom(TCP, UDP),
  payload: fc.integer({ min: 1, max: 20_000 }).chain((n) => fc.constant(bytes(n, n))),
  size: fc.oneof(fc.integer({ min: 500, max: 1500 }), fc.integer({ min: 48, max: 200 })),
  seq: fc.constantFrom(0, 0xffff_fff0, 123_456),
  id: fc.constantFrom(0, 0xfffe, 300),
  flags: fc.constantFrom(ACK, ACK | PSH, ACK | FIN, ACK | CWR | PSH),
  options: fc.constantFrom(new Uint8Array(0), Uint8Array.of(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8)),
  df: fc.boolean(),
});
test("a super-packet is taken apart into the packets that it stands for", { skip }, () => {
  const samples = fc.sample(supers, 300);
  const made = samples.map((m) => make({ ...m, flow: 1 }));
  const answers = ask(
    made.map((p, i) => {
      const { vnet, packet } = asSuper(p, samples[i]?.size ?? 0);
      return take(vnet, packet);
    }),
  );
  for (const [i, p] of made.entries())
    assert.deepEqual(packets(answers[i] ?? null), apart(p, samples[i]?.size ?? 0), `sample ${i}`);
});
test("behind IPv6 extension headers the lengths and the checksum are right too", { skip }, () => {
  const inner = make({ six: true, protocol: TCP, flow: 1, payload: bytes(3000), flags: ACK | PSH });
  const p = Buffer.concat([inner.subarray(0, 40), Buffer.from([TCP, 0, 1, 4, 0, 0, 0, 0]), inner.subarray(40)]);
  p[6] = 0; // hop-by-hop options
  p.writeUInt16BE(p.length - 40, 4);
  const rest = p.length - 48;
  const fake = (length: number): number =>
    sum(Buffer.from([0, TCP, length >> 8, length & 255]), sum(p.subarray(8, 40)));
  p.writeUInt16BE(fake(rest), 48 + 16);
  const out = packets(one(take({ flags: 1, gso: GSO.tcp6, headers: 68, size: 1000, start: 48, offset: 16 }, p)));
  assert.equal(out.length, 3);
  for (const q of out) {
    assert.equal(q.readUInt16BE(4), q.length - 40);
    assert.equal(sum(q.subarray(48), fake(q.length - 48)), 0xffff);
  }
});
test("a packet whose checksum was left to the card gets it, one that has it stays as it is", { skip }, () => {
  for (const protocol of [TCP, UDP])
    for (const six of [false, true]) {
      const p = make({ six, protocol, flow: 1, payload: bytes(101) });
      const s = asSuper(p, 0);
      assert.deepEqual(packets(one(take({ ...s.vnet, gso: GSO.none }, s.packet))), [p]);
      assert.deepEqual(packets(one(take({ ...s.vnet, flags: 0, gso: GSO.none }, p))), [p]);
    }
  // a UDP sum of 0 goes out as ffff
  const p = make({ six: false, protocol: UDP, flow: 1, payload: Uint8Array.of(0, 0) });
  const s = shape(p);
  p.writeUInt16BE(p.readUInt16BE(s.transport + 6), p.length - 2);
  const zero = whole(p);
  assert.equal(zero.readUInt16BE(s.transport + 6), 0xffff);
  const q = asSuper(zero, 0);
  assert.deepEqual(packets(one(take({ ...q.vnet, gso: GSO.none }, q.packet))), [zero]);
});
test("a header that does not belong to its packet is refused", { skip }, () => {
  const p = make({ six: false, protocol: TCP, flow: 1, payload: bytes(3000) });
  const { vnet, packet } = asSuper(p, 1000);
  const bad: [string, Vnet, Uint8Array][] = [
    ["no segment size", { ...vnet, size: 0 }, packet],
    ["another kind", { ...vnet, gso: GSO.ufo }, packet],
    ["IPv6 that is IPv4", { ...vnet, gso: GSO.tcp6 }, packet],
    ["UDP that is TCP", { ...vnet, gso: GSO.udp, offset: 6 }, packet],
    ["checksum elsewhere", { ...vnet, offset: 14 }, packet],
    ["transport elsewhere", { ...vnet, start: 24 }, packet],
    ["transport outside", { ...vnet, start: 65_000 }, packet],
    ["no checksum asked for", { ...vnet, flags: 0 }, packet],
    ["headers alone", vnet, packet.subarray(0, 40)],
    ["nothing", vnet, packet.subarray(0, 0)],
    ["nothing, plain", { ...vnet, gso: GSO.none }, packet.subarray(0, 0)],
    ["checksum outside", { ...vnet, gso: GSO.none, start: 3030 }, packet],
  ];
  const answers = ask(bad.map(([, v, b]) => take(v, b)));
  for (const [i, [what]] of bad.entries()) assert.equal(answers[i], null, what);
});
test("any header in front of any bytes reads and writes nothing outside", { skip }, () => {
  const field = fc.oneof(fc.integer({ min: 0, max: 80 }), fc.integer({ min: 0, max: 0xffff }));
  const vnet = fc.record({
    flags: fc.constantFrom(0, 1, 255),
    gso: fc.oneof(fc.constantFrom(...Object.values(GSO), 0x81), fc.integer({ min: 0, max: 255 })),
    headers: field,
    size: field,
    start: fc.oneof(fc.constantFrom(20, 40), field),
    offset: fc.oneof(fc.constantFrom(6, 16), field),
  });
  const first = fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x00);
  const any = fc.tuple(vnet, first, fc.uint8Array({ maxLength: 200 })).map(([v, f, b]) => {
    if (b.length > 0) b[0] = f;
    if (b.length > 9) b[9] = b[6] = TCP;
    return take(v, b);
  });
  ask(fc.sample(any, 3000));
});

// ---- put together ----

const flow = (
  m: Partial<Made>,
  sizes: readonly number[],
  more: (i: number) => Partial<Made> = () => ({}),
): Buffer[] => {
  let seq = m.seq ?? 1000;
  return sizes.map((n, i) => {
    const p = make({
      six: false,
      protocol: TCP,
      flow: 1,
      df: true,
      ...m,
      seq,
      id: (m.id ?? 9) + i,
      payload: bytes(n, i),
      ...more(i),
    });
    seq = (seq + n) >>> 0;
    return p;
  });
};
const counts = (pieces: readonly Piece[] | null): number[] => {
  assert.ok(pieces);
  return pieces.map((g) => (g.vnet.gso === GSO.none ? 1 : Math.ceil((g.packet.length - g.vnet.headers) / g.vnet.size)));
};
test("consecutive segments of a flow become one write, and taken apart again they are what they were", { skip }, () => {
  for (const six of [false, true])
    for (const m of [
      { six },
      { six, seq: 0xffff_ff00 },
      { six, options: Uint8Array.of(1, 1, 1, 0) },
      { six, df: false },
    ]) {
      const all = flow(m, [1000, 1000, 1000, 1000, 600], (i) => (i === 4 ? { flags: ACK | PSH } : {}));
      const [g, ...none] = one(put(all)) ?? [];
      assert.ok(g);
      assert.equal(none.length, 0);
      assert.deepEqual({ ...g.vnet }, { ...asSuper(all[0] as Buffer, 1000).vnet, headers: g.vnet.headers });
      assert.deepEqual(packets(one(take(g.vnet, g.packet))), all);
    }
});
test("what differs in anything but its turn is not joined", { skip }, () => {
  const changes: [string, (i: number) => Partial<Made>][] = [
    ["a flag", (i) => (i === 1 ? { flags: ACK | FIN } : {})],
    ["ECE", (i) => (i === 1 ? { flags: ACK | 0x40 } : {})],
    ["a gap", (i) => (i === 1 ? { seq: 5000 } : {})],
    ["a timestamp", (i) => ({ options: Uint8Array.of(1, 1, 8, 10, 0, 0, 0, i, 0, 0, 0, 0) })],
    ["the identification, where fragments may be made", (i) => ({ df: false, id: 50 + 2 * i })],
    ["not to be fragmented", (i) => ({ df: i === 0 })],
  ];
  for (const [what, more] of changes) {
    const all = flow({}, [1000, 1000], more);
    const groups = one(put(all));
    assert.deepEqual(counts(groups), [1, 1], what);
    assert.deepEqual(packets(groups), all, what);
  }
  const touched: [string, number, number][] = [
    ["TTL", 8, 63],
    ["DSCP", 1, 4],
    ["acknowledgement", 31, 1],
    ["window", 35, 1],
  ];
  for (const [what, at, value] of touched) {
    const [a, b] = flow({}, [1000, 1000]) as [Buffer, Buffer];
    b[at] = value;
    assert.deepEqual(counts(one(put([a, whole(b)]))), [1, 1], what);
  }
});
test("a wrong checksum is never made right", { skip }, () => {
  for (const protocol of [TCP, UDP])
    for (const bad of [0, 1]) {
      const all = flow({ protocol }, [1000, 1000, 1000]);
      const p = all[bad] as Buffer;
      p[p.length - 1] = (p[p.length - 1] ?? 0) ^ 1;
      const groups = one(put(all));
      assert.deepEqual(counts(groups), bad === 0 ? [1, 2] : [1, 1, 1]);
      assert.deepEqual(groups?.[bad]?.packet, p);
    }
  const [a, b] = flow({}, [1000, 1000]) as [Buffer, Buffer];
  b[10] = (b[10] ?? 0) ^ 1; // IPv4's own
  assert.deepEqual(packets(one(put([a, b]))), [a, b]);
});
test("equal datagrams of a flow are joined when the netdev takes them", { skip }, () => {
  const all = flow({ protocol: UDP }, [200, 200, 200, 100]);
  const [g, ...none] = one(put(all)) ?? [];
  assert.ok(g);
  assert.equal(none.length, 0);
  assert.equal(g.vnet.gso, GSO.udp);
  assert.deepEqual(packets(one(take(g.vnet, g.packet))), all);
  assert.deepEqual(counts(one(put(all, false))), [1, 1, 1, 1]);
});
test("flows that come mixed are joined each by itself, and none changes its order", { skip }, () => {
  const [a, b, c] = [1, 2, 3].map((n) => flow({ flow: n, six: n === 2 }, [900, 900, 900])) as [
    Buffer[],
    Buffer[],
    Buffer[],
  ];
  const mixed = [0, 1, 2].flatMap((i) => [a[i], b[i], c[i]] as Buffer[]);
  assert.deepEqual(counts(one(put(mixed))), [3, 3, 3]);
  // a SYN in between ends the group, and keeps its place
  const syn = make({ six: false, protocol: TCP, flow: 1, payload: bytes(0), flags: 2, df: true });
  const after = flow({ seq: 3700, id: 30 }, [900, 900]);
  assert.deepEqual(packets(one(put([...a, syn, ...after]))).length, 3);
  assert.deepEqual(counts(one(put([...a, syn, ...after]))), [3, 1, 2]);
});
test("no group is longer than an IP packet may be", { skip }, () => {
  const groups = one(
    put(
      flow(
        { six: true },
        Array.from({ length: 120 }, () => 1400),
      ),
    ),
  );
  assert.ok(groups);
  assert.ok(groups.every((g) => g.packet.length <= 65_535));
  assert.equal(
    counts(groups).reduce((x, y) => x + y),
    120,
  );
});
test("any packets, taken apart again, are the same packets, each flow in its order", { skip }, () => {
  const piece = fc.record({
    flow: fc.integer({ min: 1, max: 3 }),
    protocol: fc.constantFrom(TCP, TCP, UDP),
    n: fc.constantFrom(0, 100, 100, 100, 60),
    skip: fc.constantFrom(0, 0, 0, 0, 100),
    flags: fc.constantFrom(ACK, ACK, ACK, ACK | PSH, ACK | FIN),
    spoil: fc.constantFrom(0, 0, 0, 0, 0, 1),
  });
  const batches = fc.sample(fc.array(piece, { minLength: 10, maxLength: 40 }), 200).map((list) => {
    const seqs = new Map<string, number>();
    return list.map((x, i) => {
      const key = `${x.flow} ${x.protocol}`;
      const seq = (seqs.get(key) ?? 0) + x.skip;
      seqs.set(key, seq + x.n);
      const p = make({ ...x, six: x.flow === 2, seq, id: i, df: x.flow === 1, payload: bytes(x.n, i) });
      if (x.spoil > 0) p[p.length - 1] = (p[p.length - 1] ?? 0) ^ 255;
      return p;
    });
  });
  const groups = ask(batches.map((b) => put(b)));
  const back = ask(groups.flatMap((gs) => (gs ?? []).map((g) => take(g.vnet, g.packet))));
  let next = 0;
  const joined = groups.flat().filter((g) => g && g.vnet.gso !== GSO.none).length;
  assert.ok(joined > 100, `${joined} groups of more than one`);
  for (const [i, batch] of batches.entries()) {
    const got = (groups[i] ?? []).flatMap(() => packets(back[next++] ?? null));
    const bare = (p: Buffer): string => {
      const q = Buffer.from(p);
      if (shape(q).six) return q.toString("hex");
      if ((q.readUInt16BE(6) & 0x4000) !== 0) q.fill(0, 4, 6).fill(0, 10, 12); // RFC 6864 §4.1
      return q.toString("hex");
    };
    const ofFlow = (list: Buffer[], key: string): string[] =>
      list.filter((p) => `${shape(p).protocol} ${p[shape(p).six ? 39 : 19]}` === key).map(bare);
    assert.equal(got.length, batch.length);
    for (const protocol of [TCP, UDP])
      for (const f of [1, 2, 3]) assert.deepEqual(ofFlow(got, `${protocol} ${f}`), ofFlow(batch, `${protocol} ${f}`));
  }
});
