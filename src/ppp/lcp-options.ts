// LCP's Configuration Options (RFC 1661 §6, RFC 1662 §7; 4: RFC 1989; 9, 13, 17 to 19: RFC 1570 §2, RFC 1990 §5.1).
import { get16, get32, NO_BYTES } from "../core/bytes.ts";
import type { Failure } from "../core/errors.ts";
import { type Rng, random32 } from "../core/rng.ts";
import { concat } from "../core/text.ts";
import type { LinkOptions } from "../ports/ports.ts";
import { type AuthMethod, authTitle, METHODS, methodOf, methodOption, methodTitle } from "./auth/methods.ts";
import { be16, be32, type Option } from "./cp.ts";
import type { Agreed } from "./multilink.ts";
import { ACK, nak, type OptionPolicy, REJECT, type Verdict } from "./negotiate.ts";
import { failure } from "./words.ts";

const LCP_OPTION = {
  mru: 1,
  accm: 2,
  auth: 3,
  quality: 4,
  magic: 5,
  pfc: 7,
  acfc: 8,
  fcs: 9,
  callback: 13,
  mrru: 17,
  shortSequence: 18,
  endpoint: 19,
  multilinkPlus: 22, // RFC 1934, Ascend's own
} as const;
const OPTION_NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  [LCP_OPTION.auth, "authentication"],
  [LCP_OPTION.quality, "link quality"],
  [LCP_OPTION.fcs, "frame check sequence"],
  [LCP_OPTION.callback, "callback"],
  [LCP_OPTION.mrru, "multilink"],
  [LCP_OPTION.shortSequence, "multilink short sequence"],
  [LCP_OPTION.endpoint, "multilink endpoint"],
  [LCP_OPTION.multilinkPlus, "Multilink Plus (MP+)"],
]);

export const DEFAULT_MRU = 1500;
const MIN_MRU = 128;
const DEFAULT_ACCM = 0xffff_ffff;
/** Our own Configure-Request came back this often in a row: there is nobody but us (RFC 1661 §6.4). */
const MAX_LOOPS = 5;

const LQR = 0xc025;
/** Class of an endpoint discriminator (RFC 1990 §5.1.3). */
const LOCALLY_ASSIGNED = 1;

const FCS_16 = 2; // RFC 1570 §2.1
const FCS_32 = 4;
/** A report every so many hundredths of a second at the most: they are there to watch the line, not to fill it. */
const MIN_PERIOD = 100;

export interface LcpWants {
  /**
   * The channel is a line, which frames and counts: link quality reports (RFC 1989) and FCS-32 (RFC 1570) can be had.
   */
  readonly line?: boolean;
  /** Multilink (RFC 1990): what we reassemble, and how we are told from others; null: it is rejected. */
  readonly multilink?: {
    readonly mrru: number;
    readonly shortSequence: boolean;
    readonly endpoint: Uint8Array;
  } | null;
  readonly mru: number;
  /** Largest information field the channel carries. */
  readonly channelMru: number;
  readonly accm: number;
  readonly pfc: boolean;
  readonly acfc: boolean;
  /** Methods we answer to, best first; empty: we have no identity, or refuse to show it. */
  readonly answers: readonly AuthMethod[];
  /** As in PppConfig. */
  readonly papAdvice?: string;
  /** Methods we ask for, best first; empty: none. */
  readonly requires: readonly AuthMethod[];
}

interface LcpOptionsOwner {
  /** Hears about options that we reject, by name; names are ours and few. */
  optionRefused(name: string): void;
}
interface Ours {
  mru: number | null;
  accm: number | null;
  auth: AuthMethod | null;
  magic: number;
  pfc: boolean;
  acfc: boolean;
  mrru: number | null;
  shortSequence: boolean;
  endpoint: boolean;
}
const NOTHING: Ours = {
  mru: null,
  accm: null,
  auth: null,
  magic: 0,
  pfc: false,
  acfc: false,
  mrru: null,
  shortSequence: false,
  endpoint: false,
};
interface Theirs {
  endpoint: Uint8Array | null;
  mrru: number | null;
  shortSequence: boolean;
  mru: number;
  accm: number;
  auth: AuthMethod | null;
  /** Hundredths of a second between Link-Quality-Reports, 0: as answers only, null: none. */
  period: number | null;
  fcs32: boolean;
  magic: number;
  pfc: boolean;
  acfc: boolean;
}

export class LcpOptions implements OptionPolicy {
  readonly #wants: LcpWants;
  readonly #rng: Rng;
  readonly #owner: LcpOptionsOwner;
  #ours: Ours;
  #theirs: Theirs;
  #untried: AuthMethod[] = [];
  #loops = 0;
  /** What the peer asked us to authenticate with and we turned down, as a sentence; "" when nothing. */
  #turnedDown = "";
  /** The peer has asked to be called back (RFC 1570 §2.3, or CBCP), and the session is not up. */
  callback = false;

  constructor(wants: LcpWants, rng: Rng, owner: LcpOptionsOwner) {
    this.#wants = wants;
    this.#rng = rng;
    this.#owner = owner;
    this.#ours = { ...NOTHING };
    this.#theirs = defaults();
  }

  reset(): void {
    const w = this.#wants;
    this.#untried = [...w.requires];
    const auth = this.#untried.shift() ?? null;
    this.#ours = {
      mru: w.mru === DEFAULT_MRU ? null : w.mru,
      accm: w.accm,
      auth,
      magic: this.#newMagic(),
      pfc: w.pfc,
      acfc: w.acfc,
      mrru: w.multilink?.mrru ?? null,
      shortSequence: w.multilink?.shortSequence ?? false,
      endpoint: w.multilink != null,
    };
    this.#theirs = defaults();
    this.#loops = 0;
    this.#turnedDown = "";
  }
  get mru(): number {
    return this.#ours.mru ?? DEFAULT_MRU;
  }
  get peerMru(): number {
    return this.#theirs.mru;
  }
  /** 0 until negotiated, as echo packets want it (RFC 1661 §5.8). */
  get magic(): number {
    return this.#ours.magic;
  }
  /** The method the peer authenticates itself with, as we asked. */
  get peerAuth(): AuthMethod | null {
    return this.#ours.auth;
  }
  /** The method we authenticate ourselves with, as the peer asked. */
  get ourAuth(): AuthMethod | null {
    return this.#theirs.auth;
  }
  /** How often the peer wants Link-Quality-Reports, in milliseconds; 0: in answer to its own; null: not at all. */
  get reportMs(): number | null {
    return this.#theirs.period === null ? null : this.#theirs.period * 10;
  }
  /** Multilink as both agreed: each side's MRRU, null where it takes no fragments. */
  get multilink(): Agreed {
    const { mrru, shortSequence } = this.#ours;
    const t = this.#theirs;
    return { mrruIn: mrru, mrruOut: t.mrru, shortIn: shortSequence, shortOut: t.shortSequence };
  }
  /** The peer's endpoint discriminator, class and address; null: it has none. */
  get endpoint(): Uint8Array | null {
    return this.#theirs.endpoint;
  }
  get turnedDown(): string {
    return this.#turnedDown;
  }
  link(): LinkOptions {
    const t = this.#theirs;
    return {
      sendAccm: t.accm,
      recvAccm: this.#ours.accm ?? DEFAULT_ACCM,
      pfc: t.pfc && this.#wants.pfc,
      acfc: t.acfc && this.#wants.acfc,
      ...(t.fcs32 ? { sendFcs32: true } : {}),
      mtu: Math.min(t.mru, this.#wants.channelMru),
      echo: { magic: this.magic, longest: this.peerMru },
    };
  }

  request(): Option[] {
    const o = this.#ours;
    const out: Option[] = [];
    if (o.mru !== null) out.push({ type: LCP_OPTION.mru, data: be16(o.mru) });
    if (o.accm !== null) out.push({ type: LCP_OPTION.accm, data: be32(o.accm) });
    if (o.auth !== null) out.push({ type: LCP_OPTION.auth, data: methodOption(o.auth) });
    if (o.magic !== 0) out.push({ type: LCP_OPTION.magic, data: be32(o.magic) });
    if (o.pfc) out.push({ type: LCP_OPTION.pfc, data: NO_BYTES });
    if (o.acfc) out.push({ type: LCP_OPTION.acfc, data: NO_BYTES });
    if (o.mrru !== null) out.push({ type: LCP_OPTION.mrru, data: be16(o.mrru) });
    if (o.shortSequence) out.push({ type: LCP_OPTION.shortSequence, data: NO_BYTES });
    const { multilink } = this.#wants;
    if (o.endpoint && multilink)
      out.push({ type: LCP_OPTION.endpoint, data: concat([Uint8Array.of(LOCALLY_ASSIGNED), multilink.endpoint]) });
    return out;
  }

  /** Of what a LAC may have sent in our place; it takes longer packets than we would ask for. */
  adopt(options: readonly Option[]): boolean {
    const ours: Ours = { ...NOTHING };
    const seen = new Set<number>();
    for (const { type, data } of options) {
      const value = data.length === 4 ? get32(data, 0) : null;
      const auth = methodOf(data);
      if (seen.has(type)) return false;
      seen.add(type);
      if (type === LCP_OPTION.mru && data.length === 2) ours.mru = get16(data, 0);
      else if (type === LCP_OPTION.accm && value !== null) ours.accm = value;
      else if (type === LCP_OPTION.magic && value) ours.magic = value;
      else if (type === LCP_OPTION.auth && auth !== null && this.#wants.requires.includes(auth)) ours.auth = auth;
      else if (type === LCP_OPTION.pfc && data.length === 0) ours.pfc = true;
      else if (type === LCP_OPTION.acfc && data.length === 0) ours.acfc = true;
      else return false;
    }
    const mru = ours.mru ?? DEFAULT_MRU;
    if (mru < MIN_MRU || mru > DEFAULT_MRU || (ours.auth === null && this.#wants.requires.length > 0)) return false;
    this.#ours = ours;
    return true;
  }

  naked(o: Option): Failure | null {
    const ours = this.#ours;
    switch (o.type) {
      case LCP_OPTION.mru: {
        if (o.data.length !== 2) return null;
        // Smaller is always possible for us; larger never is.
        const mru = Math.min(get16(o.data, 0), this.#wants.mru);
        if (mru >= MIN_MRU) ours.mru = mru;
        return null;
      }
      case LCP_OPTION.accm:
        // RFC 1662 §7.1: the union
        if (o.data.length === 4 && ours.accm !== null) ours.accm = (ours.accm | get32(o.data, 0)) >>> 0;
        return null;
      case LCP_OPTION.auth:
        return ours.auth === null ? null : this.#nextMethod(o.data);
      case LCP_OPTION.mrru: {
        const mrru = o.data.length === 2 ? get16(o.data, 0) : 0;
        if (ours.mrru !== null && mrru >= MIN_MRU && mrru < ours.mrru) ours.mrru = mrru;
        return null;
      }
      case LCP_OPTION.endpoint:
        ours.endpoint = false; // RFC 1990 §5.1.3
        return null;
      case LCP_OPTION.magic:
        if (ours.magic !== 0) ours.magic = this.#newMagic();
        return null;
      default: // a hint at something we do not ask for
        return null;
    }
  }
  #nextMethod(theirs: Uint8Array): Failure | null {
    const wanted = methodOf(theirs);
    const at = wanted === null ? 0 : Math.max(0, this.#untried.indexOf(wanted));
    const next = this.#untried.splice(at, 1)[0];
    if (next === undefined) {
      const all = this.#wants.requires.map(methodTitle).join(", ");
      return failure(
        "no-common-auth",
        `the peer authenticates itself with ${authTitle(theirs)} only, this side asks for ${all}`,
      );
    }
    this.#ours.auth = next;
    return null;
  }

  rejected(type: number): Failure | null {
    const ours = this.#ours;
    if (type === LCP_OPTION.mru) ours.mru = null;
    else if (type === LCP_OPTION.accm) ours.accm = null;
    else if (type === LCP_OPTION.magic) ours.magic = 0;
    else if (type === LCP_OPTION.pfc) ours.pfc = false;
    else if (type === LCP_OPTION.acfc) ours.acfc = false;
    else if (type === LCP_OPTION.shortSequence) ours.shortSequence = false;
    else if (type === LCP_OPTION.endpoint) ours.endpoint = false;
    else if (type === LCP_OPTION.mrru) {
      ours.mrru = null;
      ours.shortSequence = ours.endpoint = false;
      this.#owner.optionRefused("multilink");
    } else if (type === LCP_OPTION.auth) {
      return failure("auth-refused", "the peer refuses to authenticate itself", true);
    }
    return null;
  }

  judge(o: Option, lastChance: boolean): Verdict {
    switch (o.type) {
      case LCP_OPTION.mru:
        return o.data.length === 2 && get16(o.data, 0) >= MIN_MRU ? ACK : nak(be16(DEFAULT_MRU));
      case LCP_OPTION.accm:
        return o.data.length === 4 ? ACK : nak(be32(0));
      case LCP_OPTION.auth:
        return this.#judgeAuth(o.data, lastChance);
      case LCP_OPTION.magic:
        return this.#judgeMagic(o.data);
      case LCP_OPTION.fcs:
        if (!this.#wants.line) break;
        return o.data.length === 1 && (o.data[0] === FCS_16 || o.data[0] === FCS_32) ? ACK : nak(Uint8Array.of(FCS_32));
      case LCP_OPTION.quality:
        if (!this.#wants.line) break;
        return this.#judgeQuality(o.data);
      case LCP_OPTION.mrru:
        if (!this.#wants.multilink) break;
        return o.data.length === 2 && get16(o.data, 0) >= MIN_MRU ? ACK : nak(be16(DEFAULT_MRU));
      case LCP_OPTION.endpoint: // of every class
        if (!this.#wants.multilink || o.data.length === 0) break;
        return ACK;
      case LCP_OPTION.shortSequence:
        if (!this.#wants.multilink) break;
        return o.data.length === 0 ? ACK : nak(NO_BYTES);
      case LCP_OPTION.pfc:
      case LCP_OPTION.acfc:
        return o.data.length === 0 ? ACK : nak(NO_BYTES);
      default:
    }
    if (o.type === LCP_OPTION.callback) this.callback = true;
    this.#owner.optionRefused(OPTION_NAMES.get(o.type) ?? "unknown");
    return REJECT;
  }
  #judgeAuth(data: Uint8Array, lastChance: boolean): Verdict {
    const { answers } = this.#wants;
    const wanted = methodOf(data);
    if (wanted !== null && answers.includes(wanted)) {
      this.#turnedDown = "";
      return ACK;
    }
    const best = answers[0];
    if (best === undefined) {
      this.#turnedDown = `the peer asks for ${authTitle(data)}, but this side has no identity to show`;
      this.#owner.optionRefused("authentication");
      return REJECT;
    }
    const advice = wanted === "pap" && this.#wants.papAdvice !== undefined ? `: ${this.#wants.papAdvice}` : "";
    this.#turnedDown =
      `the peer asks for ${authTitle(data)} and nothing else, this side answers to ` +
      `${answers.map(methodTitle).join(", ")}${advice}`;
    if (lastChance) return { is: "fail", why: failure("no-common-auth", this.#turnedDown) };
    this.#owner.optionRefused(authTitle(data));
    return nak(methodOption(best));
  }
  #judgeQuality(data: Uint8Array): Verdict {
    const period = readPeriod(data);
    const good = period !== null && (period === 0 || period >= MIN_PERIOD);
    return good ? ACK : nak(concat([be16(LQR), be32(MIN_PERIOD)]));
  }
  #judgeMagic(data: Uint8Array): Verdict {
    const theirs = data.length === 4 ? get32(data, 0) : 0;
    if (theirs === 0) return nak(be32(this.#newMagic())); // RFC 1661 §6.4: zero is illegal
    if (theirs !== this.#ours.magic) {
      this.#loops = 0;
      return ACK;
    }
    if (++this.#loops >= MAX_LOOPS) return { is: "fail", why: LOOPED };
    return nak(be32(this.#newMagic()));
  }

  missing(): Option[] {
    return [];
  }
  accept(options: readonly Option[]): void {
    const t = defaults();
    for (const o of options) {
      if (o.type === LCP_OPTION.mru) t.mru = get16(o.data, 0);
      else if (o.type === LCP_OPTION.accm) t.accm = get32(o.data, 0);
      else if (o.type === LCP_OPTION.auth) t.auth = methodOf(o.data);
      else if (o.type === LCP_OPTION.fcs) t.fcs32 = o.data[0] === FCS_32;
      else if (o.type === LCP_OPTION.quality) t.period = readPeriod(o.data);
      else if (o.type === LCP_OPTION.magic) t.magic = get32(o.data, 0);
      else if (o.type === LCP_OPTION.pfc) t.pfc = true;
      else if (o.type === LCP_OPTION.acfc) t.acfc = true;
      else if (o.type === LCP_OPTION.mrru) t.mrru = get16(o.data, 0);
      else if (o.type === LCP_OPTION.shortSequence) t.shortSequence = true;
      else if (o.type === LCP_OPTION.endpoint) t.endpoint = o.data.slice();
    }
    this.#theirs = t;
  }

  #newMagic(): number {
    return random32(this.#rng) || 1;
  }
}

export const LOOPED: Failure = failure("loop", "the line is looped back: this side's own packets return");

/** Best first, without what is refused. */
export function answersTo(refuse: readonly AuthMethod[]): AuthMethod[] {
  return METHODS.filter((m) => !refuse.includes(m));
}

function defaults(): Theirs {
  return {
    endpoint: null,
    mrru: null,
    shortSequence: false,
    mru: DEFAULT_MRU,
    accm: DEFAULT_ACCM,
    auth: null,
    period: null,
    fcs32: false,
    magic: 0,
    pfc: false,
    acfc: false,
  };
}
/** RFC 1989 §2.5; null for another protocol. */
function readPeriod(data: Uint8Array): number | null {
  return data.length === 6 && get16(data, 0) === LQR ? get32(data, 2) : null;
}
