// Authentication methods as LCP names them (RFC 1661 §6.2; algorithms of RFC 1994 §3, RFC 2433 §3, RFC 2759 §2).
import { get16 } from "../../core/bytes.ts";
import { sameBytes } from "../../core/text.ts";
import { PROTOCOL, protocolName } from "../frame.ts";

export type AuthMethod = "pap" | "chap" | "mschap" | "mschapv2" | "eap";

/** Best first: what we propose when the peer asks for something we do not do. */
export const METHODS: readonly AuthMethod[] = ["mschapv2", "chap", "mschap", "eap", "pap"];

interface Method {
  readonly title: string;
  /** Value of LCP's Authentication-Protocol option. */
  readonly option: Uint8Array;
  readonly protocol: number;
}
const METHOD: Readonly<Record<AuthMethod, Method>> = {
  pap: { title: "PAP", option: Uint8Array.of(0xc0, 0x23), protocol: PROTOCOL.pap },
  chap: { title: "CHAP-MD5", option: Uint8Array.of(0xc2, 0x23, 0x05), protocol: PROTOCOL.chap },
  mschap: { title: "MS-CHAP", option: Uint8Array.of(0xc2, 0x23, 0x80), protocol: PROTOCOL.chap },
  eap: { title: "EAP", option: Uint8Array.of(0xc2, 0x27), protocol: PROTOCOL.eap },
  mschapv2: { title: "MS-CHAPv2", option: Uint8Array.of(0xc2, 0x23, 0x81), protocol: PROTOCOL.chap },
};

export function methodTitle(m: AuthMethod): string {
  return METHOD[m].title;
}
export function methodOption(m: AuthMethod): Uint8Array {
  return METHOD[m].option;
}
export function methodProtocol(m: AuthMethod): number {
  return METHOD[m].protocol;
}
/** The method an option value asks for, or null when it is none of ours. */
export function methodOf(option: Uint8Array): AuthMethod | null {
  return METHODS.find((m) => sameBytes(METHOD[m].option, option)) ?? null;
}

/** What an option value asks for, in words: "SPAP", "MS-CHAP", "CHAP with algorithm 6". */
export function authTitle(option: Uint8Array): string {
  const m = methodOf(option);
  if (m) return METHOD[m].title;
  if (option.length < 2) return "an unreadable method";
  const protocol = get16(option, 0);
  if (protocol !== PROTOCOL.chap) return protocolName(protocol);
  return `CHAP with algorithm ${option[2] ?? "missing"}`;
}
