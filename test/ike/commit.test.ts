// The commit bit in quick mode, RFC 2408 §3.1: a server that sets it says CONNECTED when it can take our ESP.
import assert from "node:assert/strict";
import { test } from "node:test";
import { u32 } from "../../src/core/bytes.ts";
import { Packet } from "../../src/core/packet.ts";
import { EXCHANGE, FLAG, readMessage } from "../../src/ike/wire/header.ts";
import { NOTIFY, writeNotify } from "../../src/ike/wire/notify.ts";
import { PAYLOAD, payload } from "../../src/ike/wire/payloads.ts";
import { PROTOCOL } from "../../src/ike/wire/sa.ts";
import { client, type Host, pair, server } from "./double.ts";
import { Insider } from "./insider.ts";

const [QUICK_AT, FLAGS_AT] = [18, 19];

/** Our client begins with a server that sets the bit. */
function meet() {
  const { net, a } = pair();
  const b = new Insider(net, "10.0.0.3", a.address, server());
  net.tamper = (m) => {
    if (m[QUICK_AT] === EXCHANGE.quick) m[FLAGS_AT] = FLAG.encrypted | FLAG.commit;
  };
  return { net, a, b, conn: a.ike.connect(client(b.host.address, a.address), a) };
}
/** It says CONNECTED `as` this, or nothing, 200 ms behind message 3. */
async function committed(as: "quick" | "informational" | null, spoil: (m: Uint8Array) => void = () => {}) {
  const { net, a, b } = meet();
  const { onMessage } = b.host.port;
  let seen = 0;
  b.host.port.onMessage = (p, local, from) => {
    const datagram = p.view().slice();
    const { header } = readMessage(datagram);
    if (header.exchange !== EXCHANGE.quick || ++seen < 2) return onMessage(p, local, from);
    if (as === null || seen > 2) return;
    const { protection } = b.up;
    const { messageId } = header;
    const connected = writeNotify({ protocol: PROTOCOL.esp, type: NOTIFY.connected, spi: u32(1), data: u32(0) });
    const { message } = protection.sealHashed({
      messageId,
      kind: as,
      iv: as === "quick" ? protection.ivBehind(datagram) : protection.firstIv(messageId),
      prefix: [u32(messageId)],
      payloads: [payload(PAYLOAD.notify, connected)],
    });
    spoil(message);
    net.clock.timer("connected", () => b.up.transmit(message)).arm(200);
  };
  const began = net.clock.now();
  while (a.ups.length + a.downs.length === 0 && net.clock.now() - began < 5000) await net.run(10);
  return { net, a, took: net.clock.now() - began };
}
const isUp = (a: Host): void => assert.deepEqual([a.ups.length, a.downs.length], [1, 0]);

for (const as of ["quick", "informational"] as const)
  test(`CONNECTED in ${as === "quick" ? "the quick mode" : "an informational exchange of its id"}: up then`, async () => {
    const { net, a, took } = await committed(as);
    isUp(a);
    assert.ok(took >= 200 && took < 400, `${took} ms`);
    // and the same once more changes nothing
    const last = net.seen.findLast((d) => d.to.address === a.address);
    assert.ok(last);
    a.port.onMessage(Packet.of(last.bytes.slice()), last.to, last.from);
    await net.run(2000);
    isUp(a);
  });
test("no CONNECTED, or one that anybody may have said: up a second later", async () => {
  for (const spoil of [null, (m: Uint8Array): void => void m.fill(0x55, m.length - 16)]) {
    const { a, took } = await committed(spoil && "quick", spoil ?? undefined);
    isUp(a);
    assert.ok(took >= 1000 && took < 1300, `${took} ms`);
  }
});
test("the server is silent and the client goes: nothing is up, and nothing of it is left", async () => {
  const { net, a, conn } = meet();
  await net.run(500);
  assert.equal(a.ups.length, 0);
  conn.close("");
  await net.run(3000);
  assert.deepEqual([a.ups.length, a.plane.inbound.size, a.plane.outbound.size, a.plane.reserved.size], [0, 0, 0, 0]);
});
