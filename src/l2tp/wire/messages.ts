// RFC 2661 §6: what each control message must and may carry.
import type { AvpName, Avps, ValueOf } from "./avps.ts";

interface Spec<R extends AvpName, O extends AvpName> {
  readonly code: number;
  readonly must: readonly R[];
  readonly may: readonly O[];
}
const message = <const R extends AvpName, const O extends AvpName = never>(
  code: number,
  must: readonly R[],
  may: readonly O[] = [],
): Spec<R, O> => ({ code, must, may });

const PROXY = [
  "initialReceivedConfreq",
  "lastSentConfreq",
  "lastReceivedConfreq",
  "proxyAuthenType",
  "proxyAuthenName",
  "proxyAuthenChallenge",
  "proxyAuthenId",
  "proxyAuthenResponse",
] as const;

export const MESSAGE = {
  // control connection management
  SCCRQ: message(
    1,
    ["protocolVersion", "hostName", "framingCapabilities", "assignedTunnelId"],
    ["bearerCapabilities", "receiveWindowSize", "challenge", "tieBreaker", "firmwareRevision", "vendorName"],
  ),
  SCCRP: message(
    2,
    ["protocolVersion", "framingCapabilities", "hostName", "assignedTunnelId"],
    ["bearerCapabilities", "firmwareRevision", "vendorName", "receiveWindowSize", "challenge", "challengeResponse"],
  ),
  SCCCN: message(3, [], ["challengeResponse"]),
  StopCCN: message(4, ["assignedTunnelId", "resultCode"]),
  HELLO: message(6, []),
  // call management
  OCRQ: message(
    7,
    ["assignedCallId", "callSerialNumber", "minimumBps", "maximumBps", "bearerType", "framingType", "calledNumber"],
    ["subAddress"],
  ),
  OCRP: message(8, ["assignedCallId"], ["physicalChannelId"]),
  OCCN: message(9, ["txConnectSpeed", "framingType"], ["rxConnectSpeed", "sequencingRequired"]),
  ICRQ: message(
    10,
    ["assignedCallId", "callSerialNumber"],
    ["bearerType", "physicalChannelId", "callingNumber", "calledNumber", "subAddress"],
  ),
  ICRP: message(11, ["assignedCallId"]),
  ICCN: message(
    12,
    ["txConnectSpeed", "framingType"],
    [...PROXY, "privateGroupId", "rxConnectSpeed", "sequencingRequired"],
  ),
  CDN: message(14, ["resultCode", "assignedCallId"], ["q931Cause"]),
  // error reporting
  WEN: message(15, ["callErrors"]),
  // PPP session control
  SLI: message(16, ["accm"]),
} as const;
export type MessageName = keyof typeof MESSAGE;
export type MessageOf<N extends MessageName> =
  (typeof MESSAGE)[N] extends Spec<infer R, infer O>
    ? { readonly [K in R]: ValueOf<K> } & { readonly [K in O]?: ValueOf<K> }
    : never;

const BY_CODE = new Map<number, MessageName>((Object.keys(MESSAGE) as MessageName[]).map((n) => [MESSAGE[n].code, n]));
export function messageName(code: number): MessageName | undefined {
  return BY_CODE.get(code);
}
/** What no peer can leave out, however liberal we are: without it the other side cannot be addressed. */
const ESSENTIAL: Readonly<Partial<Record<MessageName, AvpName>>> = {
  SCCRQ: "assignedTunnelId",
  SCCRP: "assignedTunnelId",
  OCRQ: "assignedCallId",
  OCRP: "assignedCallId",
  ICRQ: "assignedCallId",
  ICRP: "assignedCallId",
};
/** AVPs that the message must carry (§6) and does not; `fatal` when it cannot be served without. */
export function missingAvps(
  name: MessageName,
  avps: Avps,
): { readonly missing: readonly AvpName[]; readonly fatal: boolean } {
  const missing = MESSAGE[name].must.filter((n) => avps[n] === undefined);
  const key = ESSENTIAL[name];
  const value = key === undefined ? 1 : avps[key];
  return { missing, fatal: value === undefined || value === 0 };
}
