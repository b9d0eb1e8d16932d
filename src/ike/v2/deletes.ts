// Deletes, RFC 7296 §1.4.1.
import { type Payload, payload } from "../wire/payloads.ts";
import { PROTOCOL, writeDelete } from "./wire/bodies.ts";
import { PAYLOAD } from "./wire/message.ts";

/** The IKE SA that carries it ends, with its child SAs. */
export const DELETE_IKE: Payload = payload(PAYLOAD.delete, writeDelete({ protocol: PROTOCOL.ike, spis: [] }));
/** Pairs of ESP SAs, by our inbound SPIs. */
export function deleteEsp(spis: readonly number[]): Payload {
  return payload(PAYLOAD.delete, writeDelete({ protocol: PROTOCOL.esp, spis }));
}
