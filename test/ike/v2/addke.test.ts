// Additional key exchanges: RFC 9242 (IKE_INTERMEDIATE), RFC 9370, and how they go together with PPK (RFC 8784).
import assert from "node:assert/strict";
import { test } from "node:test";
import { Packet } from "../../../src/core/packet.ts";
import { Secret } from "../../../src/core/secret.ts";
import { hex, unhex } from "../../../src/core/text.ts";
import { isIke1, parseEspProposal, parseIke2Proposal, parseIkeProposal } from "../../../src/ike/proposals.ts";
import type { IkeConnectConfig, IkeResponderConfig } from "../../../src/ike/types.ts";
import { IntAuth, keValue } from "../../../src/ike/v2/addke.ts";
import { childKeymat, type Keys, nextSeed } from "../../../src/ike/v2/keys.ts";
import { chooseEsp, chooseSuite, offerEsp, offerSuites, type Suite, suites } from "../../../src/ike/v2/suite.ts";
import { notification } from "../../../src/ike/v2/wire/bodies.ts";
import { FLAG, readChain } from "../../../src/ike/v2/wire/message.ts";
import { readSa, writeSa } from "../../../src/ike/v2/wire/sa.ts";
import type { Crypto, DhKey, KeName } from "../../../src/ports/ports.ts";
import { nodeCrypto } from "../../../src/runtime/node/crypto.ts";
import { client, Host, Nat, Net, pass, server } from "../double.ts";
import { kemCrypto } from "./kem.ts";

const V2 = { versions: "v2" } as const;
const PQ = kemCrypto("mlkem768", "mlkem1024", "mlkem512");
const of = (list: string) => ({
  ikeProposals: list
    .split(" ")
    .map((s) => parseIke2Proposal(s))
    .filter(isIke1),
  v2Proposals: list.split(" ").map((s) => parseIke2Proposal(s)),
  ownProposals: true,
});
const esp = (list: string) => ({ espProposals: list.split(" ").map((s) => parseEspProposal(s)) });
const HYBRID = "aes256gcm16-sha256-x25519-mlkem768";

interface Two {
  readonly net: Net;
  readonly a: Host;
  readonly b: Host;
}
function two(mine: Crypto, theirs: Crypto, more = {}): Two {
  const net = new Net();
  const a = new Host(net, "10.0.0.1", undefined, { crypto: mine, ...more });
  return { net, a, b: new Host(net, "10.0.0.2", undefined, { crypto: theirs, ...more }) };
}
function begin(x: Two, c: Partial<IkeConnectConfig> = {}, s: Partial<IkeResponderConfig> = {}) {
  x.b.ike.addResponder(server({ ...V2, ...s }), x.b);
  return x.a.ike.connect(client(x.b.address, x.a.address, { ...V2, ...c }), x.a);
}
async function meet(
  mine: Crypto,
  theirs: Crypto,
  c: Partial<IkeConnectConfig> = {},
  s: Partial<IkeResponderConfig> = c,
) {
  const x = two(mine, theirs);
  const conn = begin(x, c, s);
  await x.net.run(1000);
  return { ...x, conn, proposal: x.a.ups[0]?.info.proposal ?? `down: ${x.a.downs[0]?.text}` };
}
const exchanges = (net: Net): number[] => net.seen.map((d) => d.bytes[18] ?? 0);

test("by default ML-KEM comes first where both sides have it, and is no condition", async () => {
  const both = await meet(PQ, PQ);
  assert.equal(both.proposal, "IKEv2 aes256gcm16-sha256-x25519-mlkem768");
  assert.equal(both.b.ups[0]?.info.proposal, both.proposal);
  assert.deepEqual([...new Set(exchanges(both.net))], [34, 43, 35]);
  for (const [mine, theirs] of [
    [PQ, nodeCrypto],
    [nodeCrypto, PQ],
  ] as const) {
    const x = await meet(mine, theirs);
    assert.equal(x.proposal, "IKEv2 aes256gcm16-sha256-x25519");
    assert.deepEqual([...new Set(exchanges(x.net))], [34, 35]);
  }
  const less = await meet(kemCrypto("mlkem1024"), PQ);
  assert.equal(less.proposal, "IKEv2 aes256gcm16-sha256-x25519-mlkem1024");
});
test("the first message still fits into a packet of every path", async () => {
  const x = await meet(PQ, PQ, {}, {});
  assert.ok((x.net.seen[0]?.bytes.length ?? 9999) <= 1232, `${x.net.seen[0]?.bytes.length} bytes`);
});
test("configured, it is a condition: a peer without it is refused in words", async () => {
  const x = await meet(PQ, nodeCrypto, of(HYBRID), {});
  assert.equal(x.a.ups.length, 0);
  await x.net.run(5000, 50);
  assert.match(x.a.downs[0]?.text ?? "", /accepts none of our IKEv2 proposals \(aes256gcm16-sha256-x25519-mlkem768\)/);
  const none = await meet(nodeCrypto, PQ, of(HYBRID), {});
  assert.match(none.a.downs[0]?.text ?? "", /OpenSSL 3\.5/);
  const plain = await meet(nodeCrypto, PQ, {}, of(HYBRID));
  await plain.net.run(5000, 50);
  assert.equal(plain.a.downs[0]?.code, "no-proposal");
});
for (const [name, list] of [
  ["seven of them, Diffie-Hellman groups among them", "mlkem768-mlkem1024-mlkem512-ecp256-ecp384-x448-ecp521"],
  ["one of them", "mlkem1024"],
] as const) {
  test(`${name}: each in its turn, and rekeys have the same`, async () => {
    const life = { ikeLifetimeSeconds: 100, espLifetimeSeconds: 40 };
    const kes = `${HYBRID.replace("mlkem768", "")}${list}`;
    const x = await meet(PQ, PQ, {
      ...of(kes),
      ...esp(`aes256-sha256-ecp256-${list.replace("-ecp256", "")}`),
      ...life,
    });
    assert.equal(x.proposal, `IKEv2 ${kes}`);
    assert.equal(exchanges(x.net).filter((e) => e === 43).length >= 2 * list.split("-").length, true);
    await x.net.run(130_000, 50);
    assert.ok(x.a.rekeys.length >= 3, `${x.a.rekeys.length}`);
    assert.ok(x.a.kinds("ike.rekeyed").some((e) => e.kind === "ike.rekeyed" && e.what === "isakmp"));
    assert.equal(x.a.downs.length + x.b.downs.length, 0);
    assert.equal(x.a.rekeys.at(-1)?.proposal, x.proposal);
    assert.ok(exchanges(x.net).filter((e) => e === 44).length >= 4);
    assert.ok(pass(x.a, x.conn.flow, x.b));
    assert.deepEqual([x.a.ike.sizes().sas, x.b.ike.sizes().sas], [1, 1]);
    const left = [x.a, x.b].flatMap((h) => [h.plane.inbound.size, h.plane.outbound.size, h.plane.reserved.size]);
    assert.deepEqual(left, [1, 1, 0, 1, 1, 0]);
  });
}
test("with a post-quantum preshared key behind it, and behind a NAT", async () => {
  const ppk = { id: "office", secret: Secret.of("long and random") };
  const x = two(PQ, PQ);
  x.net.nats.push(new Nat("192.0.2.9", ["10.0.0.1"]));
  const conn = begin(x, { ppk, ikeLifetimeSeconds: 100 }, { ppk });
  await x.net.run(120_000, 50);
  assert.match(x.a.ups[0]?.info.proposal ?? "", /-mlkem768 with a post-quantum key$/);
  assert.equal(x.a.downs.length, 0);
  assert.ok(x.a.kinds("ike.rekeyed").length > 0);
  assert.ok(pass(x.a, conn.flow, x.b));
  const other = await meet(PQ, PQ, { ppk }, { ppk: { id: "office", secret: Secret.of("another") } });
  assert.equal(other.a.downs[0]?.code, "psk-mismatch");
});

// The way there
test("every datagram may be lost once; small fragments; three times and out of order", async () => {
  const life = { ikeLifetimeSeconds: 100, espLifetimeSeconds: 50, ...esp("aes256-sha256-x25519-mlkem768") };
  const fates: ((x: Two) => void)[] = [
    ({ net }) => {
      const lost = new Set<string>();
      net.fate = (d) => {
        const k = hex(d.bytes);
        if (lost.has(k)) return [5];
        lost.add(k);
        return [];
      };
    },
    ({ net }) => {
      let seed = 7;
      net.fate = () => {
        seed ^= seed << 13;
        seed ^= seed >>> 17;
        seed ^= seed << 5;
        return (seed >>> 8) % 10 === 0 ? [] : [5];
      };
    },
    ({ net }) => {
      net.fate = (_d, n) => [5 + (n % 3) * 7, 30, 90];
    },
  ];
  for (const [i, fate] of fates.entries()) {
    const x = two(PQ, PQ, i === 1 ? { fragmentBytes: 400 } : {});
    fate(x);
    const conn = begin(x, life, life);
    await x.net.run(130_000, 50);
    assert.equal(x.a.ups.length, 1, `${i} ${x.a.downs[0]?.text}`);
    assert.match(x.a.ups[0]?.info.proposal ?? "", /mlkem768$/);
    assert.ok(x.a.rekeys.length >= 1, `${i}`);
    assert.equal(x.a.downs.length + x.b.downs.length, 0, `${i} ${x.a.downs[0]?.text} ${x.b.downs[0]?.text}`);
    assert.ok(pass(x.a, conn.flow, x.b), `${i}`);
  }
});
test("a message changed anywhere changes nothing", async () => {
  for (let nth = 0; nth < 6; nth++) {
    const x = two(PQ, PQ);
    let at = 0;
    x.net.fate = (d, n) => {
      if (n % 6 === nth && n > 1) {
        const to = x.net.hosts.get(d.to.address);
        for (const bit of [1, 128]) {
          const b = d.bytes.slice();
          at = (at * 31 + 17) % b.length;
          b[at] = (b[at] ?? 0) ^ bit;
          if (at >= 28) to?.port.onMessage(Packet.of(b), d.to, d.from);
        }
      }
      return [5];
    };
    const conn = begin(x, { espLifetimeSeconds: 60, ...esp("aes256-sha256-x25519-mlkem768") }, {});
    await x.net.run(70_000, 50);
    assert.equal(x.a.ups.length, 1, `${nth} ${x.a.downs[0]?.text}`);
    assert.equal(x.a.downs.length + x.b.downs.length, 0);
    assert.ok(pass(x.a, conn.flow, x.b));
  }
});

// Both at once
async function collide(
  what: "esp" | "ike",
  delays: readonly number[],
  life: number,
): Promise<Two & { conn: { flow: number } }> {
  const one = { espLifetimeSeconds: 300, espLifetimeBytes: 1_000_000, ...esp("aes256-sha256-x25519-mlkem768") };
  const mine = what === "esp" ? one : { ikeLifetimeSeconds: 220 };
  const x = await meet(PQ, PQ, mine, what === "esp" ? one : { ikeLifetimeSeconds: life });
  x.net.fate = (_d, n) => [delays[n % delays.length] ?? 5];
  const flowB = x.b.ups[0]?.info.flow ?? 0;
  for (let i = 0; what === "esp" && i < 16; i++) {
    pass(x.a, x.conn.flow, x.b, 100_000);
    pass(x.b, flowB, x.a, 100_000);
  }
  return x;
}
for (const delays of [[400], [100, 900], [900, 100], [30, 700, 200], [200, 30, 700], [30], [1500, 30]]) {
  test(`both replace the ESP SAs at once, delays ${delays}: one pair is left`, async () => {
    for (let i = 0; i < 3; i++) {
      const x = await collide("esp", delays, 0);
      const flowB = x.b.ups[0]?.info.flow ?? 0;
      for (let t = 0; t < 40_000; t += 500) {
        assert.ok(pass(x.a, x.conn.flow, x.b) && pass(x.b, flowB, x.a), `at ${t}`);
        await x.net.run(500, 50);
      }
      const left = [x.a, x.b].flatMap((h) => [h.plane.inbound.size, h.plane.outbound.size, h.plane.reserved.size]);
      assert.deepEqual(left, [1, 1, 0, 1, 1, 0]);
      assert.equal(x.a.downs.length + x.b.downs.length, 0);
      assert.ok(x.a.rekeys.length >= 1);
    }
  });
  test(`both replace the IKE SA at once, delays ${delays}: one is left, and it works`, async () => {
    for (let life = 200; life <= 230; life += 6) {
      const x = await collide("ike", delays, life);
      await x.net.run(260_000, 100);
      assert.deepEqual([x.a.ike.sizes().sas, x.b.ike.sizes().sas], [1, 1], `life ${life}`);
      assert.equal(x.a.downs.length + x.b.downs.length, 0);
      assert.ok(x.a.kinds("ike.rekeyed").length > 0);
      assert.ok(pass(x.a, x.conn.flow, x.b));
      x.net.fate = () => [5];
      x.a.ike.close();
      await x.net.run(300);
      assert.equal(x.b.downs[0]?.code, "peer-deleted");
    }
  });
}

// Peers that do it wrong
function bad(make: (key: DhKey) => DhKey): Crypto {
  return { ...PQ, kem: (name) => make(PQ.kem(name)) };
}
test("values that are not acceptable: both sides say so, and nothing is left", async () => {
  const wrong = (key: DhKey, f: (v: Uint8Array) => Uint8Array): DhKey => ({ ...key, publicValue: f(key.publicValue) });
  const ways: ((v: Uint8Array) => Uint8Array)[] = [
    (v) => v.slice(1),
    (v) => Uint8Array.from([...v, 0]),
    () => new Uint8Array(0),
    (v) => v.map((b, i) => (i === 1183 ? 1 : b)),
  ];
  for (const f of ways) {
    const x = await meet(
      bad((k) => wrong(k, f)),
      PQ,
      {},
      {},
    );
    assert.match(x.a.downs[0]?.text ?? "", /refuses mlkem768: INVALID_SYNTAX/);
    assert.equal(x.b.ups.length, 0);
    await x.net.run(1000);
    assert.deepEqual([x.b.ike.sizes().sas, x.b.ike.sizes().halfOpen, x.a.ike.sizes().sas], [0, 0, 0]);
  }
  const short = {
    ...PQ,
    encapsulate: (...o: Parameters<Crypto["encapsulate"]>) => {
      const y = PQ.encapsulate(...o);
      return y && { ...y, ciphertext: y.ciphertext.slice(1) };
    },
  };
  const x = await meet(PQ, short, {}, {});
  assert.equal(x.a.downs[0]?.code, "bad-key");
  assert.match(x.a.downs[0]?.text ?? "", /mlkem768 that is not acceptable/);
});
test("a secret that differs ends in AUTH, or in keys that do not fit: never in a connection", async () => {
  const other = {
    ...PQ,
    encapsulate: (...o: Parameters<Crypto["encapsulate"]>) => {
      const y = PQ.encapsulate(...o);
      return y && { ...y, secret: new Uint8Array(32) };
    },
  };
  const x = await meet(PQ, other, {}, {});
  await x.net.run(60_000, 100);
  assert.deepEqual([x.a.ups.length, x.b.ups.length], [0, 0]);
  assert.equal(x.a.downs.length, 1);
});
test("a rekey that fails behind CREATE_CHILD_SA leaves the old pair, and what was reserved is given back", async () => {
  let broken = false;
  const shaky: Crypto = { ...PQ, encapsulate: (...o) => (broken ? null : PQ.encapsulate(...o)) };
  const life = { espLifetimeSeconds: 100, ...esp("aes256-sha256-x25519-mlkem768") };
  const y = two(shaky, shaky);
  const conn = begin(y, life, life);
  await y.net.run(1000);
  broken = true;
  await y.net.run(91_000, 50);
  assert.equal(y.a.ups.length, 1, y.a.downs[0]?.text);
  assert.equal(y.a.rekeys.length, 0);
  assert.deepEqual([y.a.plane.reserved.size, y.b.plane.reserved.size], [0, 0]);
  assert.ok(pass(y.a, conn.flow, y.b));
  broken = false;
  await y.net.run(20_000, 50);
  assert.ok(y.a.rekeys.length >= 1);
  assert.ok(pass(y.a, conn.flow, y.b));
});
test("a peer that never comes back with IKE_FOLLOWUP_KE: after a while nothing is kept for it", async () => {
  const life = { espLifetimeSeconds: 100, ...esp("aes256-sha256-x25519-mlkem768") };
  const x = await meet(PQ, PQ, life);
  x.net.fate = (d) => (d.bytes[18] === 44 ? [] : [5]);
  await x.net.run(86_000, 50);
  for (let t = 0; t < 10_000 && x.b.plane.reserved.size === 0; t += 50) await x.net.run(50);
  assert.equal(x.b.plane.reserved.size, 1);
  await x.net.run(21_000, 50);
  assert.equal(x.b.plane.reserved.size, 0);
});

// The octets
test("SKEYSEED and KEYMAT behind more key exchanges, computed with another program", () => {
  const s: Suite = { text: "", cipher: "aes", keyBits: 256, integ: "sha256", prf: "sha256", group: "x25519" };
  const run = (n: number, from = 0): Uint8Array => Uint8Array.from({ length: n }, (_, i) => from + i);
  const more = [new Uint8Array(32).fill(0xb1), new Uint8Array(32).fill(0xb2)];
  const seed = { ni: run(16), nr: run(32, 100), spiI: run(8), spiR: run(8) };
  const d = run(32, 7);
  assert.equal(
    hex(nextSeed(nodeCrypto, s, d, new Uint8Array(32).fill(0xaa), seed, more)),
    "7b80e1e5b6c604d5d8d15f87811bda31e487ad2cb8b08834bb6f008f85a9bcca",
  );
  const gir = new Uint8Array(32).fill(0xaa);
  assert.equal(
    hex(childKeymat(nodeCrypto, s, d, { gir, ...seed }, 72, more)),
    "3f7102b6bbed67861d5e387fa0785fc927638690f930c519ff1d29c5d927f67126c424af4e5c077008a6288193aa741eeb6e" +
      "5d35fdfae9425710e29fb211c219c0a50c5b037d1f0b",
  );
});
test("IntAuth is of the whole message before encryption, and chains; computed with another program", () => {
  const s: Suite = { text: "", cipher: "aes-gcm", keyBits: 256, integ: null, prf: "sha256", group: "x25519" };
  const side = (b: number): Keys["initiator"] => ({
    encr: new Uint8Array(0),
    integ: new Uint8Array(0),
    auth: new Uint8Array(32).fill(b),
  });
  const x = new IntAuth(nodeCrypto, s);
  assert.equal(x.octets().length, 0);
  const peer = unhex("0000000c002400000a0b0c0d") ?? assert.fail();
  const ours = [{ type: 34, body: unhex("0024000001020304") ?? assert.fail() }];
  for (const id of [1, 2]) {
    const header = {
      spiI: new Uint8Array(8).fill(1),
      spiR: new Uint8Array(8).fill(2),
      next: 53,
      exchange: 43,
      flags: FLAG.response,
      messageId: id,
    };
    const r = { exchange: 43, chain: readChain(34, peer), header, first: 34, plain: peer };
    const path = { local: { address: "", port: 0 }, remote: { address: "", port: 0 } };
    x.add({ d: peer, initiator: side(0x10 + id), responder: side(0x20 + id) }, { ...r, path }, "initiator", ours);
  }
  assert.equal(
    hex(x.octets()),
    "e2da435f76d2c18180f4c8e7ad5b9b7530c257cf9ee58597fc77f14a9dea339a5b2ea0c15f3cd0eabebe4f7a44848f6fe804" +
      "e79f7ec52bb2f64acbf7013f28ee00000003",
  );
});
test("which of them are chosen: in order, none twice, NONE only where it is offered", () => {
  const list = suites(of("aes256gcm16-sha256-x25519-mlkem768-mlkem1024"), PQ);
  const offer = (...types: readonly (readonly number[])[]) => {
    const [p] = offerSuites(suites(of("aes256gcm16-sha256-x25519"), PQ), new Uint8Array(0));
    assert.ok(p);
    const more = types.flatMap((ids, i) => ids.map((id) => ({ type: 6 + i, id, bits: 0 })));
    return readSa(writeSa([{ ...p, transforms: [...p.transforms, ...more] }]));
  };
  const chosen = (...types: readonly (readonly number[])[]): readonly KeName[] | undefined =>
    chooseSuite(list, offer(...types), true)?.addKe;
  assert.deepEqual(chosen([36], [37]), ["mlkem768", "mlkem1024"]);
  assert.deepEqual(chosen([36, 35], [0], [35, 37]), ["mlkem768", "mlkem1024"]);
  assert.deepEqual(chosen([36, 0], [36], [37, 0]), ["mlkem768", "mlkem1024"]);
  assert.equal(chosen([37], [36]), undefined);
  assert.equal(chosen([36]), undefined);
  assert.equal(chosen([36], [37], [35]), undefined);
  assert.equal(chosen(), undefined);
  assert.equal(chooseSuite(list, offer([36], [37]), false), null, "the peer has no IKE_INTERMEDIATE");
  const standard = suites({ ikeProposals: [] }, PQ);
  assert.deepEqual(chooseSuite(standard, offer([0, 36]), true)?.addKe, ["mlkem768"]);
  assert.deepEqual(chooseSuite(standard, offer([0, 99]), true)?.addKe, []);
  assert.equal(chooseSuite(standard, offer([99]), true), null);
  // many that are of no use cost nothing much
  const useless = (i: number): number[] => [i < 6 ? 0 : 99, ...new Array<number>(29).fill(99)];
  const many = offer(...Array.from({ length: 7 }, (_, i) => useless(i)));
  const began = Date.now();
  assert.equal(chooseSuite(standard, many, true), null);
  assert.ok(Date.now() - began < 50);
});
test("ESP: what a peer asks for is done, what it makes of our offer is not more than that", () => {
  const ours = [parseEspProposal("aes256-sha256")];
  const [p] = offerEsp([parseEspProposal("aes256-sha256-x25519-mlkem768")], new Uint8Array(4).fill(9), true);
  assert.ok(p);
  assert.deepEqual(chooseEsp(ours, [p], 31, true, (k) => PQ.has(k))?.addKe, ["mlkem768"]);
  assert.equal(
    chooseEsp(ours, [p], 31, true, (k) => nodeCrypto.has(k) && k !== "mlkem768"),
    null,
  );
  assert.equal(chooseEsp([{ ...parseEspProposal("aes256-sha256-x25519") }], [p], 31, true), null);
  assert.equal(
    chooseEsp(ours, [p], 31, false, (k) => PQ.has(k)),
    null,
    "not in IKE_AUTH",
  );
  const twice = { ...p, transforms: [...p.transforms, { type: 7, id: 36, bits: 0 }] };
  assert.equal(
    chooseEsp(ours, [twice], 31, true, (k) => PQ.has(k)),
    null,
  );
});
test("the grammar: what is IKEv2's alone, at most seven, none twice", () => {
  assert.equal(parseIke2Proposal(HYBRID).text, HYBRID);
  assert.deepEqual(parseEspProposal("aes256gcm16-x25519-mlkem768").addKe, ["mlkem768"]);
  assert.throws(() => parseIkeProposal(HYBRID), /only IKEv2 has it/);
  assert.throws(() => parseIkeProposal("aes256gcm16-sha256-x25519"), /only IKEv2 has it/);
  for (const wrong of [
    "aes256gcm16-sha256-x25519-x25519",
    "aes256gcm16-sha256-x25519-mlkem768-mlkem768",
    "aes256gcm16-sha256-mlkem768",
    "aes256gcm16-sha256-x25519-kyber",
    "aes256gcm12-sha256-x25519",
    "aes256gcm16-sha256-x25519-mlkem512-mlkem768-mlkem1024-ecp256-ecp384-ecp521-x448-modp2048",
  ])
    assert.throws(() => parseIke2Proposal(wrong), /allowed: .*mlkem768/);
  for (const wrong of ["aes256gcm16-mlkem768", "aes256gcm16-x25519-x25519"])
    assert.throws(() => parseEspProposal(wrong), /allowed: .*mlkem768/);
});
test("a key exchange of another kind is none", () => {
  const chain = { payloads: [notification(1), { type: 34, body: new Uint8Array([0, 36, 0, 0, 7]) }], critical: null };
  assert.deepEqual(keValue(chain, "mlkem768"), Uint8Array.of(7));
  assert.equal(keValue(chain, "mlkem1024"), null);
});
