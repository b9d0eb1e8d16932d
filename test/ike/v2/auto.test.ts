// Which version two managers agree on.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { IkeVersions } from "../../../src/ike/types.ts";
import { client, type Host, type Net, pair, pass, server } from "../double.ts";

interface Two {
  net: Net;
  a: Host;
  b: Host;
}
function listening(versions: IkeVersions): Two {
  const x = pair();
  x.b.ike.addResponder(server({ versions }), x.b);
  return x;
}
/** Milliseconds until it is up. */
async function up({ net, a, b }: Two, versions: IkeVersions, pinned = false): Promise<number> {
  const [n, ups] = [a.ups.length + a.downs.length, a.ups.length];
  const conn = a.ike.connect(client(b.address, a.address, { versions, pinned }), a);
  const began = net.clock.now();
  while (a.ups.length + a.downs.length === n && net.clock.now() - began < 60_000) await net.run(10);
  const took = net.clock.now() - began;
  if (a.ups.length > ups) assert.ok(pass(a, conn.flow, b));
  conn.close("");
  await net.run(100);
  return took;
}
const versionOf = ({ a }: Two): string => (a.ups.at(-1)?.info.proposal.startsWith("IKEv2") ? "v2" : "v1");

for (const [ours, theirs, got] of [
  ["auto", "auto", "v2"],
  ["auto", "v2", "v2"],
  ["auto", "v1", "v1"],
  ["v1", "auto", "v1"],
  ["v2", "auto", "v2"],
] as const) {
  test(`${ours} to a server of ${theirs}`, async () => {
    const x = listening(theirs);
    await up(x, ours);
    assert.equal(versionOf(x), got);
    assert.deepEqual([x.a.ike.sizes().connections, x.b.ike.sizes().connections], [0, 0]);
    assert.deepEqual([x.a.downs.length, x.a.ups.length], [0, 1]);
  });
}
test("v2 to a server of IKEv1, v1 to one of IKEv2: no answer", async () => {
  for (const [ours, theirs] of [
    ["v2", "v1"],
    ["v1", "v2"],
  ] as const) {
    const x = listening(theirs);
    await up(x, ours);
    assert.deepEqual([x.a.ups.length, x.a.downs[0]?.code], [0, "no-answer"]);
  }
});
test("a server that ignores IKEv2 costs a second, once", async () => {
  const x = listening("v1");
  const first = await up(x, "auto");
  assert.ok(first >= 1000 && first < 1300, `${first} ms`);
  const second = await up(x, "auto");
  assert.ok(second < 300, `${second} ms`);
});
test("where IKEv2 fails with a server that answers in it, IKEv1 follows at once", async () => {
  const x = pair();
  x.b.ike.addResponder(server({ versions: "auto", remoteId: { type: 2, text: "nobody" } }), x.b);
  await up(x, "auto");
  assert.deepEqual([x.a.ups.length, x.a.downs.length], [0, 1]);
});
test("pinned: after IKEv2 was seen IKEv1 is not tried", async () => {
  const x = listening("auto");
  await up(x, "auto", true);
  assert.equal(versionOf(x), "v2");
  // somebody keeps IKEv2 away
  x.net.fate = (d) => ((d.bytes[17] ?? 0) >> 4 === 2 ? [] : [5]);
  await up(x, "auto", true);
  assert.deepEqual([x.a.ups.length, x.a.downs[0]?.code], [1, "no-answer"]);
  await up(x, "auto");
  assert.deepEqual([x.a.ups.length, versionOf(x)], [2, "v1"]);
});
test("once IKEv2 was seen, IKEv1 in its place is told", async () => {
  const x = listening("auto");
  const told = (): number => x.a.kinds("daemon.warning").length;
  await up(x, "auto");
  x.net.fate = (d) => ((d.bytes[17] ?? 0) >> 4 === 2 ? [] : [5]);
  await up(x, "auto");
  assert.deepEqual([versionOf(x), told()], ["v1", 1]);
  await up(x, "auto");
  assert.deepEqual([versionOf(x), told()], ["v1", 1]);
});
test("a server that begins in IKEv2 and goes no further: IKEv1 within ten seconds, and not where IKEv2 was seen", async () => {
  const IKE_AUTH = 35;
  const x = listening("auto");
  x.net.fate = (d) => ((d.bytes[17] ?? 0) >> 4 === 2 && d.bytes[18] === IKE_AUTH ? [] : [5]);
  const took = await up(x, "auto", true);
  assert.equal(versionOf(x), "v1");
  assert.ok(took > 5000 && took < 10_000, `${took} ms`);
  const y = listening("auto");
  await up(y, "auto", true);
  y.net.fate = x.net.fate;
  await up(y, "auto", true);
  assert.deepEqual([y.a.ups.length, y.a.downs[0]?.code], [1, "no-answer"]);
});
test("IKEv2's first message is lost: its second one comes before IKEv1 does", async () => {
  const x = listening("auto");
  let n = 0;
  x.net.fate = () => (n++ === 0 ? [] : [5]);
  await up(x, "auto");
  assert.equal(versionOf(x), "v2");
});
test("a peer that answers in IKEv1: it is not waited for", async () => {
  const x = listening("v1");
  x.net.fate = (d) => {
    if (d.bytes[17] === 0x20) {
      // INVALID-MAJOR-VERSION in an informational exchange of IKEv1
      const notify = Uint8Array.from([...d.bytes.subarray(0, 16), 11, 0x10, 5, 0, 0, 0, 0, 9, 0, 0, 0, 40]);
      const body = Uint8Array.from([0, 0, 0, 12, 0, 0, 0, 1, 1, 0, 0, 5]);
      x.net.send({ from: d.to, to: d.from, bytes: Uint8Array.from([...notify, ...body]) });
    }
    return [5];
  };
  const took = await up(x, "auto");
  assert.ok(took < 400, `${took} ms`);
  assert.equal(versionOf(x), "v1");
});
