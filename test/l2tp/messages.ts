import { Reader } from "../../src/core/bytes.ts";
import { decodeMessage, encodeMessage } from "../../src/l2tp/wire/avp.ts";
import { readControl, writeControl } from "../../src/l2tp/wire/header.ts";
import type { MessageName, MessageOf } from "../../src/l2tp/wire/messages.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import type { Pair } from "./pair.ts";

export const CALL = { mru: 1400, sequencing: false };
export const STOP = { layer: "config", code: "stopped", text: "stopped" } as const;
export function names(p: Pair): string[] {
  return p.log.map(({ from, message }) => {
    const { body } = readControl(new Reader(message));
    return (
      `${from} ` +
      `${body.left === 0 ? "ZLB" : (decodeMessage(body, { crypto: nodeCrypto, secret: null }).name ?? "?")}`
    );
  });
}
export const without = (list: string[], word: string): string[] => list.filter((x) => !x.includes(word));
/** A message to b as from a peer that is not our endpoint. */
export function raw<N extends MessageName>(
  name: N,
  avps: MessageOf<N>,
  h: { tunnelId: number; callId?: number; Ns: number; Nr: number },
): Uint8Array {
  return writeControl({ callId: 0, ...h }, encodeMessage(name, avps));
}
