// What IKEv2 SAs are made with: the algorithms of a proposal, and their numbers (RFC 7296 §3.3.2, RFC 5282, RFC 7634,
// RFC 4868, IANA's ikev2-parameters), and additional key exchanges (RFC 9370). IKEv1's proposals are the same
// algorithms under other numbers.
import type { EspInteg } from "../../dataplane/dataplane.ts";
import type { AeadName, BlockCipherName, Crypto, DhGroupName, HashName, KeName } from "../../ports/ports.ts";
import {
  type EspProposal,
  espCipher,
  groupNumber,
  groupOf,
  type Ike2Proposal,
  keNumber,
  keOf,
  parseIke2Proposal,
} from "../proposals.ts";
import type { IkePolicy } from "../types.ts";
import { PROTOCOL } from "./wire/bodies.ts";
import { type Proposal, TRANSFORM, type Transform } from "./wire/sa.ts";

/** Algorithms of an IKE SA. */
export interface Suite {
  readonly text: string;
  readonly cipher: BlockCipherName | AeadName;
  readonly keyBits: number;
  /** Null with an AEAD cipher. */
  readonly integ: HashName | null;
  readonly prf: HashName;
  readonly group: DhGroupName;
  /** Which additional key exchanges may follow, the best first; without: none. */
  readonly addKe?: readonly (readonly KeName[])[];
}
const NO_ADD_KE: NonNullable<Suite["addKe"]> = [[]];

const IKE_CIPHERS: Readonly<Record<BlockCipherName | AeadName, number>> = {
  "3des": 3,
  aes: 12,
  camellia: 23,
  "aes-gcm": 20,
  "chacha20-poly1305": 28,
};
const PRFS: Readonly<Record<HashName, number>> = { md5: 1, sha1: 2, sha256: 5, sha384: 6, sha512: 7 };
/** Truncated: MD5 and SHA-1 to 96 bits, the others to half. */
const INTEGS: Readonly<Record<HashName, number>> = { md5: 1, sha1: 2, sha256: 12, sha384: 13, sha512: 14 };
/** IKEv2 has no number for SHA-256 truncated to 96 bits. */
const ESP_INTEGS: Readonly<Partial<Record<EspInteg, number>>> = { ...INTEGS, none: 0 };
/** Bytes of the checksum behind a message, without an AEAD cipher. */
export function icvBytes(h: HashName): number {
  return { md5: 12, sha1: 12, sha256: 16, sha384: 24, sha512: 32 }[h];
}

export function isAead(c: Suite["cipher"]): c is AeadName {
  return c === "aes-gcm" || c === "chacha20-poly1305";
}
/** Key bytes, salt included (RFC 5282 §7.1), and those of the checksum's key. */
export function keySizes(s: Suite): { readonly encr: number; readonly integ: number } {
  return { encr: s.keyBits / 8 + (isAead(s.cipher) ? 4 : 0), integ: s.integ === null ? 0 : prfBytes(s.integ) };
}
/** Of the output, which is also the preferred length of the key. */
export function prfBytes(h: HashName): number {
  return { md5: 16, sha1: 20, sha256: 32, sha384: 48, sha512: 64 }[h];
}

function suite({ text, cipher, keyBits, hash, group, addKe }: Ike2Proposal): Suite {
  const integ = isAead(cipher) ? null : hash;
  const name = text.split("-").slice(0, 3).join("-");
  return { text: name, cipher, keyBits, integ, prf: hash, group, addKe: addKe ? [addKe] : NO_ADD_KE };
}
const GROUPS = "x25519 ecp256 ecp384 modp2048 ecp521 x448";
/** Against who records today and has a quantum computer one day; with peers that have none of it, it goes without. */
const BY_DEFAULT: Suite["addKe"] = [["mlkem768"], ["mlkem1024"], []];
/** Offered first by default, and accepted: the ciphers with each PRF and each group, in one proposal. */
const DEFAULT: readonly Suite[] = [
  ...["aes256gcm16-sha256", "aes128gcm16-sha256", "chacha20poly1305-sha256"],
  ...["aes256gcm16-sha384", "aes128gcm16-sha384", "chacha20poly1305-sha384", "aes256-sha256"],
].flatMap((s) =>
  GROUPS.split(" ").map((g) => {
    const one = suite(parseIke2Proposal(`${s}-${g}`));
    return one.integ ? one : { ...one, addKe: BY_DEFAULT };
  }),
);
/** What an IKE SA may be made with: the configured proposals, behind IKEv2's own unless those alone are to be used. */
export function suites(p: Pick<IkePolicy, "ikeProposals" | "v2Proposals" | "ownProposals">, c: Crypto): Suite[] {
  const own = (p.v2Proposals ?? p.ikeProposals).map(suite);
  const list = p.ownProposals ? own : [...DEFAULT, ...own.filter((s) => !DEFAULT.some((d) => d.text === s.text))];
  return list.flatMap((s) => {
    const addKe = (s.addKe ?? NO_ADD_KE).filter((a) => a.every((k) => c.has(k)));
    return c.has(s.group) && addKe.length > 0 ? [{ ...s, addKe }] : [];
  });
}
/** For people. */
export function saName(s: Suite, addKe: readonly KeName[]): string {
  return [s.text, ...addKe].join("-");
}
export function suiteNames(list: readonly Suite[]): string {
  const needed = ({ addKe: [first] = [] }: Suite): readonly KeName[] => first ?? [];
  const names = list.map((s) => saName(s, s.addKe?.some((a) => a.length === 0) ? [] : needed(s)));
  return names.join(" ") || "none that this machine's libcrypto has";
}
export function wantsMore(list: readonly Suite[]): boolean {
  return list.some((s) => s.addKe?.some((a) => a.length > 0));
}

type Wanted = readonly Transform[];
function suiteTransforms(s: Suite): { readonly fixed: Wanted; readonly ke: number } {
  const bits = s.cipher === "3des" || s.cipher === "chacha20-poly1305" ? 0 : s.keyBits;
  const t = (type: number, id: number, keyBits = 0): Transform => ({ type, id, bits: keyBits });
  return {
    fixed: [
      t(TRANSFORM.encr, IKE_CIPHERS[s.cipher], bits),
      t(TRANSFORM.prf, PRFS[s.prf]),
      ...(s.integ === null ? [] : [t(TRANSFORM.integ, INTEGS[s.integ])]),
    ],
    ke: groupNumber(s.group),
  };
}
/**
 * Proposals that offer exactly these suites, those with additional key exchanges first: suites share a proposal where
 * it means all of them and no other. `spi`: of an SA that replaces another.
 */
export function offerSuites(list: readonly Suite[], spi: Uint8Array): Proposal[] {
  const plain = list.filter((s) => (s.addKe ?? NO_ADD_KE).some((a) => a.length === 0));
  const sets: Wanted[] = [];
  for (const [key, these] of grouped(list, (s) => JSON.stringify((s.addKe ?? []).filter((a) => a.length > 0)))) {
    const all = JSON.parse(key) as readonly (readonly KeName[])[];
    const single = all.length > 0 && all.every((a) => a.length === 1);
    for (const more of single ? [all.flatMap(addKeTransforms)] : all.map(addKeTransforms))
      sets.push(...shared(these, more));
  }
  return [...sets, ...shared(plain, [])].map((transforms, i) => ({
    number: i + 1,
    protocol: PROTOCOL.ike,
    spi,
    transforms: [...transforms].sort((a, b) => a.type - b.type),
  }));
}
function addKeTransforms(list: readonly KeName[]): Transform[] {
  return list.map((k, i) => ({ type: TRANSFORM.firstAddKe + i, id: keNumber(k), bits: 0 }));
}
function grouped<T>(list: readonly T[], key: (x: T) => string): Map<string, T[]> {
  const out = new Map<string, T[]>();
  for (const x of list) out.set(key(x), [...(out.get(key(x)) ?? []), x]);
  return out;
}
/** The transforms of each proposal, with `more` in it. */
function shared(list: readonly Suite[], more: Wanted): Wanted[] {
  const fixed = (s: Suite): string => JSON.stringify(suiteTransforms(s).fixed);
  return [...grouped(list, (s) => (isAead(s.cipher) ? "" : fixed(s))).values()].flatMap((these) => {
    const union = transformsOf(these);
    const combinations = [...grouped(union, (t) => `${t.type}`).values()].reduce((n, x) => n * x.length, 1);
    const sets = combinations === these.length ? [union] : [...grouped(these, fixed).values()].map(transformsOf);
    return sets.map((x) => [...x, ...more]);
  });
}
function transformsOf(list: readonly Suite[]): Wanted {
  const all = list.map(suiteTransforms).flatMap(({ fixed, ke }) => [...fixed, { type: TRANSFORM.ke, id: ke, bits: 0 }]);
  return [...grouped(all, (t) => JSON.stringify(t)).values()].flatMap(([t]) => (t ? [t] : []));
}

/** Where one of ours and one of the peer's proposals agree. */
export interface Choice<T> {
  readonly ours: T;
  readonly number: number;
  readonly spi: Uint8Array;
  /** What goes into the answer: one transform of each type. */
  readonly transforms: readonly Transform[];
  /** The additional key exchanges that follow. */
  readonly addKe: readonly KeName[];
}
/** The first of ours with additional key exchanges that the peer offers, else without; `more`: it can do such. */
export function chooseSuite(list: readonly Suite[], offered: readonly Proposal[], more: boolean): Choice<Suite> | null {
  let plain: Choice<Suite> | null = null;
  for (const ours of list) {
    const { fixed, ke } = suiteTransforms(ours);
    const wanted = [...fixed, { type: TRANSFORM.ke, id: ke, bits: 0 }];
    const fits = offered.flatMap((p) => {
      const allowed = p.protocol === PROTOCOL.ike ? agrees(p, wanted) : null;
      return allowed ? [{ p, allowed }] : [];
    });
    for (const addKe of fits.length > 0 ? (ours.addKe ?? NO_ADD_KE) : []) {
      if (addKe.length > 0 ? !more : plain) continue;
      for (const { p, allowed } of fits) {
        const extra = pick(allowed, addKe);
        if (!extra) continue;
        const choice = { ours, number: p.number, spi: p.spi, transforms: [...wanted, ...extra], addKe };
        if (addKe.length > 0) return choice;
        plain ??= choice;
      }
    }
  }
  return plain;
}

const ESN_NONE: Transform = { type: TRANSFORM.esn, id: 0, bits: 0 };
function espFixed(p: EspProposal): Wanted | null {
  const integ = ESP_INTEGS[p.integ];
  if (integ === undefined) return null;
  const { id, bits } = espCipher(p.cipher);
  const own = integ === 0 ? [] : [{ type: TRANSFORM.integ, id: integ, bits: 0 }];
  return [{ type: TRANSFORM.encr, id, bits }, ...own, ESN_NONE];
}
/** `groups`: with the key exchange that each names, as an exchange behind the first one does. */
export function offerEsp(list: readonly EspProposal[], spi: Uint8Array, groups: boolean): Proposal[] {
  const out: Proposal[] = [];
  for (const p of list) {
    const fixed = espFixed(p);
    if (!fixed) continue;
    const ke = groups && p.group ? [{ type: TRANSFORM.ke, id: groupNumber(p.group), bits: 0 }] : [];
    const more = groups && p.group ? addKeTransforms(p.addKe ?? []) : [];
    const transforms = [...fixed, ...ke, ...more].sort((a, b) => a.type - b.type);
    out.push({ number: out.length + 1, protocol: PROTOCOL.esp, spi, transforms });
  }
  return out;
}
/**
 * `ke`: the group of the peer's key exchange, or null: there is none. `has`: the additional key exchanges that we do
 * for a peer that asks; null: only those that ours have.
 */
export function chooseEsp(
  list: readonly EspProposal[],
  offered: readonly Proposal[],
  ke: number | null,
  groups: boolean,
  has: ((name: KeName) => boolean) | null = null,
): (Choice<EspProposal> & { readonly group: DhGroupName | null }) | null {
  const single = offered.filter((p) => p.protocol === PROTOCOL.esp && p.spi.length === 4);
  for (const ours of list) {
    const fixed = espFixed(ours);
    for (const p of fixed ? single : []) {
      const group = groups ? groupFor(ours, p, ke) : null;
      if (!fixed || group === undefined) continue;
      const wanted = [...fixed, ...(group ? [{ type: TRANSFORM.ke, id: groupNumber(group), bits: 0 }] : [])];
      const allowed = agrees(p, wanted);
      const any = allowed && group && has && !ours.addKe ? pickAny(allowed, has, group) : null;
      const extra = any ?? (allowed && pick(allowed, (group && ours.addKe) || []));
      if (!extra) continue;
      const addKe = extra.flatMap((t) => keOf(t.id) ?? []);
      return { ours, number: p.number, spi: p.spi, transforms: [...wanted, ...extra], addKe, group };
    }
  }
  return null;
}
/** The group to use with a proposal: ours if we want one, else what the peer has a key exchange for; undefined: none fits. */
function groupFor(ours: EspProposal, p: Proposal, ke: number | null): DhGroupName | null | undefined {
  const theirs = p.transforms.filter((t) => t.type === TRANSFORM.ke).map((t) => t.id);
  if (ours.group) return theirs.includes(groupNumber(ours.group)) ? ours.group : undefined;
  if (theirs.length === 0) return null;
  const known = theirs.map(groupOf).filter((g) => g !== null);
  return known.find((g) => groupNumber(g) === ke) ?? (theirs.includes(0) ? null : known[0]);
}

/**
 * Whether a proposal allows exactly `wanted`: every type of its transforms is one that we choose from, or may be left
 * out (NONE). Null, or what it allows as additional key exchanges, of each of their types in turn.
 */
function agrees(p: Proposal, wanted: Wanted): readonly Wanted[] | null {
  const has = (w: Transform): boolean => p.transforms.some((t) => t.type === w.type && t.id === w.id && sameBits(t, w));
  if (!wanted.every((w) => has(w) || (w === ESN_NONE && !p.transforms.some((t) => t.type === TRANSFORM.esn))))
    return null;
  const addKe: Wanted[] = [];
  for (const type of [...new Set(p.transforms.map((t) => t.type))].sort((a, b) => a - b)) {
    if (wanted.some((w) => w.type === type)) continue;
    const these = p.transforms.filter((t) => t.type === type);
    if (type >= TRANSFORM.firstAddKe && type < TRANSFORM.firstAddKe + 7) addKe.push(these);
    else if (!these.some((t) => t.id === 0)) return null;
  }
  return addKe;
}
/** One transform of each type that together are these key exchanges in this order, and NONE; null: there are none. */
function pick([first, ...rest]: readonly Wanted[], names: readonly KeName[]): Transform[] | null {
  if (!first) return names.length === 0 ? [] : null;
  const [name, ...later] = names;
  const taken = name && first.find((t) => t.id === keNumber(name) && t.bits === 0);
  const then = taken ? pick(rest, later) : null;
  if (taken && then) return [taken, ...then];
  const none = first.find((t) => t.id === 0);
  const without = none ? pick(rest, names) : null;
  return none && without ? [none, ...without] : null;
}
/** The same with whatever we have, none of it twice (RFC 9370 §2.2.1). */
function pickAny(all: readonly Wanted[], has: (k: KeName) => boolean, group: KeName): Transform[] | null {
  const used = new Set([group]);
  const out: Transform[] = [];
  for (const these of all) {
    const known = these.find((t) => {
      const name = keOf(t.id);
      return name && t.bits === 0 && !used.has(name) && has(name);
    });
    const t = known ?? these.find((x) => x.id === 0);
    if (!t) return null;
    const name = keOf(t.id);
    if (name) used.add(name);
    out.push(t);
  }
  return out;
}
/** RFC 7296 §3.3.5: AES has a key length; some peers name that of ciphers that have but one, which is no fault. */
function sameBits(t: Transform, w: Transform): boolean {
  return w.type !== TRANSFORM.encr ? t.bits >= 0 : t.bits === w.bits || (w.bits === 0 && t.bits === 256);
}
/** Which of our offers a responder chose; null: none. */
export function chosenSuite(list: readonly Suite[], answer: readonly Proposal[]): Choice<Suite> | null {
  const [p, ...more] = answer;
  if (!p || more.length > 0 || new Set(p.transforms.map((t) => t.type)).size !== p.transforms.length) return null;
  return chooseSuite(list, answer, true);
}

/** What a peer offers, for people. */
export function describeProposals(list: readonly Proposal[]): string {
  return list.map((p) => p.transforms.map(describeTransform).join("-")).join(" ") || "none";
}
function describeTransform({ type, id, bits }: Transform): string {
  const find = (table: Readonly<Record<string, number>>, what: string): string =>
    Object.entries(table).find(([, n]) => n === id)?.[0] ?? `${what}${id}`;
  switch (type) {
    case TRANSFORM.encr:
      return `${find(IKE_CIPHERS, "cipher")}${bits || ""}`;
    case TRANSFORM.prf:
      return `prf${find(PRFS, "")}`;
    case TRANSFORM.integ:
      return find(INTEGS, "integ");
    case TRANSFORM.ke:
      return groupOf(id) ?? `group${id}`;
    case TRANSFORM.esn:
      return id === 0 ? "noesn" : "esn";
    default:
      return `ke${type - TRANSFORM.firstAddKe + 1}_${id === 0 ? "none" : (keOf(id) ?? id)}`;
  }
}
