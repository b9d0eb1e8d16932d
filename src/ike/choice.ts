// Which of a peer's proposals we accept. When there is none: what the peer offers, what we accept, and the line of
// configuration that would accept the best of the peer's.
import { ConfigError } from "../core/errors.ts";
import {
  authOf,
  authText,
  describeEsp,
  describeIke,
  ESP_DEFAULTS,
  IKE_INITIATOR,
  IKE_RESPONDER,
  type IkeProposal,
  matchesEsp,
  matchesIke,
  parseEspProposal,
  parseIkeProposal,
} from "./proposals.ts";
import type { IkePolicy } from "./types.ts";
import { authMethods } from "./v1/auth.ts";
import { PROTOCOL, type Proposal, readSa, type Transform } from "./wire/sa.ts";

export interface IkeChoice {
  readonly proposal: IkeProposal;
  readonly transform: Transform;
  readonly number: number;
}
/** Of one offer in IKEv2, which may combine many algorithms. */
const MOST_ADVISED = 64;
interface Named {
  readonly text: string;
}

/**
 * The first of our proposals that the peer offers too, for the first of our methods of authentication that it offers; or
 * a sentence that says why there is none, without particulars unless they are wanted: those take time.
 */
export function chooseIke(policy: IkePolicy, body: Uint8Array, particulars = true): IkeChoice | string {
  const offered = readSa(body).filter((p) => p.protocol === PROTOCOL.isakmp);
  const auths = authMethods(policy);
  for (const auth of auths) {
    for (const proposal of policy.ikeProposals) {
      for (const p of offered) {
        const transform = p.transforms.find((t) => matchesIke(proposal, t, [auth]));
        if (transform) return { proposal, transform, number: p.number };
      }
    }
  }
  if (!particulars) return "no common phase 1 proposal";
  const transforms = offered.flatMap((p) => p.transforms);
  const theirs = [...new Set(transforms.map(authOf))];
  if (!theirs.some((a) => auths.includes(a))) {
    const ours = auths.map(authText).join(" or ") || "nothing that IKEv1 has";
    return `the peer authenticates by ${theirs.map(authText).join(" or ") || "nothing"}, this side by ${ours}`;
  }
  const possible = transforms.flatMap((t) =>
    known(
      () => parseIkeProposal(describeIke(t)),
      (p) => matchesIke(p, t, auths),
    ),
  );
  return (
    `no common phase 1 proposal: we accept ${list(policy.ikeProposals)}; ` +
    `the peer offers ${transforms.map(describeIke).join(" ") || "none"}` +
    advice("ike_proposals", policy.ikeProposals, [IKE_RESPONDER], possible)
  );
}
/** What would accept a proposal of IKEv2's that `offered` describes; AEAD ciphers have no words among ours. */
export function adviceForIkev2(policy: IkePolicy, offered: string): string {
  const texts = offered.split(" ").flatMap((p) => {
    const words = p.split("-");
    const all = (of: RegExp): string[] => words.filter((w) => of.test(w));
    return all(/^(aes|camellia|3des)/).flatMap((c) =>
      all(/^(sha|md5)/).flatMap((h) => all(/^(modp|ecp|x25519)/).map((g) => `${c}-${h}-${g}`)),
    );
  });
  const possible = texts.slice(0, MOST_ADVISED).flatMap((text) =>
    known(
      () => parseIkeProposal(text),
      () => true,
    ),
  );
  return advice("ike_proposals", policy.ikeProposals, [IKE_RESPONDER], possible);
}
/** Why we accept no ESP proposal of `offered`. */
export function noEsp(policy: IkePolicy, offered: readonly Proposal[], encaps: readonly number[]): string {
  const transforms = offered.flatMap((p) => (p.protocol === PROTOCOL.esp ? p.transforms : []));
  const possible = transforms.flatMap((t) =>
    known(
      () => parseEspProposal(describeEsp(t).replace(/\(.*/, "")),
      (p) => matchesEsp(p, t, encaps),
    ),
  );
  return (
    `no common ESP proposal: we accept ${list(policy.espProposals)} (encapsulation ${encaps.join(" or ")}); ` +
    `the peer offers ${transforms.map(describeEsp).join(" ") || "none"}` +
    advice("esp_proposals", policy.espProposals, ESP_DEFAULTS, possible)
  );
}
/** For a client whose server accepts none of our proposals and does not say what it would accept. */
export function olderServer(policy: IkePolicy): string {
  return policy.ikeProposals === IKE_INITIATOR
    ? "; an old server may want ike_proposals = default aes256-sha1-modp1024 3des-sha1-modp1024"
    : "";
}

/**
 * MD5 and MODP1024 are broken or nearly so, and whoever made RFC 5114's groups may know more about them; ciphers with
 * 64-bit blocks must rekey by bytes (CVE-2016-2183); an ICV of 8 bytes is forged too soon.
 */
export function weak(p: Named): boolean {
  return /3des|md5|modp1024|2048s256|gcm8|null/.test(p.text);
}
function list(p: readonly Named[]): string {
  return p.map((x) => x.text).join(" ");
}
function known<P extends Named>(parse: () => P, fits: (p: P) => boolean): P[] {
  try {
    const p = parse();
    return fits(p) ? [p] : [];
  } catch (e) {
    if (!(e instanceof ConfigError)) throw e;
    return [];
  }
}
/** The peer lists its proposals in order of preference; those that are not weak go first. */
function advice(
  option: string,
  ours: readonly Named[],
  defaults: readonly (readonly Named[])[],
  possible: readonly Named[],
): string {
  const best = possible.find((p) => !weak(p)) ?? possible[0];
  if (!best) return "";
  const standard = defaults.find((list) => list.every((d, i) => ours[i]?.text === d.text));
  const value = [...(standard ? ["default"] : []), ...ours.slice(standard?.length ?? 0).map((p) => p.text), best.text];
  return `; ${weak(best) ? "it offers only weak ones: " : ""}to allow it set ${option} = ${value.join(" ")}`;
}
/** A configured list with "default" replaced by the default list. */
export function expand<P>(configured: readonly (P | "default")[] | null, defaults: readonly P[]): readonly P[] {
  return configured === null ? defaults : configured.flatMap((p) => (p === "default" ? defaults : [p]));
}
