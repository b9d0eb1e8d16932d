// A server as the IPv6 router of one user: addresses by advertisements (RFC 4861, 4862, 8106), prefixes and DNS servers
// by DHCPv6 (RFC 8415). Left out: addresses by DHCPv6, Reconfigure, relays, authentication of messages (the session is
// authenticated), Unicast.

import { get16, put16 } from "../core/bytes.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { DecodeError } from "../core/errors.ts";
import { concat } from "../core/text.ts";
import { type Advertised, advertisement, isSolicitation, RA_INTERVAL } from "./advertise.ts";
import { answerTo, type Offer } from "./answer.ts";
import { readDhcp, writeDhcp } from "./dhcp.ts";
import { intact, isLinkLocal, type Packet6, readPacket6, UDP, writePacket6 } from "./packet.ts";

const SERVER_PORT = 547;
const CLIENT_PORT = 546;
const UDP_HEADER = 8;
/** The first advertisement that nobody asked for: then the user's side of IPV6CP is open too. */
const FIRST_MS = 1000;
/** Answers at once, and more each second: whoever asks more often is not heard. */
const BURST = 8;
const PER_SECOND = 1;

interface RouterDeps {
  readonly clock: Clock;
  /** Takes a whole packet for the user. */
  send(packet: Uint8Array): void;
  /** Something of the user was ignored. */
  drop(why: "ipv6.too-often" | "ipv6.malformed"): void;
}
/** `id`: our interface identifier on the link, 8 bytes. */
interface RouterOffer extends Advertised, Pick<Offer, "delegated"> {
  readonly id: Uint8Array;
}

export class UserRouter {
  readonly #deps: RouterDeps;
  readonly #offer: RouterOffer & Offer;
  readonly #address: Uint8Array;
  readonly #timer: Timer;
  #answers = BURST;
  #at: number;

  /** Advertises until it is closed. */
  constructor(deps: RouterDeps, offer: RouterOffer) {
    this.#deps = deps;
    this.#address = concat([Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0), offer.id]);
    this.#offer = { ...offer, serverId: duidOf(offer.id) };
    this.#at = deps.clock.now();
    this.#timer = deps.clock.timer("router advertisement", () => this.#advertise());
    this.#timer.arm(FIRST_MS);
  }
  close(): void {
    this.#timer.disarm();
  }
  /** What the user sent to all routers, or to all DHCPv6 servers; need be valid only during the call. */
  input(packet: Uint8Array): void {
    if (!this.#mayAnswer()) return this.#deps.drop("ipv6.too-often");
    const p = readPacket6(packet);
    if (p && isSolicitation(p)) return this.#advertise();
    const answer = p?.next === UDP ? this.#dhcp(p) : null;
    if (answer) this.#deps.send(answer);
    else this.#deps.drop("ipv6.malformed");
  }
  #advertise(): void {
    this.#timer.arm(RA_INTERVAL * 1000);
    this.#deps.send(advertisement(this.#address, this.#offer));
  }
  #dhcp(p: Packet6): Uint8Array | null {
    const { payload: b, source } = p;
    if (b.length < UDP_HEADER || get16(b, 2) !== SERVER_PORT || get16(b, 4) !== b.length) return null;
    if (get16(b, 6) === 0 || !intact(p) || !isLinkLocal(source)) return null;
    const answer = answered(b.subarray(UDP_HEADER), this.#offer);
    if (!answer) return null;
    const udp = new Uint8Array(UDP_HEADER);
    put16(udp, 0, SERVER_PORT);
    put16(udp, 2, CLIENT_PORT);
    put16(udp, 4, UDP_HEADER + answer.length);
    const payload = concat([udp, answer]);
    return writePacket6({ next: UDP, hopLimit: 64, source: this.#address, destination: source, payload }, 6);
  }
  #mayAnswer(): boolean {
    const now = this.#deps.clock.now();
    this.#answers = Math.min(BURST, this.#answers + ((now - this.#at) / 1000) * PER_SECOND);
    this.#at = now;
    if (this.#answers < 1) return false;
    this.#answers--;
    return true;
  }
}

/** The answer to a DHCPv6 message; null: none. */
export function answered(message: Uint8Array, offer: Offer): Uint8Array | null {
  try {
    const answer = answerTo(readDhcp(message), offer);
    return answer && writeDhcp(answer);
  } catch (e) {
    if (!(e instanceof DecodeError)) throw e;
    return null;
  }
}
/** DUID-LL (RFC 8415 §11.4) of an EUI-64, hardware type 27. */
function duidOf(id: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(0, 3, 0, 27), id]);
}
