// BCP's options (RFC 3518 §5). Each says what its sender can receive; nothing of it has to be agreed on. Left out:
// source routing (Bridge- and Line-Identification), LANs with numbers, and the spanning tree's old formats: its frames
// cross as all others do.
import { get8 } from "../core/bytes.ts";
import type { Failure } from "../core/errors.ts";
import type { BridgedFormat } from "./bridged.ts";
import { MAC_ETHERNET } from "./bridged.ts";
import type { Option } from "./cp.ts";
import { ACK, nak, type OptionPolicy, REJECT, type Verdict } from "./negotiate.ts";

const BCP_OPTION = {
  bridge: 1,
  line: 2,
  macSupport: 3,
  tinygram: 4,
  lan: 5,
  macAddress: 6,
  spanningTree: 7,
  tagged: 8,
  managementInline: 9,
  indicator: 10,
} as const;
const ON = 1;
const OFF = 2;
/** What we can receive: all that there is of Ethernet. */
const OURS: readonly Option[] = [
  { type: BCP_OPTION.macSupport, data: Uint8Array.of(MAC_ETHERNET) },
  { type: BCP_OPTION.tinygram, data: Uint8Array.of(ON) },
  { type: BCP_OPTION.tagged, data: Uint8Array.of(ON) },
  { type: BCP_OPTION.managementInline, data: new Uint8Array(0) },
  { type: BCP_OPTION.indicator, data: new Uint8Array(0) },
];
/** What we reject, by name. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [BCP_OPTION.bridge, "source routing (Bridge-Identification)"],
  [BCP_OPTION.line, "source routing (Line-Identification)"],
  [BCP_OPTION.lan, "LAN-Identification"],
  [BCP_OPTION.spanningTree, "the spanning tree's old formats"],
]);
const MAC = 6;
const GROUP = 0x01;

export class BcpOptions implements OptionPolicy {
  /** A peer lists all the kinds of LAN that it knows. */
  readonly repeats = BCP_OPTION.macSupport;
  readonly #refused: (name: string) => void;
  #without = new Set<number>();
  #theirs: readonly Option[] = [];

  /** `refused` hears about what we reject, by name; names are ours and few. */
  constructor(refused: (name: string) => void) {
    this.#refused = refused;
  }
  reset(): void {
    this.#without = new Set();
    this.#theirs = [];
  }
  request(): Option[] {
    return OURS.filter((o) => !this.#without.has(o.type));
  }
  naked(o: Option): Failure | null {
    // MAC-Support and what has no value: a peer that has something else to say of them means to do without.
    this.#without.add(o.type);
    return null;
  }
  rejected(type: number): Failure | null {
    this.#without.add(type);
    return null;
  }
  judge({ type, data }: Option): Verdict {
    switch (type) {
      case BCP_OPTION.macSupport:
        return data.length === 1 ? ACK : nak(Uint8Array.of(MAC_ETHERNET));
      case BCP_OPTION.tinygram:
      case BCP_OPTION.tagged:
        return data.length === 1 && (data[0] === ON || data[0] === OFF) ? ACK : nak(Uint8Array.of(ON));
      case BCP_OPTION.managementInline:
      case BCP_OPTION.indicator:
        return data.length === 0 ? ACK : nak(new Uint8Array(0));
      case BCP_OPTION.macAddress:
        // An announcement; a question for one (zeros) has no answer here, and a group is nobody's address.
        if (data.length === MAC && data.some((b) => b !== 0) && (get8(data, 0) & GROUP) === 0) return ACK;
        break;
      default:
        this.#refused(`BCP option: ${REFUSED.get(type) ?? "unknown"}`);
    }
    return REJECT;
  }
  missing(): Option[] {
    return [];
  }
  accept(options: readonly Option[]): void {
    this.#theirs = options.map((o) => ({ type: o.type, data: o.data.slice() }));
  }
  /** How frames go to the peer, when the protocol is open; or why they cannot. */
  result(): BridgedFormat | string {
    const all = (type: number): number[] =>
      this.#theirs.filter((o) => o.type === type).map((o) => (o.data.length > 0 ? get8(o.data, 0) : ON));
    const lans = all(BCP_OPTION.macSupport);
    if (lans.length > 0 && !lans.includes(MAC_ETHERNET)) return "it knows no Ethernet";
    return {
      tinygram: all(BCP_OPTION.tinygram).includes(ON),
      tagged: !all(BCP_OPTION.tagged).includes(OFF),
      indicator: all(BCP_OPTION.indicator).length > 0,
    };
  }
}
