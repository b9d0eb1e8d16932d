// Proposals as they are configured, and their numbers on the wire: RFC 2409 appendix A, RFC 2407 §4.4.4 and §4.5, and
// IANA's ipsec-registry. Our lists are in order of preference, the strongest first.
import { u32 } from "../core/bytes.ts";
import { ConfigError } from "../core/errors.ts";
import type { EspCipher, EspInteg } from "../dataplane/dataplane.ts";
import type { AeadName, BlockCipherName, DhGroupName, HashName, KemName, KeName } from "../ports/ports.ts";
import { type Attribute, attributeNumber } from "./wire/attributes.ts";
import type { Transform } from "./wire/sa.ts";

export interface IkeProposal {
  readonly text: string;
  readonly cipher: BlockCipherName;
  /** 192 for 3DES, which has no key length attribute. */
  readonly keyBits: number;
  readonly hash: HashName;
  readonly group: DhGroupName;
}
/** What IKEv2 may have besides: an AEAD cipher, whose hash is the PRF, and additional key exchanges (RFC 9370). */
export interface Ike2Proposal extends Omit<IkeProposal, "cipher"> {
  readonly cipher: BlockCipherName | AeadName;
  readonly addKe?: readonly KeName[];
}
export interface EspProposal {
  readonly text: string;
  readonly cipher: EspCipher;
  readonly integ: EspInteg;
  /** Perfect forward secrecy; null: we ask for none and accept any that the peer asks for. */
  readonly group: DhGroupName | null;
  /** Behind the group, IKEv2 alone (RFC 9370); never empty. */
  readonly addKe?: readonly KeName[];
}

/**
 * RFC 2409 §6, RFC 3526, RFC 5114 §2.3, RFC 5903; 31 and 32 are IANA's numbers of Curve25519 and Curve448. The KE
 * payload's body holds the modulus (RFC 2409 §6), x and y (RFC 5903 §7), or 32 or 56 bytes (RFC 8031 §3.1).
 */
const GROUPS: Readonly<Record<DhGroupName, readonly [number: number, keBytes: number]>> = {
  modp1024: [2, 128],
  modp1536: [5, 192],
  modp2048: [14, 256],
  modp3072: [15, 384],
  modp4096: [16, 512],
  modp6144: [17, 768],
  modp8192: [18, 1024],
  ecp256: [19, 64],
  ecp384: [20, 96],
  ecp521: [21, 132],
  modp2048s256: [24, 256],
  x25519: [31, 32],
  x448: [32, 56],
};
/** IANA's numbers, draft-ietf-ipsecme-ikev2-mlkem. */
const KEMS: Readonly<Record<KemName, number>> = { mlkem512: 35, mlkem768: 36, mlkem1024: 37 };
/** RFC 9370 §2.2.1: transform types 6 to 12. */
const MOST_ADD_KE = 7;
export function keBytes(group: DhGroupName): number {
  return GROUPS[group][1];
}
/**
 * A peer's public value as Diffie-Hellman takes it, or null when it cannot be one. Some send a MODP value without its
 * leading zeros, SoftEther for one; what the hashes of phase 1 cover is what was sent.
 */
export function wholeKe(group: DhGroupName, ke: Uint8Array): Uint8Array | null {
  const size = keBytes(group);
  if (ke.length === size) return ke;
  if (!group.startsWith("modp") || ke.length === 0 || ke.length > size) return null;
  const out = new Uint8Array(size);
  out.set(ke, size - ke.length);
  return out;
}
const HASHES: Readonly<Record<HashName, number>> = { md5: 1, sha1: 2, sha256: 4, sha384: 5, sha512: 6 };
const CIPHER_IDS: Readonly<Record<BlockCipherName, number>> = { aes: 7, camellia: 8, "3des": 5 };
const IKE_CIPHERS: Readonly<Record<string, readonly [cipher: BlockCipherName, bits: number]>> = {
  aes256: ["aes", 256],
  aes192: ["aes", 192],
  aes128: ["aes", 128],
  camellia256: ["camellia", 256],
  camellia192: ["camellia", 192],
  camellia128: ["camellia", 128],
  "3des": ["3des", 192],
};
/**
 * Transform id, key length attribute, bytes of KEYMAT with salt (RFC 4106 §8.1). The v1 registry has no
 * ChaCha20-Poly1305: 28 is its IKEv2 number, which only this program accepts.
 */
const ESP_CIPHERS: Readonly<Record<EspCipher, readonly [id: number, bits: number, keyBytes: number]>> = {
  aes256gcm16: [20, 256, 36],
  aes192gcm16: [20, 192, 28],
  aes128gcm16: [20, 128, 20],
  aes256gcm12: [19, 256, 36],
  aes128gcm12: [19, 128, 20],
  aes256gcm8: [18, 256, 36],
  aes128gcm8: [18, 128, 20],
  chacha20poly1305: [28, 0, 36],
  aes256: [12, 256, 32],
  aes192: [12, 192, 24],
  aes128: [12, 128, 16],
  camellia256: [22, 256, 32],
  camellia192: [22, 192, 24],
  camellia128: [22, 128, 16],
  "3des": [3, 0, 24],
  null: [11, 0, 0],
};
/** Authentication algorithm and bytes of KEYMAT. */
const INTEGS: Readonly<Record<EspInteg, readonly [id: number, keyBytes: number]>> = {
  md5: [1, 16],
  sha1: [2, 20],
  sha256: [5, 32],
  sha384: [6, 48],
  sha512: [7, 64],
  sha256_96: [5, 32],
  none: [0, 0],
};

const own = <K extends string>(table: Readonly<Record<K, unknown>>, key: string): key is K => Object.hasOwn(table, key);
const keys = (table: object): string => Object.keys(table).join(" ");
const isAead = (c: EspCipher): boolean => c.includes("gcm") || c === "chacha20poly1305";

const IKE_AEADS: Readonly<Record<string, readonly [cipher: AeadName, bits: number]>> = {
  aes256gcm16: ["aes-gcm", 256],
  aes192gcm16: ["aes-gcm", 192],
  aes128gcm16: ["aes-gcm", 128],
  chacha20poly1305: ["chacha20-poly1305", 256],
};

/** Throws a ConfigError that lists what is allowed; `where` is the option's name. */
export function parseIke2Proposal(s: string, where = "ike_proposals"): Ike2Proposal {
  const [cipher = "", hash = "", group = "", ...rest] = s.toLowerCase().split("-");
  const ciphers = { ...IKE_CIPHERS, ...IKE_AEADS };
  const allowed =
    `allowed: CIPHER-HASH-GROUP of ${keys(ciphers)} - ${keys(HASHES)} - ${keys(GROUPS)}; with gcm16, poly1305 and ` +
    `-${keys(KEMS).replaceAll(" ", " -")} behind the group for IKEv2 alone`;
  const c = own(ciphers, cipher) ? ciphers[cipher] : undefined;
  const addKe = parseAddKe(group, rest);
  if (!c || !own(HASHES, hash) || !own(GROUPS, group) || !addKe) {
    throw new ConfigError(where, `not a phase 1 proposal: ${JSON.stringify(s)} (${allowed})`);
  }
  const text = [cipher, hash, group, ...addKe].join("-");
  return { text, cipher: c[0], keyBits: c[1], hash, group, ...(addKe.length > 0 ? { addKe } : {}) };
}
/** RFC 9370 §2.2.1: at most seven, none twice. Null: they are not. */
function parseAddKe(group: string, list: readonly string[]): KeName[] | null {
  const known = list.filter((k): k is KeName => own(KEMS, k) || own(GROUPS, k));
  const different = new Set([group, ...list]).size === list.length + 1;
  return known.length === list.length && list.length <= MOST_ADD_KE && different ? known : null;
}
export function isIke1(p: Ike2Proposal): p is IkeProposal {
  return p.cipher !== "aes-gcm" && p.cipher !== "chacha20-poly1305" && !p.addKe;
}
/** IKEv1's. Throws a ConfigError. */
export function parseIkeProposal(s: string, where = "ike_proposals"): IkeProposal {
  const p = parseIke2Proposal(s, where);
  if (!isIke1(p)) throw new ConfigError(where, `${p.text}: only IKEv2 has it`);
  return p;
}
export function parseEspProposal(s: string, where = "esp_proposals"): EspProposal {
  const parts = s.toLowerCase().split("-");
  const integs = keys(INTEGS).replace(" none", "");
  const allowed =
    `allowed: CIPHER-HASH[-GROUP] of ${keys(ESP_CIPHERS)} - ${integs} - ${keys(GROUPS)}; ` +
    `no HASH with gcm and poly1305; -${keys(KEMS).replaceAll(" ", " -")} behind the group for IKEv2 alone`;
  const fault = new ConfigError(where, `not an ESP proposal: ${JSON.stringify(s)} (${allowed})`);
  const cipher = parts.shift() ?? "";
  if (!own(ESP_CIPHERS, cipher)) throw fault;
  let integ: string = "none";
  if (!isAead(cipher)) integ = parts.shift() ?? "";
  if (!own(INTEGS, integ) || (integ === "none") !== isAead(cipher)) throw fault;
  const group = parts.shift();
  const addKe = parseAddKe(group ?? "", parts);
  if ((group !== undefined && !own(GROUPS, group)) || !addKe) throw fault;
  const text = [espText(cipher, integ, group ?? null), ...addKe].join("-");
  return { text, cipher, integ, group: group ?? null, ...(addKe.length > 0 ? { addKe } : {}) };
}
/** The same with perfect forward secrecy by `group`. */
export function withPfs(p: EspProposal, group: DhGroupName | null): EspProposal {
  return group === null || p.group !== null ? p : { ...p, group, text: espText(p.cipher, p.integ, group) };
}
const espText = (c: EspCipher, i: EspInteg, g: string | null): string =>
  [c, ...(i === "none" ? [] : [i]), ...(g ? [g] : [])].join("-");

const ike = (list: string): readonly IkeProposal[] => list.split(" ").map((s) => parseIkeProposal(s));
const esp = (list: string): readonly EspProposal[] => list.split(" ").map((s) => parseEspProposal(s));

/** What an initiator offers by default. MODP2048 first: every current peer has it, and a router computes it once. */
export const IKE_INITIATOR = ike(
  "aes256-sha256-modp2048 aes256-sha1-modp2048 aes128-sha256-modp2048 aes128-sha1-modp2048 aes256-sha256-x25519 " +
    "aes256-sha256-ecp256 aes256-sha384-ecp384 aes256-sha512-modp4096 aes256-sha256-modp3072 aes256-sha1-modp1536 " +
    "aes128-sha256-modp1536 aes128-sha1-modp1536 aes256-sha1-ecp384 aes128-sha256-ecp256",
);
/** What a responder accepts by default, Windows' ECP proposals included; 3DES and MODP1024 must be configured. */
export const IKE_RESPONDER = ike(
  "aes256-sha256-x25519 aes256-sha384-ecp384 aes256-sha1-ecp384 aes256-sha256-ecp256 aes128-sha256-ecp256 " +
    "aes128-sha1-ecp256 aes256-sha512-ecp521 aes256-sha384-ecp521 aes256-sha256-ecp521 aes256-sha256-ecp384 " +
    "aes256-sha384-ecp256 aes256-sha512-ecp384 aes256-sha384-modp4096 aes256-sha384-modp3072 aes256-sha512-modp3072 " +
    "aes256-sha512-modp4096 aes256-sha256-modp4096 aes256-sha256-modp3072 aes256-sha512-modp2048 " +
    "aes256-sha384-modp2048 aes256-sha256-modp2048 aes256-sha1-modp2048 aes192-sha256-modp2048 aes192-sha1-modp2048 " +
    "aes128-sha256-modp2048 aes128-sha1-modp2048 aes256-sha256-modp1536 aes256-sha1-modp1536 aes128-sha256-modp1536 " +
    "aes128-sha1-modp1536",
);
/** An initiator's on a CPU that is fast with AES, and every responder's last. */
const ESP_DEFAULT = esp("aes256gcm16 aes128gcm16 aes256-sha256 aes128-sha256 aes256-sha1 aes192-sha1 aes128-sha1");
const CHACHA20 = esp("chacha20poly1305");
/** Without AES instructions GCM costs more than CBC with SHA-1, and 256 bits more than 128. */
const ESP_SLOW_AES = esp(
  "chacha20poly1305 aes128-sha1 aes128-sha256 aes128gcm16 aes256-sha1 aes256-sha256 aes256gcm16 aes192-sha1",
);
/**
 * Offered and accepted by default, in order of preference. By default only a peer with slow AES offers
 * ChaCha20-Poly1305, so a responder prefers it whatever its own CPU.
 */
export function espDefaults(faster: "aes" | "chacha20", role: "initiator" | "responder"): readonly EspProposal[] {
  if (faster === "chacha20") return role === "initiator" ? ESP_SLOW_AES : ESP_SLOW_RESPONDER;
  return role === "initiator" ? ESP_DEFAULT : ESP_RESPONDER;
}
/** What nobody offers first, and a responder has no reason to refuse. */
const ESP_MORE = esp("aes192gcm16 aes256-sha512 aes256-sha384 aes192-sha256");
const ESP_RESPONDER: readonly EspProposal[] = [...CHACHA20, ...ESP_DEFAULT, ...ESP_MORE];
const ESP_SLOW_RESPONDER: readonly EspProposal[] = [...ESP_SLOW_AES, ...ESP_MORE];
/** Every list that `default` may stand for. */
export const ESP_DEFAULTS: readonly (readonly EspProposal[])[] = [
  ESP_DEFAULT,
  ESP_RESPONDER,
  ESP_SLOW_AES,
  ESP_SLOW_RESPONDER,
];

/**
 * Whether every attribute is one of `known`, none comes twice, and basic ones are in basic form (RFC 2409 appendix A);
 * life types and durations come in pairs, at most one for seconds and one for kilobytes. To accept an unknown attribute
 * would be to agree to something that we do not do: another PRF, extended sequence numbers.
 */
function plain(t: Transform, known: Readonly<Record<string, number>>): boolean {
  const { lifeType, duration, ...single } = known;
  const allowed = Object.values(single);
  const seen = new Set<string>();
  const rest = t.attributes.values();
  for (const a of rest) {
    const basic = typeof a.value === "number";
    const life = a.type === lifeType;
    if (!basic || (life ? a.value !== 1 && a.value !== 2 : !allowed.includes(a.type))) return false;
    if (life && rest.next().value?.type !== duration) return false;
    const what = life ? `life ${a.value}` : `${a.type}`;
    if (seen.has(what)) return false;
    seen.add(what);
  }
  return true;
}

// Phase 1: attributes of RFC 2409 appendix A
const P1 = { cipher: 1, hash: 2, auth: 3, group: 4, lifeType: 11, duration: 12, keyLength: 14 } as const;
export const P1_LIFE = [P1.lifeType, P1.duration] as const;
const KEY_IKE = 1;
/** Methods of authentication, RFC 2409 appendix A and RFC 4754. */
export const AUTH = { psk: 1, rsa: 3, ecdsa256: 9, ecdsa384: 10, ecdsa521: 11 } as const;
const AUTH_TEXT: Readonly<Record<number, string>> = {
  [AUTH.psk]: "a pre-shared key",
  [AUTH.rsa]: "RSA certificates",
  [AUTH.ecdsa256]: "ECDSA P-256 certificates",
  [AUTH.ecdsa384]: "ECDSA P-384 certificates",
  [AUTH.ecdsa521]: "ECDSA P-521 certificates",
};
export function authText(auth: number): string {
  return AUTH_TEXT[auth] ?? `method ${auth}`;
}
/** The method of authentication of a transform; 0: it has none. */
export function authOf(t: Transform): number {
  return attributeNumber(t.attributes, P1.auth) ?? 0;
}

export function ikeTransform(p: IkeProposal, number: number, lifeSeconds: number, auth: number = AUTH.psk): Transform {
  const attributes: Attribute[] = [
    { type: P1.cipher, value: CIPHER_IDS[p.cipher] },
    ...(p.cipher === "3des" ? [] : [{ type: P1.keyLength, value: p.keyBits }]),
    { type: P1.hash, value: HASHES[p.hash] },
    { type: P1.auth, value: auth },
    { type: P1.group, value: GROUPS[p.group][0] },
    { type: P1.lifeType, value: 1 },
    { type: P1.duration, value: u32(lifeSeconds) },
  ];
  return { number, id: KEY_IKE, attributes };
}
/** `auths`: methods of authentication. */
export function matchesIke(p: IkeProposal, t: Transform, auths: readonly number[] = [AUTH.psk]): boolean {
  const n = (type: number): number | null => attributeNumber(t.attributes, type);
  return (
    // what tells most of them apart first: strangers' proposals are compared with all of ours
    n(P1.cipher) === CIPHER_IDS[p.cipher] &&
    n(P1.hash) === HASHES[p.hash] &&
    n(P1.group) === GROUPS[p.group][0] &&
    t.id === KEY_IKE &&
    auths.includes(authOf(t)) &&
    plain(t, P1) &&
    n(P1.keyLength) === (p.cipher === "3des" ? null : p.keyBits)
  );
}
/** What a peer offers, in our syntax where it has one. */
export function describeIke(t: Transform): string {
  const n = (type: number): number | null => attributeNumber(t.attributes, type);
  const c = n(P1.cipher);
  const known = named({ ...CIPHER_IDS, des: 1 }, c, "cipher");
  const cipher = c === 7 || c === 8 ? `${known}${n(P1.keyLength) ?? "?"}` : known;
  const proposal = [cipher, named(HASHES, n(P1.hash), "hash"), named(GROUPS, n(P1.group), "group")].join("-");
  return proposal + (authOf(t) === AUTH.psk ? "" : `(${authText(authOf(t))})`) + others(t, P1);
}
function others(t: Transform, known: Readonly<Record<string, number>>): string {
  const types = t.attributes.map((a) => a.type).filter((x) => !Object.values(known).includes(x));
  return types.length === 0 ? "" : `(attribute ${types.join(" ")})`;
}
/** `table`: names and numbers; the number is the first of several. */
function named(table: Readonly<Record<string, number | readonly number[]>>, v: number | null, what: string): string {
  return (
    Object.entries(table).find(([, n]) => n === v || (typeof n === "object" && n[0] === v))?.[0] ?? `${what}${v ?? "?"}`
  );
}

// Phase 2: attributes of RFC 2407 §4.5
const P2 = { lifeType: 1, duration: 2, group: 3, encap: 4, auth: 5, keyLength: 6 } as const;
export const P2_LIFE = [P2.lifeType, P2.duration] as const;
/** Encapsulation modes: RFC 2407 §4.5 (2), RFC 3947 §5.1 (4), and the drafts' private number. */
export const ENCAP = { transport: 2, udpTransport: 4, udpTransportDraft: 61444 } as const;

export function espTransform(
  p: EspProposal,
  number: number,
  encap: number,
  lifeSeconds: number,
  lifeKilobytes: number,
): Transform {
  const [id, bits] = ESP_CIPHERS[p.cipher];
  const attributes: Attribute[] = [
    { type: P2.lifeType, value: 1 },
    { type: P2.duration, value: u32(lifeSeconds) },
    ...(lifeKilobytes > 0
      ? [
          { type: P2.lifeType, value: 2 },
          { type: P2.duration, value: u32(lifeKilobytes) },
        ]
      : []),
    { type: P2.encap, value: encap },
    ...(p.integ === "none" ? [] : [{ type: P2.auth, value: INTEGS[p.integ][0] }]),
    ...(bits === 0 ? [] : [{ type: P2.keyLength, value: bits }]),
    ...(p.group === null ? [] : [{ type: P2.group, value: GROUPS[p.group][0] }]),
  ];
  return { number, id, attributes };
}
/** Cipher, integrity and encapsulation agree, and so does our group; when we have none, the peer's is `espGroup`. */
export function matchesEsp(p: EspProposal, t: Transform, encaps: readonly number[]): boolean {
  const n = (type: number): number | null => attributeNumber(t.attributes, type);
  const [id, bits] = ESP_CIPHERS[p.cipher];
  const group = n(P2.group);
  return (
    plain(t, P2) &&
    t.id === id &&
    encaps.includes(n(P2.encap) ?? -1) &&
    (n(P2.auth) ?? 0) === INTEGS[p.integ][0] &&
    (bits === 0 ? n(P2.keyLength) === null : (n(P2.keyLength) ?? 128) === bits) &&
    (p.group === null ? group === null || espGroup(t) !== null : group === GROUPS[p.group][0])
  );
}
export function espEncap(t: Transform): number {
  return attributeNumber(t.attributes, P2.encap) ?? 0;
}
/** The group that the peer asks for; null for none, and for one that we do not have. */
export function espGroup(t: Transform): DhGroupName | null {
  return groupOf(attributeNumber(t.attributes, P2.group));
}
/** By its number, the same in both versions of IKE. */
export function groupOf(number: number | null): DhGroupName | null {
  for (const g of Object.keys(GROUPS)) if (own(GROUPS, g) && GROUPS[g][0] === number) return g;
  return null;
}
export function groupNumber(group: DhGroupName): number {
  return GROUPS[group][0];
}
export function isKem(name: KeName): name is KemName {
  return own(KEMS, name);
}
/** IKEv2's transform id. */
export function keNumber(name: KeName): number {
  return isKem(name) ? KEMS[name] : groupNumber(name);
}
export function keOf(number: number): KeName | null {
  for (const k of Object.keys(KEMS)) if (own(KEMS, k) && KEMS[k] === number) return k;
  return groupOf(number);
}
/** IKEv2's transform id, which is v1's but for Camellia (RFC 5529), and key length attribute (0: none). */
export function espCipher(c: EspCipher): { readonly id: number; readonly bits: number } {
  const [id, bits] = ESP_CIPHERS[c];
  return { id: id === 22 ? 23 : id, bits };
}
export function describeEsp(t: Transform): string {
  const n = (type: number): number | null => attributeNumber(t.attributes, type);
  const bits = n(P2.keyLength) ?? 0;
  const cipher =
    Object.entries(ESP_CIPHERS).find(([, [id, b]]) => id === t.id && (b === 0 || b === (bits || 128)))?.[0] ??
    `cipher${t.id}`;
  const group = n(P2.group);
  return (
    [
      cipher,
      ...(n(P2.auth) === null ? [] : [named(INTEGS, n(P2.auth), "auth")]),
      ...(group === null ? [] : [named(GROUPS, group, "group")]),
    ].join("-") + `(encapsulation ${n(P2.encap) ?? "?"})${others(t, P2)}`
  );
}

/** Bytes of KEYMAT, salt included (RFC 4106 §8.1). */
export function keyBytes(p: { readonly cipher: EspCipher; readonly integ: EspInteg }): { encr: number; integ: number } {
  return { encr: ESP_CIPHERS[p.cipher][2], integ: INTEGS[p.integ][1] };
}
