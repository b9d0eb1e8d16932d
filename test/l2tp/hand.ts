// A peer by hand: datagrams written and read one by one.
import assert from "node:assert/strict";
import { Reader } from "../../src/core/bytes.ts";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import { unhex } from "../../src/core/text.ts";
import { type Decoded, decodeMessage, encodeMessage } from "../../src/l2tp/wire/avp.ts";
import { type ControlHeader, readControl, writeControl } from "../../src/l2tp/wire/header.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { config, remote, Side } from "./pair.ts";

export const bytes = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail("hex");
export const GOLD = Secret.of("gold-secret");
export const CALL = { mru: 1400, sequencing: false };
export const LOST = { layer: "ike", code: "expired", text: "the SA is gone" } as const;
export const UNKNOWN = bytes("8006 0009 0063");
export const HELLO_BODY = encodeMessage("HELLO", {});

export interface Seen extends Decoded {
  readonly header: ControlHeader;
}
export function see(datagram: Uint8Array, secret: Secret | null = null): Seen {
  const { header, body } = readControl(new Reader(datagram));
  return { header, ...decodeMessage(body, { crypto: nodeCrypto, secret }) };
}
/** One side and a peer played by hand; `said()` is what went to the peer since the last time. */
export class Hand {
  readonly clock = new VirtualClock();
  readonly side = new Side(this.clock);
  #sent: Uint8Array[] = [];
  #Ns = 0;
  #Nr = 0;
  tunnel = 0;

  constructor() {
    this.side.send = (m) => void this.#sent.push(m.slice());
    this.side.endpoint.acceptTunnel = () => ({ cfg: config("lns"), owner: this.side.owner() });
  }
  raw(datagram: Uint8Array, from = "peer", flow = 1): Seen[] {
    this.side.plane.onControl(remote(from, flow), Packet.of(datagram));
    return this.said();
  }
  /** The next message in order, into the tunnel, or with tunnel id 0. */
  say(body: Uint8Array, callId = 0): Seen[] {
    return this.raw(writeControl({ tunnelId: this.tunnel, callId, Ns: this.#Ns++, Nr: this.#Nr }, body));
  }
  said(): Seen[] {
    const out = this.#sent.map((m) => see(m));
    this.#sent = [];
    for (const m of out) if (m.type !== undefined) this.#Nr = m.header.Ns + 1;
    return out;
  }
  /** Our side answers; the tunnel is up. */
  open(peerId = 77): this {
    const [sccrp] = this.say(sccrq(peerId));
    this.tunnel = sccrp?.avps.assignedTunnelId ?? 0;
    this.say(encodeMessage("SCCCN", {}));
    this.clock.advance(100);
    this.#sent = [];
    return this;
  }
  begin(): void {
    this.#Ns = 0;
    this.#Nr = 0;
    this.tunnel = 0;
  }
}
export const sccrq = (id: number): Uint8Array =>
  encodeMessage("SCCRQ", { protocolVersion: 0x100, hostName: "hand", framingCapabilities: 3, assignedTunnelId: id });
