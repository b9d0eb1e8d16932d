// RADIUS servers in memory, behind the port of UDP sockets: they know users, lose packets, fall silent, and lie.
import { SystemError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { concat, utf8 } from "../../src/core/text.ts";
import type { Endpoint, Udp } from "../../src/ports/ports.ts";
import { judge, type Proof } from "../../src/ppp/auth/proof.ts";
import { Attributes } from "../../src/radius/attributes.ts";
import { showPassword } from "../../src/radius/hiding.ts";
import { CODE, type RadiusPacket, readRadius } from "../../src/radius/packet.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import type { VirtualClock } from "../sim/virtual-clock.ts";
import { writeAnswer } from "./sealing.ts";

export const noUdp: Udp = {
  connect: () => {
    throw new SystemError("EACCES", "no UDP here");
  },
  listen: () => {
    throw new SystemError("EACCES", "no UDP here");
  },
};
export const SECRET = Secret.of("xyzzy5461");

export interface Asked {
  readonly at: Endpoint;
  readonly packet: RadiusPacket;
  readonly line: number;
  /** Sends any bytes back. */
  reply(bytes: Uint8Array): void;
  /** As a server with the secret does. */
  answer(code: number, attributes?: Attributes, secret?: Secret): Uint8Array;
}

/** All that is asked, over a network that takes 5 ms. */
export class RadiusNet implements Udp {
  readonly #clock: VirtualClock;
  readonly asked: Asked[] = [];
  readonly listeners = new Map<number, Parameters<Udp["listen"]>[1]>();
  lines = 0;
  open = 0;
  /** What a server does with a question; absent: nobody is there. */
  readonly servers = new Map<string, (q: Asked) => void>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }
  connect(to: Endpoint, onDatagram: (data: Uint8Array) => void): { send(data: Uint8Array): void; close(): void } {
    const line = this.lines++;
    this.open++;
    let open = true;
    const later = (f: () => void): void => this.#clock.timer("radius net", f).arm(5);
    return {
      send: (data) =>
        later(() => {
          const packet = readRadius(data.slice());
          const reply = (bytes: Uint8Array): void => later(() => open && onDatagram(bytes));
          const q: Asked = {
            at: to,
            packet,
            line,
            reply,
            answer: (code, attributes = new Attributes(), secret = SECRET) => {
              const bytes = writeAnswer({ code, id: packet.id, secret, attributes }, packet.authenticator);
              reply(bytes);
              return bytes;
            },
          };
          this.asked.push(q);
          this.servers.get(`${to.address} ${to.port}`)?.(q);
        }),
      close: () => {
        open = false;
        this.open--;
      },
    };
  }
  listen(port: number, onDatagram: Parameters<Udp["listen"]>[1]): { close(): void } {
    this.listeners.set(port, onDatagram);
    return { close: () => void this.listeners.delete(port) };
  }
}
export const accept = (q: Asked): void => void q.answer(CODE.accessAccept);

export interface KnownUser {
  readonly password: string;
  readonly grant?: Attributes;
}
/** A server that knows users, and verifies what they show by every method but EAP. */
export function knowing(users: Readonly<Record<string, KnownUser>>): (q: Asked) => void {
  return (q) => {
    const a = q.packet.attributes;
    if (q.packet.code !== CODE.accessRequest) return void q.answer(CODE.accountingResponse);
    const user = a.get("User-Name") ?? "";
    const known = Object.hasOwn(users, user) ? users[user] : undefined;
    const proof = shownIn(q);
    const secretOf = (): Secret | null => (known ? Secret.of(known.password) : null);
    const v = proof ? judge(crypto, proof, secretOf) : null;
    if (v?.is !== "accepted") {
      const words = new Attributes().add("Reply-Message", "Go away");
      const id = Uint8Array.of(proof && "id" in proof ? proof.id : 0);
      if (v && proof?.method.startsWith("ms")) words.add("MS-CHAP-Error", concat([id, utf8("E=691 R=1 C=00 V=3 M=x")]));
      return void q.answer(CODE.accessReject, words);
    }
    const out = new Attributes().addAll(known?.grant ?? new Attributes());
    if (proof?.method === "mschapv2") out.add("MS-CHAP2-Success", concat([Uint8Array.of(proof.id), v.message]));
    q.answer(CODE.accessAccept, out);
  };
}
function shownIn({ packet: { attributes: a, authenticator } }: Asked): Exclude<Proof, { method: "eap" }> | null {
  const user = a.get("User-Name") ?? "";
  const hidden = a.get("User-Password");
  if (hidden) {
    const padded = showPassword({ crypto, secret: SECRET, authenticator }, hidden);
    return { method: "pap", user, password: padded.subarray(0, padded.findLastIndex((b) => b !== 0) + 1) };
  }
  const chap = a.get("CHAP-Password");
  const challenge = a.get("CHAP-Challenge") ?? a.get("MS-CHAP-Challenge") ?? new Uint8Array(0);
  if (chap) return { method: "chap", user, id: chap[0] ?? 0, challenge, value: chap.subarray(1) };
  const v1 = a.get("MS-CHAP-Response");
  if (v1)
    return { method: "mschap", user, id: v1[0] ?? 0, challenge, value: concat([v1.subarray(2), v1.subarray(1, 2)]) };
  const v2 = a.get("MS-CHAP2-Response");
  return (
    v2 && { method: "mschapv2", user, id: v2[0] ?? 0, challenge, value: concat([v2.subarray(2), new Uint8Array(1)]) }
  );
}
