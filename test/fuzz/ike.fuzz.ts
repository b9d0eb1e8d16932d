// IKE's decoders, and a manager that hears strangers. Seeds: a first message, and each codec's smallest good input.
import { DecodeError } from "../../src/core/errors.ts";
import { Packet } from "../../src/core/packet.ts";
import { IKE_RESPONDER, ikeTransform } from "../../src/ike/proposals.ts";
import { Fragments, LONGEST } from "../../src/ike/v1/fragments.ts";
import { cut, readFragment } from "../../src/ike/wire/fragment.ts";
import { readMessage, writeMessage } from "../../src/ike/wire/header.ts";
import { parseIkeId, readId, readNatOa, writeId, writeNatOa } from "../../src/ike/wire/id.ts";
import { readDelete, readNotify, writeDelete, writeNotify } from "../../src/ike/wire/notify.ts";
import { readChain, writeChain } from "../../src/ike/wire/payloads.ts";
import { readSa, writeSa } from "../../src/ike/wire/sa.ts";
import { Host, Net, server } from "../ike/double.ts";

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

const decoders: readonly ((b: Uint8Array) => unknown)[] = [
  readMessage,
  readSa,
  readNotify,
  readDelete,
  readId,
  readNatOa,
  readFragment,
  fragments,
  (b) => readChain(b[0] ?? 0, b.subarray(1), false),
  (b) => readChain(b[0] ?? 0, b.subarray(1), true),
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
host.ike.addResponder(server({ ikeProposals: IKE_RESPONDER }), host);

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
    net.seen.length = 0;
    host.events.length = 0;
    net.clock.advance(1000);
    const { sas, halfOpen } = host.ike.sizes();
    if (sas > 256 || halfOpen > 256) throw new Error("half-open SAs are not bounded");
  },
};
