// IPCP's options (RFC 1332 §3 and §4, RFC 1877 §1) for both roles. The deprecated IP-Addresses are rejected.
import { formatIp, parseIp } from "../core/addr.ts";
import type { Failure } from "../core/errors.ts";
import { LazyMap } from "../core/lazy.ts";
import type { HeaderCompression } from "./coding.ts";
import type { Option } from "./cp.ts";
import { ACK, nak, type OptionPolicy, REJECT, type Verdict } from "./negotiate.ts";
import { failure } from "./words.ts";

const IPCP_OPTION = {
  addresses: 1,
  compression: 2,
  address: 3,
  dns1: 129,
  nbns1: 130,
  dns2: 131,
  nbns2: 132,
} as const;
const DNS = [IPCP_OPTION.dns1, IPCP_OPTION.dns2] as const;
const NBNS = [IPCP_OPTION.nbns1, IPCP_OPTION.nbns2] as const;
const SERVERS = [...DNS, ...NBNS] as const;
type ServerOption = (typeof SERVERS)[number];

const NONE = "0.0.0.0";
/** Useless Naks of our address before we believe that the peer means it. */
const MAX_ADDRESS_NAKS = 3;

/** What a server has assigned; every address is canonical IPv4 text. */
export interface Assignment {
  readonly local: string;
  readonly remote: string;
  readonly dns: readonly string[];
  readonly wins: readonly string[];
  /** Frames are bridged too (BCP), where the peer does it. */
  readonly bridge?: boolean;
}
export type IpcpWants =
  | ({ readonly role: "server" } & Assignment)
  | {
      readonly role: "client";
      /** Null: whatever the server gives. */
      readonly local: string | null;
      /** Null: whatever the server says it has, and 0.0.0.0 when it says nothing. */
      readonly remote: string | null;
      readonly requestDns: boolean;
      readonly requestWins: boolean;
    };

const VJ = 0x002d; // RFC 1332 §4
const OUR_SLOTS = 16;

export class IpcpOptions implements OptionPolicy {
  readonly #wants: IpcpWants;
  readonly #vj: boolean;
  /** What we ask for; null: not any more, or never. */
  #headersIn: HeaderCompression | null = null;
  #headersOut: HeaderCompression | null = null;
  /** What we ask for, by option type; a missing one was rejected or is not wanted. */
  readonly #ours = new LazyMap<number, string>();
  #remote = NONE;
  #addressNaks = 0;

  /** `vj`: Van Jacobson header compression, where the channel can do it. */
  constructor(wants: IpcpWants, vj = false) {
    this.#wants = wants;
    this.#vj = vj;
  }
  /** What holds when the protocol is open: what the peer takes, and what it was told that we take. */
  headers(): { readonly sending: HeaderCompression | null; readonly receiving: HeaderCompression | null } {
    return { sending: this.#headersOut, receiving: this.#headersIn };
  }
  reset(): void {
    this.#headersIn = this.#vj ? { slots: OUR_SLOTS, compressSlotId: true } : null;
    this.#headersOut = null;
    const w = this.#wants;
    this.#ours.clear();
    this.#remote = w.role === "server" ? w.remote : (w.remote ?? NONE);
    this.#addressNaks = 0;
    this.#ours.set(IPCP_OPTION.address, w.local ?? NONE);
    if (w.role === "server") return;
    if (w.requestDns) for (const type of DNS) this.#ours.set(type, NONE);
    if (w.requestWins) for (const type of NBNS) this.#ours.set(type, NONE);
  }

  /** What holds when the protocol is open, or why that is not enough to work with. */
  result(): Assignment | Failure {
    const w = this.#wants;
    if (w.role === "server") return { local: w.local, remote: w.remote, dns: w.dns, wins: w.wins };
    const local = this.#ours.get(IPCP_OPTION.address) ?? w.local ?? NONE;
    if (local === NONE) return failure("no-address", "the server assigns no IP address", false);
    return {
      local,
      remote: this.#remote,
      dns: this.#servers(DNS),
      wins: this.#servers(NBNS),
    };
  }
  #servers(types: readonly ServerOption[]): string[] {
    const given = types.map((t) => this.#ours.get(t) ?? NONE).filter((a) => a !== NONE);
    return [...new Set(given)];
  }

  request(): Option[] {
    const ours: Option[] = [...this.#ours].map(([type, address]) => ({ type, data: bytes(address) }));
    if (this.#headersIn) ours.push({ type: IPCP_OPTION.compression, data: vjOption(this.#headersIn) });
    return ours;
  }

  naked(o: Option): Failure | null {
    const w = this.#wants;
    if (o.type === IPCP_OPTION.compression) {
      const less = this.#headersIn && readVj(o.data);
      this.#headersIn = less && less.slots <= OUR_SLOTS ? less : null;
      return null;
    }
    if (o.data.length !== 4) return null;
    const address = formatIp(o.data);
    if (o.type === IPCP_OPTION.address) {
      if (w.local === null && isUnicast(address)) {
        this.#ours.set(o.type, address);
        return null;
      }
      if (++this.#addressNaks < MAX_ADDRESS_NAKS) return null; // ask again
      if (w.local === null)
        return failure("no-address", `the server offers ${address}, which is not a host address`, false);
      return failure(
        "no-address",
        `the peer insists on address ${address} for this side, but the configuration has ${w.local}`,
        true,
      );
    }
    // A hint at something we did not ask for changes nothing.
    if (!this.#ours.has(o.type)) return null;
    if (isUnicast(address)) this.#ours.set(o.type, address);
    else this.#ours.delete(o.type); // the server has none to give
    return null;
  }
  rejected(type: number): Failure | null {
    if (type === IPCP_OPTION.compression) this.#headersIn = null;
    const had = this.#ours.get(type);
    this.#ours.delete(type);
    if (type !== IPCP_OPTION.address || this.#wants.local !== null || had !== NONE) return null;
    return failure("no-address", "the server assigns no IP address: it rejects the option", true);
  }

  judge(o: Option, lastChance: boolean): Verdict {
    if (o.type === IPCP_OPTION.address) return this.#judgeAddress(o.data, lastChance);
    if (o.type === IPCP_OPTION.compression && this.#vj)
      return readVj(o.data) ? ACK : nak(vjOption({ slots: OUR_SLOTS, compressSlotId: true }));
    const w = this.#wants;
    const server = SERVERS.find((t) => t === o.type);
    if (server === undefined || w.role === "client") return REJECT;
    const list = server === IPCP_OPTION.dns1 || server === IPCP_OPTION.dns2 ? w.dns : w.wins;
    const have = list[server === IPCP_OPTION.dns1 || server === IPCP_OPTION.nbns1 ? 0 : 1];
    if (have === undefined) return REJECT;
    return o.data.length === 4 && formatIp(o.data) === have ? ACK : nak(bytes(have));
  }
  #judgeAddress(data: Uint8Array, lastChance: boolean): Verdict {
    const w = this.#wants;
    const address = data.length === 4 ? formatIp(data) : NONE;
    if (w.role === "server") {
      if (data.length === 4 && address === w.remote) return ACK;
      if (!lastChance) return nak(bytes(w.remote));
      const text = `the peer insists on address ${address} instead of its own, ${w.remote}`;
      return { is: "fail", why: failure("ipcp-failed", text, false) };
    }
    if (w.remote !== null && address !== w.remote) return lastChance ? REJECT : nak(bytes(w.remote));
    // A server that wants its address from us finds none here; it lives without (remote stays 0.0.0.0).
    return data.length === 4 && isUnicast(address) ? ACK : REJECT;
  }
  missing(seen: ReadonlySet<number>): Option[] {
    const w = this.#wants;
    if (w.role === "client" || seen.has(IPCP_OPTION.address)) return [];
    return [{ type: IPCP_OPTION.address, data: bytes(w.remote) }]; // RFC 1332 §3.3: the peer shall ask for its address
  }
  accept(options: readonly Option[]): void {
    const vj = options.find((x) => x.type === IPCP_OPTION.compression);
    this.#headersOut = vj ? readVj(vj.data) : null;
    if (this.#wants.role === "server") return;
    const o = options.find((x) => x.type === IPCP_OPTION.address);
    if (o) this.#remote = formatIp(o.data);
  }
}

function vjOption(h: HeaderCompression): Uint8Array {
  return Uint8Array.of(VJ >> 8, VJ & 0xff, h.slots - 1, h.compressSlotId ? 1 : 0);
}
/** Null for another protocol, the older form without slots, and fewer than the three slots of RFC 1144. */
function readVj(data: Uint8Array): HeaderCompression | null {
  const [high = 0, low = 0, last = 0, id] = data;
  if (data.length !== 4 || ((high << 8) | low) !== VJ || last < 2) return null;
  return { slots: last + 1, compressSlotId: id === 1 };
}

function bytes(address: string): Uint8Array {
  const b = parseIp(address);
  if (b?.length !== 4) throw new RangeError(`not an IPv4 address: ${address}`);
  return b;
}

/** An address that a host can have: not 0/8, loopback, multicast or above. */
function isUnicast(address: string): boolean {
  const first = Number(address.split(".")[0]);
  return first > 0 && first !== 127 && first < 224;
}
