// What a LAC says of the caller in its ICCN (RFC 2661 §4.4.5), as PPP takes it.
import type { Avps } from "../l2tp/wire/avps.ts";
import type { Begun } from "../ppp/auth/side.ts";
import type { Proxied } from "../ppp/proxied.ts";

/** Proxy Authen Type; textual exchanges are none of PPP's. */
const TYPE = { chap: 2, pap: 3, none: 4, mschap: 5 } as const;
/** Of a challenge and of the response to it. */
const MSCHAP = { challenge: 8, value: 49 } as const;
const MD5 = 16;

/** Null: it has negotiated nothing. A string: what it says cannot be used, and why. */
export function proxiedOf(avps: Avps): Proxied | string | null {
  const { lastSentConfreq: sent, lastReceivedConfreq: received, proxyAuthenType: type } = avps;
  if (!sent && !received && type === undefined) return null;
  if (!sent || !received) return "the LAC does not say what was agreed on";
  const auth = type === undefined || type === TYPE.none ? null : begunOf(type, avps);
  return typeof auth === "string" ? auth : { sent, received, auth };
}
function begunOf(type: number, avps: Avps): Begun | string {
  const { proxyAuthenName: name, proxyAuthenId: id, proxyAuthenChallenge: challenge, proxyAuthenResponse } = avps;
  if (!name || id === undefined || id > 255 || !proxyAuthenResponse) return "the LAC's proof of the peer is incomplete";
  const value = proxyAuthenResponse;
  switch (type) {
    case TYPE.pap:
      return { method: "pap", id, name, password: value };
    case TYPE.chap:
      if (!challenge || challenge.length === 0 || value.length !== MD5) break;
      return { method: "chap", id, name, challenge, value };
    case TYPE.mschap:
      if (challenge?.length !== MSCHAP.challenge || value.length !== MSCHAP.value) break;
      return { method: "mschap", id, name, challenge, value };
    default:
      return `the peer authenticated itself in a way of number ${type}`;
  }
  return "the LAC's challenge and the peer's response do not fit";
}
