// An unauthenticated informational exchange, RFC 2408 §5.4: one notification, smaller than the message it answers.
import { type Rng, random32 } from "../../core/rng.ts";
import { EXCHANGE, writeMessage } from "./header.ts";
import { writeNotify } from "./notify.ts";
import { PAYLOAD, payload, writeChain } from "./payloads.ts";
import { PROTOCOL } from "./sa.ts";

/** `rcookie` is zero when there is no SA. */
export function clearNotify(rng: Rng, type: number, icookie: Uint8Array, rcookie: Uint8Array): Uint8Array {
  const spi = new Uint8Array(16);
  spi.set(icookie);
  spi.set(rcookie, 8);
  const body = writeNotify({ protocol: PROTOCOL.isakmp, type, spi, data: new Uint8Array(0) });
  const header = {
    icookie,
    rcookie,
    next: PAYLOAD.notify,
    exchange: EXCHANGE.informational,
    flags: 0,
    messageId: (random32(rng) | 1) >>> 0,
  };
  return writeMessage(header, writeChain([payload(PAYLOAD.notify, body)]));
}
