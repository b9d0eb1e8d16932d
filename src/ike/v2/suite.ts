// What IKEv2 SAs are made with: the algorithms of a proposal, and their numbers (RFC 7296 §3.3.2, RFC 5282, RFC 7634,
// RFC 4868, IANA's ikev2-parameters). IKEv1's proposals are the same algorithms under other numbers.
import type { EspInteg } from "../../dataplane/dataplane.ts";
import type { AeadName, BlockCipherName, DhGroupName, HashName } from "../../ports/ports.ts";
import { type EspProposal, espCipher, groupNumber, groupOf, type IkeProposal, parseIkeProposal } from "../proposals.ts";
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
}

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

function aead(cipher: AeadName, keyBits: number, prf: HashName, group: DhGroupName): Suite {
  const name = cipher === "aes-gcm" ? `aes${keyBits}gcm16` : "chacha20poly1305";
  return { text: `${name}-${prf}-${group}`, cipher, keyBits, integ: null, prf, group };
}
function classic(p: IkeProposal): Suite {
  return { text: p.text, cipher: p.cipher, keyBits: p.keyBits, integ: p.hash, prf: p.hash, group: p.group };
}
const GROUPS = ["x25519", "ecp256", "ecp384", "modp2048"] as const;
/** Offered first by default, and accepted. */
const DEFAULT: readonly Suite[] = [
  ...GROUPS.map((g) => aead("aes-gcm", 256, "sha256", g)),
  ...GROUPS.map((g) => aead("aes-gcm", 128, "sha256", g)),
  ...GROUPS.map((g) => aead("chacha20-poly1305", 256, "sha256", g)),
  ...GROUPS.map((g) => aead("aes-gcm", 256, "sha384", g)),
  ...GROUPS.map((g) => classic(parseIkeProposal(`aes256-sha256-${g}`))),
];
/** What an IKE SA may be made with: the configured proposals; `standard`: behind IKEv2's own, which v1 has not. */
export function suites(configured: readonly IkeProposal[], standard: boolean): readonly Suite[] {
  const own = configured.map(classic);
  if (!standard) return own;
  return [...DEFAULT, ...own.filter((s) => !DEFAULT.some((d) => d.text === s.text))];
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
/** Proposals that offer exactly these suites: those that differ in the group alone share one. `spi`: of an SA that replaces another. */
export function offerSuites(list: readonly Suite[], spi: Uint8Array, more: Wanted = []): Proposal[] {
  const byFixed = new Map<string, Transform[]>();
  for (const s of list) {
    const { fixed, ke } = suiteTransforms(s);
    const key = JSON.stringify(fixed);
    const all = byFixed.get(key) ?? [...fixed, ...more];
    byFixed.set(key, [...all, { type: TRANSFORM.ke, id: ke, bits: 0 }]);
  }
  return [...byFixed.values()].map((transforms, i) => ({
    number: i + 1,
    protocol: PROTOCOL.ike,
    spi,
    transforms: [...transforms].sort((a, b) => a.type - b.type),
  }));
}

/** Where one of ours and one of the peer's proposals agree. */
export interface Choice<T> {
  readonly ours: T;
  readonly number: number;
  readonly spi: Uint8Array;
  /** What goes into the answer: one transform of each type. */
  readonly transforms: readonly Transform[];
  /** The additional key exchanges of the proposal, by type; without NONE. */
  readonly addKe: readonly Transform[];
}
export function chooseSuite(list: readonly Suite[], offered: readonly Proposal[]): Choice<Suite> | null {
  for (const ours of list) {
    const { fixed, ke } = suiteTransforms(ours);
    const wanted = [...fixed, { type: TRANSFORM.ke, id: ke, bits: 0 }];
    for (const p of offered) {
      const addKe = p.protocol === PROTOCOL.ike ? agrees(p, wanted) : null;
      if (addKe) return { ours, number: p.number, spi: p.spi, transforms: wanted, addKe };
    }
  }
  return null;
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
    const transforms = [...fixed, ...ke].sort((a, b) => a.type - b.type);
    out.push({ number: out.length + 1, protocol: PROTOCOL.esp, spi, transforms });
  }
  return out;
}
/** `ke`: the group of the peer's key exchange, or null: there is none. */
export function chooseEsp(
  list: readonly EspProposal[],
  offered: readonly Proposal[],
  ke: number | null,
  groups: boolean,
): (Choice<EspProposal> & { readonly group: DhGroupName | null }) | null {
  const single = offered.filter((p) => p.protocol === PROTOCOL.esp && p.spi.length === 4);
  for (const ours of list) {
    const fixed = espFixed(ours);
    for (const p of fixed ? single : []) {
      const group = groups ? groupFor(ours, p, ke) : null;
      if (!fixed || group === undefined) continue;
      const wanted = [...fixed, ...(group ? [{ type: TRANSFORM.ke, id: groupNumber(group), bits: 0 }] : [])];
      const addKe = agrees(p, wanted);
      if (addKe) return { ours, number: p.number, spi: p.spi, transforms: wanted, addKe, group };
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
 * out (NONE). Null, or its additional key exchanges.
 */
function agrees(p: Proposal, wanted: Wanted): readonly Transform[] | null {
  const has = (w: Transform): boolean => p.transforms.some((t) => t.type === w.type && t.id === w.id && sameBits(t, w));
  if (!wanted.every((w) => has(w) || (w === ESN_NONE && !p.transforms.some((t) => t.type === TRANSFORM.esn))))
    return null;
  const addKe: Transform[] = [];
  for (const type of new Set(p.transforms.map((t) => t.type))) {
    if (wanted.some((w) => w.type === type)) continue;
    const these = p.transforms.filter((t) => t.type === type);
    if (type >= TRANSFORM.firstAddKe && type < TRANSFORM.firstAddKe + 7) addKe.push(...these);
    else if (!these.some((t) => t.id === 0)) return null;
  }
  return addKe;
}
/** RFC 7296 §3.3.5: AES has a key length; some peers name that of ciphers that have but one, which is no fault. */
function sameBits(t: Transform, w: Transform): boolean {
  return w.type !== TRANSFORM.encr ? t.bits >= 0 : t.bits === w.bits || (w.bits === 0 && t.bits === 256);
}
/** Which of our offers a responder chose; null: none. */
export function chosenSuite(list: readonly Suite[], answer: readonly Proposal[]): Choice<Suite> | null {
  const [p, ...more] = answer;
  if (!p || more.length > 0 || new Set(p.transforms.map((t) => t.type)).size !== p.transforms.length) return null;
  return chooseSuite(list, answer);
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
      return `ke${type - TRANSFORM.firstAddKe + 1}:${id}`;
  }
}
