// A LAC or an LNS by hand, in the network of whole daemons: one tunnel with one call in it, and the caller behind it.
import assert from "node:assert/strict";
import { Reader } from "../../src/core/bytes.ts";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import type { SimDatagram } from "../../src/dataplane/none/sim.ts";
import { response } from "../../src/l2tp/auth.ts";
import { type Decoded, decodeMessage, encodeMessage } from "../../src/l2tp/wire/avp.ts";
import type { Avps } from "../../src/l2tp/wire/avps.ts";
import { readControl, writeControl } from "../../src/l2tp/wire/header.ts";
import type { MessageName, MessageOf } from "../../src/l2tp/wire/messages.ts";
import { isControl, readData, writeData } from "../../src/packet/l2tp.ts";
import { CODE, type Option, readPacket, writeOptions, writePacket } from "../../src/ppp/cp.ts";
import { FULL_HEADER, PROTOCOL, pullProtocol, pushProtocol } from "../../src/ppp/frame.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import type { World } from "./world.ts";

export const SECRET_TEXT = "of the provider's LACs";
const SECRET = Secret.of(SECRET_TEXT);
const HIDING = { crypto, secret: SECRET };
const OF_CALL: readonly MessageName[] = ["ICRP", "ICCN", "WEN"];
export const o = (type: number, ...data: number[]): Option => ({ type, data: Uint8Array.from(data) });

export class ByHand {
  readonly w: World;
  readonly #send: (bytes: Uint8Array) => void;
  /** Of the other side: control messages, and the caller's packets. */
  readonly messages: Decoded[] = [];
  readonly frames: { protocol: number; code: number; id: number; body: Uint8Array }[] = [];
  #ns = 0;
  #nr = 0;
  #tunnel = 0;
  #call = 0;

  constructor(w: World, own: string, peer: string) {
    this.w = w;
    const host = w.net.host("hand", [own]);
    const ends = { from: { address: own, port: 1701 }, to: { address: peer, port: 1701 } };
    this.#send = (bytes) => host.send({ proto: "udp", ...ends, bytes });
    host.onDatagram = (d) => this.#input(d);
  }
  #input({ bytes }: SimDatagram): void {
    if (isControl(bytes, 0, bytes.length)) {
      const { header, body } = readControl(new Reader(bytes));
      if (body.left === 0 || header.Ns !== this.#nr) return;
      this.#nr++;
      const m = decodeMessage(body, HIDING);
      this.messages.push(m);
      this.#tunnel = m.avps.assignedTunnelId ?? this.#tunnel;
      this.#call = m.avps.assignedCallId ?? this.#call;
      this.#raw(0, new Uint8Array(0));
      return;
    }
    const data = readData(bytes, 0, bytes.length) ?? assert.fail("no data message");
    const p = Packet.of(bytes.subarray(data.start, data.end));
    const protocol = pullProtocol(p);
    this.frames.push({ protocol, ...readPacket(p.view().slice()) });
  }
  #raw(call: number, body: Uint8Array): void {
    const ns = body.length === 0 ? this.#ns : this.#ns++;
    this.#send(writeControl({ tunnelId: this.#tunnel, callId: call, Ns: ns, Nr: this.#nr }, body));
  }
  async say<N extends MessageName>(name: N, values: MessageOf<N>, hide = false): Promise<void> {
    const body = encodeMessage(name, values, hide ? { hiding: HIDING, rng: crypto } : undefined);
    this.#raw(OF_CALL.includes(name) ? this.#call : 0, body);
    await this.w.run(100);
  }
  /** A call whose ICCN says `more`. */
  async place(more: Avps, hide = false): Promise<void> {
    const start = { protocolVersion: 0x100, hostName: "lac", framingCapabilities: 3, assignedTunnelId: 5 };
    await this.say("SCCRQ", { ...start, challenge: new Uint8Array(16) });
    const asked = this.messages[0]?.avps.challenge ?? assert.fail("the server asks for no proof of the secret");
    await this.say("SCCCN", { challengeResponse: response(crypto, "SCCCN", SECRET, asked) });
    await this.say("ICRQ", { assignedCallId: 6, callSerialNumber: 1 });
    await this.say("ICCN", { txConnectSpeed: 1000, framingType: 1, ...more } as MessageOf<"ICCN">, hide);
  }
  caller(protocol: number, code: number, id: number, body: Uint8Array): void {
    const p = Packet.of(writePacket({ code, id, body }));
    pushProtocol(p, protocol, FULL_HEADER);
    const frame = p.view();
    const out = new Uint8Array(6 + frame.length);
    writeData(out, 0, this.#tunnel, this.#call, -1);
    out.set(frame, 6);
    this.#send(out);
  }
  /** The caller agrees on addresses. */
  async finish(): Promise<void> {
    const { ipcp } = PROTOCOL;
    const theirs = this.frames.findLast((f) => f.protocol === ipcp && f.code === CODE.configureRequest);
    if (!theirs) return;
    this.caller(ipcp, CODE.configureAck, theirs.id, theirs.body);
    this.caller(ipcp, CODE.configureRequest, 1, writeOptions([o(3, 0, 0, 0, 0)]));
    await this.w.run(100);
    const nak = this.frames.findLast((f) => f.protocol === ipcp && f.code === CODE.configureNak);
    this.caller(ipcp, CODE.configureRequest, 2, nak?.body ?? new Uint8Array(0));
    await this.w.run(200);
  }
  said(protocol: number): number[] {
    return this.frames.filter((f) => f.protocol === protocol).map((f) => f.code);
  }
}
