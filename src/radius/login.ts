// One caller's authentication by RADIUS: PAP, CHAP (RFC 2865), MS-CHAP of both versions (RFC 2548), and any EAP method,
// which passes through (RFC 3579).
import { get8, get16 } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import { concat, fromUtf8, utf8 } from "../core/text.ts";
import { inQuotes, printable, said } from "../core/words.ts";
import { Attributes } from "./attributes.ts";
import type { RadiusClient } from "./client.ts";
import { type Grant, grantOf } from "./grant.ts";
import { hidePassword, LONGEST_PASSWORD, type Sealer, showKey, showPassword } from "./hiding.ts";
import { CODE } from "./packet.ts";
import type { Answer, RadiusServer } from "./peers.ts";

/** As a peer shows them to PPP. */
export type Credentials =
  | { readonly method: "pap"; readonly user: string; readonly password: Uint8Array }
  | {
      readonly method: "chap" | "mschap" | "mschapv2";
      readonly user: string;
      readonly id: number;
      readonly challenge: Uint8Array;
      readonly value: Uint8Array;
      /** A new password: under the old one's hash, 516 bytes; and what the attribute has behind its identifier. */
      readonly change?: { readonly password: Uint8Array; readonly rest: Uint8Array };
    }
  | { readonly method: "eap"; readonly user: string; readonly packet: Uint8Array };

export type Outcome =
  | {
      readonly is: "accepted";
      /** The Success message of MS-CHAPv2, an EAP packet, or text. */
      readonly message: Uint8Array;
      /** MS-CHAP's hash of the hash of the password, or 64 bytes: what we receive with, what we send with. */
      readonly keys: { readonly version: 1 | "eap"; readonly bytes: Uint8Array } | null;
      readonly grant: Grant;
    }
  | Refused
  | { readonly is: "more"; readonly message: Uint8Array }
  /** `begun`: nobody else can go on with it. */
  | { readonly is: "unanswered"; readonly text: string; readonly begun: boolean };

interface Refused {
  readonly is: "refused";
  /** Null where the server has no words for the peer. */
  readonly message: Uint8Array | null;
  readonly text: string;
  readonly wrong: boolean;
  /** Of MS-CHAP: the password was right and has expired. */
  readonly expired?: boolean;
}

/** Who we are to RADIUS servers. */
export interface Nas {
  readonly identifier: string;
}
/** A caller, before and after it is a session. */
export interface Caller {
  /** Acct-Session-Id. */
  readonly session: string;
  readonly port: number;
  /** The caller's address and ours. */
  readonly from: string;
  readonly at: string;
  /** The largest EAP packet that PPP carries, in bytes. */
  readonly mtu: number;
}
const VALUE = { service: 2, protocol: 1, virtual: 5, l2tp: 3, ip4: 1, ip6: 2 } as const;
const LONGEST = 253;
const NOTHING = new Uint8Array(0);
/** Of a new password, in one attribute: what a value holds less vendor, types, lengths, identifier and number. */
const FRAGMENT = 243;
/** Of MS-CHAP's Response and of CHAP's. */
const SIZE = { chap: 16, mschap: 49, mschapv2: 49 } as const;

/** In every request about a caller. */
export function about({ identifier }: Nas, c: Caller): Attributes {
  const out = new Attributes().add("NAS-Identifier", identifier).add("NAS-Port", c.port);
  out.add("NAS-Port-Type", VALUE.virtual).add("Service-Type", VALUE.service).add("Framed-Protocol", VALUE.protocol);
  if (c.at.includes(":")) out.add("NAS-IPv6-Address", c.at);
  else if (c.at !== "") out.add("NAS-IP-Address", c.at);
  out.add("Calling-Station-Id", c.from).add("Called-Station-Id", c.at === "" ? identifier : c.at);
  // RFC 2868: the tag 0 before the value of an integer is its first byte; text has none
  out.add("Tunnel-Type", VALUE.l2tp).add("Tunnel-Medium-Type", c.from.includes(":") ? VALUE.ip6 : VALUE.ip4);
  return out.add("Tunnel-Client-Endpoint", c.from).add("Acct-Session-Id", c.session);
}

export class Login {
  readonly #client: () => RadiusClient;
  readonly #nas: Nas;
  readonly #caller: Caller;
  /** Of an EAP conversation: State, and the server that has it. */
  #thread: { readonly server: RadiusServer; readonly state: readonly Uint8Array[] } | null = null;

  constructor(client: () => RadiusClient, nas: Nas, caller: Caller) {
    this.#client = client;
    this.#nas = nas;
    this.#caller = caller;
  }
  /** `done`: once, never inside ask(). Returns what takes the question back; null: no server could say yes to that. */
  ask(c: Credentials, done: (o: Outcome) => void): (() => void) | null {
    if (!askable(c)) return null;
    // An Identity begins a conversation.
    if (c.method !== "eap" || get8(c.packet, 4) === 1) this.#thread = null;
    const thread = this.#thread;
    return this.#client().ask({
      code: CODE.accessRequest,
      attributes: (sealer) => {
        const a = about(this.#nas, this.#caller).add("User-Name", c.user).addAll(shown(c, sealer));
        // RFC 3579 §2.4: how long EAP's own fragments may be
        if (c.method === "eap") a.add("Framed-MTU", this.#caller.mtu);
        return a.add("State", ...(thread?.state ?? []));
      },
      ...(thread ? { only: thread.server } : {}),
      done: (answer) => done(this.#outcome(c, answer, thread !== null)),
    });
  }
  #outcome(c: Credentials, answer: Answer | string, begun: boolean): Outcome {
    if (typeof answer === "string") return { is: "unanswered", text: answer, begun };
    const { name } = answer.server;
    try {
      return this.#read(c, answer);
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      const text = `the answer of the RADIUS server ${name} for user ${inQuotes(c.user)} cannot be used: ${e.what}`;
      return { is: "refused", message: null, text, wrong: false };
    }
  }
  #read(c: Credentials, { packet: { code, attributes: a }, server, sealer }: Answer): Outcome {
    const words = a.all("Reply-Message").join(" ");
    const eap = a.long("EAP-Message");
    const refused = (why: string, wrong: boolean, message: Uint8Array | null = utf8(words)): Refused => {
      const text = `the RADIUS server ${server.name} ${why} user ${inQuotes(c.user)}${said(printable(words))}`;
      return { is: "refused", text, wrong, message: message?.length === 0 ? null : message };
    };
    if (code === CODE.accessReject) {
      const message = refusal(c, a, utf8(words), eap);
      if ("change" in c) return refused("does not take the new password of", false, message);
      const microsoft = c.method === "mschap" || c.method === "mschapv2";
      const expired = microsoft && fromUtf8(message ?? NOTHING).startsWith("E=648 ");
      return expired
        ? { ...refused("says that the password has expired of", false, message), expired }
        : refused("refuses", true, message);
    }
    if (code === CODE.accessChallenge) {
      if (c.method !== "eap") return refused("asks more than a password of", false);
      if (!eap || eap.length < 4 || get8(eap, 0) !== 1 || get16(eap, 2) !== eap.length)
        throw new DecodeError("bad-value", "no EAP Request in an Access-Challenge", 0);
      this.#thread = { server, state: a.all("State").map((s) => s.slice()) };
      return { is: "more", message: eap };
    }
    const grant = grantOf(a);
    const keys = keysOf(c, a, sealer);
    if (c.method === "eap") return { is: "accepted", message: eap ?? NOTHING, keys, grant };
    if (c.method !== "mschapv2") return { is: "accepted", message: utf8(words), keys, grant };
    const proof = a.get("MS-CHAP2-Success");
    if (!proof || !fromUtf8(proof.subarray(1)).startsWith("S="))
      throw new DecodeError("bad-value", "no MS-CHAP2-Success in an Access-Accept", 0);
    return { is: "accepted", message: proof.slice(1), keys, grant };
  }
}

/** The new password in as many attributes as it takes (RFC 2548 §2.2). */
function newPassword(id: number, { password }: { readonly password: Uint8Array }): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0; at < password.length; at += FRAGMENT)
    out.push(concat([Uint8Array.of(6, id, 0, out.length + 1), password.subarray(at, at + FRAGMENT)]));
  return out;
}
/** What no server can say yes to is not asked. */
function askable(c: Credentials): boolean {
  const name = utf8(c.user).length;
  if (name === 0 || name > LONGEST) return false;
  if (c.method === "pap") return c.password.length <= LONGEST_PASSWORD;
  return c.method === "eap" ? c.packet.length > 4 && c.packet.length <= 2048 : c.value.length === SIZE[c.method];
}
function shown(c: Credentials, sealer: Sealer): Attributes {
  const a = new Attributes();
  switch (c.method) {
    case "pap":
      return a.add("User-Password", hidePassword(sealer, c.password));
    case "chap":
      return a.add("CHAP-Password", concat([Uint8Array.of(c.id), c.value])).add("CHAP-Challenge", c.challenge);
    case "mschap": {
      if (c.change) {
        a.add("MS-CHAP-Challenge", c.challenge).add("MS-CHAP-NT-Enc-PW", ...newPassword(c.id, c.change));
        return a.add("MS-CHAP-CPW-2", concat([Uint8Array.of(6, c.id), c.change.rest]));
      }
      // RFC 2548 §2.1.3: identifier, flags ("use NT"), and both responses
      const response = concat([Uint8Array.of(c.id, get8(c.value, 48)), c.value.subarray(0, 48)]);
      return a.add("MS-CHAP-Challenge", c.challenge).add("MS-CHAP-Response", response);
    }
    case "mschapv2": {
      if (c.change) {
        a.add("MS-CHAP-Challenge", c.challenge).add("MS-CHAP-NT-Enc-PW", ...newPassword(c.id, c.change));
        return a.add("MS-CHAP2-CPW", concat([Uint8Array.of(7, c.id), c.change.rest]));
      }
      const response = concat([Uint8Array.of(c.id, 0), c.value.subarray(0, 48)]); // §2.3.2
      return a.add("MS-CHAP-Challenge", c.challenge).add("MS-CHAP2-Response", response);
    }
    case "eap":
      return a.addLong("EAP-Message", c.packet);
  }
}
/** What the peer is told: "E=691 R=0 ..." of MS-CHAP, never that it may try again here. Null: our own words. */
function refusal(c: Credentials, a: Attributes, words: Uint8Array, eap: Uint8Array | null): Uint8Array | null {
  if (c.method === "eap") return eap;
  if (c.method === "pap" || c.method === "chap") return words;
  const error = a.get("MS-CHAP-Error");
  const text = error && printable(error.subarray(1));
  return text?.startsWith("E=") ? utf8(text.replace(/ R=1\b/, " R=0")) : null;
}
function keysOf(c: Credentials, a: Attributes, sealer: Sealer): Extract<Outcome, { is: "accepted" }>["keys"] {
  if (c.method === "mschap") {
    const both = a.get("MS-CHAP-MPPE-Keys"); // RFC 2548 §2.4.1: 8 bytes of the LM hash, 16 of the other, 8 of padding
    const plain = both && showPassword(sealer, both);
    return plain && plain.length >= 24 ? { version: 1, bytes: plain.slice(8, 24) } : null;
  }
  const send = a.get("MS-MPPE-Send-Key");
  const receive = a.get("MS-MPPE-Recv-Key");
  if (!send || !receive) return null;
  const bytes = new Uint8Array(64);
  bytes.set(showKey(sealer, receive).subarray(0, 32), 0);
  bytes.set(showKey(sealer, send).subarray(0, 32), 32);
  return { version: "eap", bytes };
}
