// Digital signatures in IKEv2, RFC 7427 and RFC 8420: an AlgorithmIdentifier in DER names the signature that follows it.
import { concat, hex, unhex } from "../../core/text.ts";
import type { KeyKind, SignatureScheme } from "../../ports/pki.ts";
import type { HashName } from "../../ports/ports.ts";

/** RFC 7427 §7, RFC 8420 §3: what SIGNATURE_HASH_ALGORITHMS lists; 5 is "identity", for EdDSA. */
const HASHES: readonly (readonly [number: number, hash: HashName | null])[] = [
  [2, "sha256"],
  [3, "sha384"],
  [4, "sha512"],
  [5, null],
];

const RSA = "06092a864886f70d0101";
const SHA2 = "06096086480165030402";
/** RFC 7427 §A.4.3: SHA-2 with MGF1 of the same hash and a salt as long as it. */
function pss(hash: string, salt: string): string {
  const h = `300d${SHA2}${hash}0500`;
  return `3041${RSA}0a3034a00f${h}a11c301a${RSA}08${h}a2030201${salt}`;
}
/** RFC 7427 §A, RFC 8420 §A. */
const ALGORITHMS: readonly (readonly [der: string, form: SignatureScheme["form"], hash: HashName | null])[] = [
  [pss("01", "20"), "pss", "sha256"],
  [pss("02", "30"), "pss", "sha384"],
  [pss("03", "40"), "pss", "sha512"],
  [`300d${RSA}0b0500`, "pkcs1", "sha256"],
  [`300d${RSA}0c0500`, "pkcs1", "sha384"],
  [`300d${RSA}0d0500`, "pkcs1", "sha512"],
  ["300a06082a8648ce3d040302", "ecdsa-der", "sha256"],
  ["300a06082a8648ce3d040303", "ecdsa-der", "sha384"],
  ["300a06082a8648ce3d040304", "ecdsa-der", "sha512"],
  ["300506032b6570", "eddsa", null],
  ["300506032b6571", "eddsa", null],
];
/** The form and hash that each kind of key signs with, the best first. */
const SIGNS: Readonly<Record<KeyKind, readonly (readonly [SignatureScheme["form"], HashName | null])[]>> = {
  rsa: [
    ["pss", "sha256"],
    ["pss", "sha384"],
    ["pss", "sha512"],
  ],
  ecp256: [["ecdsa-der", "sha256"]],
  ecp384: [["ecdsa-der", "sha384"]],
  ecp521: [["ecdsa-der", "sha512"]],
  ed25519: [["eddsa", null]],
  ed448: [["eddsa", null]],
};

/** Data of SIGNATURE_HASH_ALGORITHMS. */
export function hashAlgorithms(): Uint8Array {
  return Uint8Array.from(HASHES.flatMap(([n]) => [0, n]));
}
/** The hashes that a peer lists. */
export function readHashAlgorithms(data: Uint8Array): readonly (HashName | null)[] {
  return HASHES.filter(([n]) => data.some((x, i) => i % 2 === 1 && x === n && data[i - 1] === 0)).map(([, h]) => h);
}
/** How a key signs for a peer that takes these hashes; null: it cannot. */
export function schemeFor(key: KeyKind, hashes: readonly (HashName | null)[]): SignatureScheme | null {
  const [form, hash] = SIGNS[key].find(([, h]) => hashes.includes(h)) ?? [];
  return form === undefined || hash === undefined ? null : { form, hash };
}
/** The AUTH payload's data, RFC 7427 §3: length and DER of the algorithm, then the signature. */
export function writeSignature(key: KeyKind, scheme: SignatureScheme, signature: Uint8Array): Uint8Array {
  const fits = ALGORITHMS.filter(([, form, hash]) => form === scheme.form && hash === scheme.hash);
  const der = unhex((key === "ed448" ? fits[1] : fits[0])?.[0] ?? "");
  if (!der || der.length === 0) throw new RangeError("a signature scheme without an algorithm identifier");
  return concat([Uint8Array.of(der.length), der, signature]);
}
/** Null: an algorithm that we do not take. */
export function readSignature(
  data: Uint8Array,
): { readonly scheme: SignatureScheme; readonly signature: Uint8Array } | null {
  const at = 1 + (data[0] ?? 0);
  const der = hex(data.subarray(1, at));
  const found = ALGORITHMS.find(([d]) => d === der);
  return found ? { scheme: { form: found[1], hash: found[2] }, signature: data.subarray(at) } : null;
}
