// IKE's decoders, and a manager that hears strangers. Seeds: a first message, and each codec's smallest good input.
import { DecodeError } from "../../src/core/errors.ts";
import { Packet } from "../../src/core/packet.ts";
import { sameBytes } from "../../src/core/text.ts";
import { espDefaults, IKE_RESPONDER, ikeTransform } from "../../src/ike/proposals.ts";
import { Fragments, LONGEST } from "../../src/ike/v1/fragments.ts";
import { keValue } from "../../src/ike/v2/addke.ts";
import { Connection } from "../../src/ike/v2/connection.ts";
import { chooseEsp, chooseSuite, offerSuites, suites } from "../../src/ike/v2/suite.ts";
import {
  hostSelector,
  notification,
  readAuth,
  readDelete as readDelete2,
  readKe,
  readNotify as readNotify2,
  readSelectors,
  writeKe,
  writeSelectors,
} from "../../src/ike/v2/wire/bodies.ts";
import {
  EXCHANGE,
  readChain as readChain2,
  readEncrypted,
  readMessage as readMessage2,
  writeHeader,
} from "../../src/ike/v2/wire/message.ts";
import { readSa as readSa2, writeSa as writeSa2 } from "../../src/ike/v2/wire/sa.ts";
import { readCert } from "../../src/ike/wire/cert.ts";
import { cut, readFragment } from "../../src/ike/wire/fragment.ts";
import { readMessage, writeMessage } from "../../src/ike/wire/header.ts";
import { parseIkeId, readId, readNatOa, writeId, writeNatOa } from "../../src/ike/wire/id.ts";
import { readDelete, readNotify, writeDelete, writeNotify } from "../../src/ike/wire/notify.ts";
import { type Payload, readChain, writeChain } from "../../src/ike/wire/payloads.ts";
import { readSa, writeSa } from "../../src/ike/wire/sa.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { readCertificate } from "../../src/x509/certificate.ts";
import { client, Host, Net, server } from "../ike/double.ts";
import { kemCrypto } from "../ike/v2/kem.ts";
import { NOW, TestCa, trust } from "../x509/ca.ts";

const sa = writeSa([
  {
    number: 1,
    protocol: 1,
    spi: new Uint8Array(0),
    transforms: IKE_RESPONDER.map((p, i) => ikeTransform(p, i + 1, 3600)),
  },
]);
const header = {
  icookie: new Uint8Array(8).fill(7),
  rcookie: new Uint8Array(8),
  next: 1,
  exchange: 2,
  flags: 0,
  messageId: 0,
};
const id = writeId({ id: parseIkeId("vpn.example") ?? { type: 2, text: "x" }, protocol: 17, port: 1701 });

const PATH = { local: { address: "10.0.0.2", port: 500 }, remote: { address: "198.51.100.7", port: 500 } };
const list = suites({ ikeProposals: IKE_RESPONDER }, nodeCrypto);
/** IKE_SA_INIT with a key exchange that is good. */
const first2 = ((): Uint8Array => {
  const body = writeChain([
    { type: 33, body: writeSa2(offerSuites(list, new Uint8Array(0))) },
    { type: 34, body: writeKe({ group: 31, value: new Uint8Array(32).fill(9) }) },
    { type: 40, body: new Uint8Array(32).fill(3) },
    notification(16388, new Uint8Array(20)),
    notification(16389, new Uint8Array(20)),
  ]);
  const head = {
    spiI: new Uint8Array(8).fill(7),
    spiR: new Uint8Array(8),
    next: 33,
    exchange: 34,
    flags: 8,
    messageId: 0,
  };
  return Uint8Array.from([...writeHeader(head, body.length), ...body]);
})();
const selectors = writeSelectors([hostSelector("192.0.2.1", 17, 1701), hostSelector("2001:db8::1", 17, 0)]);
/** A connection that is up, which hears the same bytes under its own SPIs. */
const live = new Net();
const [near, far] = [new Host(live, "10.0.0.1"), new Host(live, "10.0.0.2")];
far.ike.addResponder(server({ versions: "v2" }), far);
const alive = near.ike.connect(client("10.0.0.2", "10.0.0.1", { versions: "v2" }), near);
await live.run(400);
const spis = live.seen.at(-1)?.bytes.slice(0, 16) ?? new Uint8Array(16);

/** Two more with additional key exchanges, of which the client has the key and sends what it likes (RFC 9370). */
const inside = new Net();
const kems = { crypto: kemCrypto("mlkem768") };
const [insider, victim] = [
  new Host(inside, "10.0.0.1", undefined, kems),
  new Host(inside, "10.0.0.2", undefined, kems),
];
victim.ike.addResponder(server({ versions: "v2", dpdSeconds: 0 }), victim);
const held = insider.ike.connect(client("10.0.0.2", "10.0.0.1", { versions: "v2", dpdSeconds: 0 }), insider);
await inside.run(400);
const SEALED = { exchanges: [EXCHANGE.createChild, EXCHANGE.intermediate, EXCHANGE.followup], types: [33, 34, 40, 41] };
/** What `b` says under the keys of an IKE SA: its exchange, then payloads, each behind its type and length. */
function fromInside(b: Uint8Array): void {
  if (!(held instanceof Connection) || !held.current || held.current.channel.busy) return;
  const payloads: Payload[] = [];
  for (let at = 1; at + 1 < b.length && payloads.length < 6; ) {
    const end = at + 2 + (b[at + 1] ?? 0) * 4;
    payloads.push({ type: SEALED.types[(b[at] ?? 0) % 4] ?? 34, body: b.subarray(at + 2, end) });
    at = end;
  }
  const exchange = SEALED.exchanges[(b[0] ?? 0) % 3] ?? 36;
  const nothing = (): void => {};
  held.current.channel.ask(() => ({ exchange, payloads, answered: nothing, silent: nothing, unreadable: nothing }));
  inside.clock.advance(20);
  inside.seen.length = 0;
  for (const h of [insider, victim]) h.events.length = 0;
  if (victim.plane.reserved.size > 40) throw new Error("what an insider begins is not bounded");
}

const ca = new TestCa("CN=fuzz");
const cas = trust([ca]);
const leaf = ca.server("vpn.example");
/** As the peer's certificate: a verdict in words, and only the CA's own certificates are trusted. */
function validated(b: Uint8Array): void {
  const v = cas.validate([b], NOW, "server");
  if (v.trusted && !sameBytes(b, leaf.der) && !sameBytes(b, ca.own.der))
    throw new Error("a certificate of nobody is trusted");
  if (!v.trusted && v.text.length < 8) throw new Error("no words");
}
const decoders: readonly ((b: Uint8Array) => unknown)[] = [
  readMessage,
  readSa,
  readNotify,
  readDelete,
  readId,
  readNatOa,
  readFragment,
  fragments,
  readCert,
  readCertificate,
  validated,
  (b) => readChain(b[0] ?? 0, b.subarray(1), false),
  (b) => readChain(b[0] ?? 0, b.subarray(1), true),
  (b) => readMessage2(b, PATH),
  (b) => readEncrypted(readMessage2(b, PATH)),
  (b) => readChain2(b[0] ?? 0, b.subarray(1)),
  readSa2,
  readNotify2,
  readDelete2,
  readKe,
  readAuth,
  readSelectors,
  (b) => chooseSuite(list, readSa2(b), true),
  (b) => chooseEsp(espDefaults("aes", "responder"), readSa2(b), 31, true, () => true),
  (b) => keValue(readChain2(34, b), "mlkem768"),
];
/** The input as fragments, each behind its length: nothing but whole messages comes of them, none too long. */
function fragments(b: Uint8Array): void {
  const into = new Fragments();
  for (let at = 0; at < b.length; at += 1 + (b[at] ?? 0)) {
    const whole = into.add(readFragment(b.subarray(at + 1, at + 1 + (b[at] ?? 0))));
    if (whole instanceof Uint8Array && whole.length > LONGEST) throw new Error("a message of fragments is too long");
  }
}
const net = new Net();
net.fate = () => [];
const host = new Host(net, "10.0.0.2");
host.ike.addResponder(server({ versions: "auto", ikeProposals: IKE_RESPONDER }), host);

export const target = {
  name: "ike",
  seeds: [
    writeMessage(
      header,
      writeChain([
        { type: 1, body: sa },
        { type: 13, body: new Uint8Array(16) },
      ]),
    ),
    sa,
    id,
    first2,
    selectors,
    Uint8Array.from([...spis, 46, 0x20, 37, 8, 0, 0, 0, 2, 0, 0, 0, 60, 0, 0, 0, 32, ...new Array<number>(28).fill(5)]),
    new Uint8Array([2, 1, 2, 0, 36, 0, 0, 1, 1, 1, 1, 3, 4, 0, 0, 0x40, 0x39, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0]),
    leaf.der,
    new Uint8Array([4, ...leaf.der]),
    writeNatOa("192.0.2.1"),
    writeNotify({ protocol: 1, type: 36136, spi: new Uint8Array(16), data: new Uint8Array(4) }),
    writeDelete({ protocol: 3, spis: [new Uint8Array(4)] }),
    ...cut(new Uint8Array(3000), header, 1),
    new Uint8Array([11, 0, 0, 0, 11, 0, 1, 1, 0, 7, 7, 7, 11, 0, 0, 0, 11, 0, 1, 2, 1, 8, 8, 8]),
    new Uint8Array([
      5,
      ...writeChain([
        { type: 5, body: id },
        { type: 8, body: new Uint8Array(20) },
      ]),
    ]),
  ],
  run(bytes: Uint8Array): void {
    for (const d of decoders) {
      try {
        d(bytes);
      } catch (e) {
        if (!(e instanceof DecodeError)) throw e;
      }
    }
    host.port.onMessage(Packet.of(bytes), { address: "10.0.0.2", port: 500 }, { address: "198.51.100.7", port: 500 });
    fromInside(bytes);
    const own = bytes.slice();
    if (own.length > 16) own.set(spis);
    far.port.onMessage(Packet.of(own), { address: "10.0.0.2", port: 500 }, { address: "10.0.0.1", port: 500 });
    near.port.onMessage(Packet.of(own), { address: "10.0.0.1", port: 500 }, { address: "10.0.0.2", port: 500 });
    if (alive.info() === null || far.downs.length > 0) throw new Error("a stranger ended a connection");
    live.seen.length = 0;
    for (const h of [near, far]) h.events.length = 0;
    net.seen.length = 0;
    host.events.length = 0;
    net.clock.advance(1000);
    const { sas, halfOpen } = host.ike.sizes();
    if (sas > 256 || halfOpen > 256) throw new Error("half-open SAs are not bounded");
  },
};
