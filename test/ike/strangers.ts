// Peers by hand, without a manager: what an attacker sends, and what a client that goes its own way does.

import { Counters } from "../../src/core/counters.ts";
import { DecodeError } from "../../src/core/errors.ts";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import { type IkeProposal, ikeTransform } from "../../src/ike/proposals.ts";
import { IkeSa } from "../../src/ike/v1/ikesa.ts";
import { type IsakmpHeader, readMessage, writeMessage } from "../../src/ike/wire/header.ts";
import { writeChain } from "../../src/ike/wire/payloads.ts";
import { writeSa } from "../../src/ike/wire/sa.ts";
import type { Endpoint } from "../../src/ports/ports.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { client, type Host, type Net } from "./double.ts";

export const at500 = (address: string): Endpoint => ({ address, port: 500 });
export const header = (more: Partial<IsakmpHeader> = {}): IsakmpHeader => ({
  icookie: nodeCrypto.random(8),
  rcookie: new Uint8Array(8),
  next: 1,
  exchange: 2,
  flags: 0,
  messageId: 0,
  ...more,
});

/** Message 1 offering one transform. */
export function first(p: IkeProposal): Uint8Array {
  const sa = writeSa([{ number: 1, protocol: 1, spi: new Uint8Array(0), transforms: [ikeTransform(p, 1, 3600)] }]);
  return writeMessage(header(), writeChain([{ type: 1, body: sa }]));
}
/** Message 3 for the cookies of `answer`, a message 2; always the same public value (X25519's base point). */
export function third(answer: Uint8Array): Uint8Array {
  const { icookie, rcookie } = readMessage(answer).header;
  const ke = new Uint8Array(32);
  ke[0] = 9;
  return writeMessage(
    header({ icookie, rcookie, next: 4 }),
    writeChain([
      { type: 4, body: ke },
      { type: 10, body: new Uint8Array(16) },
    ]),
  );
}
/** Something encrypted with a key that nobody has: a guess. */
export function fifth(answer: Uint8Array, n: number): Uint8Array {
  const { icookie, rcookie } = readMessage(answer).header;
  return writeMessage(header({ icookie, rcookie, next: 5, flags: 1 }), new Uint8Array(64).fill(n));
}
export function say(to: Host, bytes: Uint8Array, from: Endpoint): void {
  to.port.onMessage(Packet.of(bytes), at500(to.address), from);
}
/** What `to` got since the `n`th datagram. */
export function heard(net: Net, n: number, to: string): Uint8Array[] {
  return net.seen
    .slice(n)
    .filter((d) => d.to.address === to)
    .map((d) => d.bytes);
}

/** One ISAKMP SA of `host` with `server`, in place of its manager; up after some 100 ms. */
export function alone(host: Host, server: Host, psk = "s3cret"): IkeSa {
  const { port } = host;
  const env = {
    clock: host.net.clock,
    crypto: nodeCrypto,
    log: { emit: () => {} },
    port,
    plane: host.plane,
    counters: new Counters(),
    wallClock: () => 0,
  };
  const sa = new IkeSa({
    env,
    policy: client(server.address, host.address, { psk: Secret.of(psk) }),
    role: "initiator",
    icookie: nodeCrypto.random(8),
    path: { local: at500(host.address), remote: at500(server.address) },
    first: false,
    owner: {
      established: () => {},
      failed: () => {},
      connectionFor: () => null,
      initialContact: () => {},
      deleted: () => {},
      closed: () => {},
      asksTurn: () => {},
      fragments: () => {},
      unspoken: () => {},
    },
  });
  port.onMessage = (p, local, remote) => {
    const datagram = p.view().slice();
    const { header, body } = readMessage(datagram);
    try {
      sa.receive({ header, body, datagram, path: { local, remote } });
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e; // for another SA of this host
    }
  };
  sa.begin();
  return sa;
}
