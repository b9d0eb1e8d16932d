// An IKE SA in place of another, in CREATE_CHILD_SA: RFC 7296 §1.3.2, §2.18, and what follows it: RFC 9370 §2.2.4.
//   HDR, SK {SA, Ni, KEi} -->
//                         <-- HDR, SK {SA, Nr, KEr}
import { DecodeError } from "../../core/errors.ts";
import type { DhGroupName, KeName } from "../../ports/ports.ts";
import { groupNumber } from "../proposals.ts";
import { failure } from "../types.ts";
import { isZero } from "../wire/header.ts";
import { one, type Payload, payload } from "../wire/payloads.ts";
import { kePayload } from "./addke.ts";
import { NONCE_BYTES, type Refusal, readKePayload, readNonce, wrongGroup } from "./childsa.ts";
import { IkeSa, type Role } from "./ikesa.ts";
import { type KeySeed, makeKeys, nextSeed } from "./keys.ts";
import { compare } from "./selectors.ts";
import { type Choice, chooseSuite, chosenSuite, offerSuites, type Suite, suites } from "./suite.ts";
import { NOTIFY } from "./wire/bodies.ts";
import { type Chain, PAYLOAD } from "./wire/message.ts";
import { readSa, writeSa } from "./wire/sa.ts";

const SPI_BYTES = 8;

/** What both sides agree on, but for the additional key exchanges that follow. */
export interface RekeyDraft {
  /** The lower nonce. */
  readonly low: Uint8Array;
  readonly addKe: readonly KeName[];
  /** `more`: their secrets, in order. */
  complete(more: readonly Uint8Array[]): IkeSa;
}
interface RekeyOwner {
  newSpi(): Uint8Array;
  closed(sa: IkeSa): void;
}
interface RekeyOffer {
  readonly payloads: readonly Payload[];
  /** Null: the answer is no good. Throws DecodeError. */
  take(c: Chain, owner: RekeyOwner): RekeyDraft | null;
}

/** The algorithms in use first, with the additional key exchanges in use. */
function offered(old: IkeSa): readonly Suite[] {
  const list = suites(old.policy, old.env.crypto);
  const same = list.filter((s) => s.text === old.suite.text).flatMap((s) => s.addKe ?? []);
  const addKe = [old.addKe, ...same.filter((a) => a.join() !== old.addKe.join())];
  return [{ ...old.suite, addKe }, ...list.filter((s) => s.text !== old.suite.text)];
}
export function offerRekey(old: IkeSa, spiI: Uint8Array, group: DhGroupName): RekeyOffer {
  const { crypto } = old.env;
  const list = offered(old);
  const dh = crypto.dh(group);
  const ni = crypto.random(NONCE_BYTES);
  return {
    payloads: [
      payload(PAYLOAD.sa, writeSa(offerSuites(list, spiI))),
      payload(PAYLOAD.nonce, ni),
      kePayload(group, dh.publicValue),
    ],
    take: (c, owner) => {
      const choice = chosenSuite(list, readSa(one(c, PAYLOAD.sa, "sa")));
      const nr = readNonce(c);
      const ke = readKePayload(c);
      if (!choice || choice.ours.group !== group || ke?.group !== groupNumber(group)) return null;
      const gir = dh.shared(ke.value);
      if (!gir) return null;
      const seed = { spiI, spiR: readSpi(choice.spi), ni, nr };
      return draft(old, choice, gir, seed, "initiator", owner);
    },
  };
}
/** Throws DecodeError. */
export function answerRekey(
  old: IkeSa,
  c: Chain,
  owner: RekeyOwner,
): (RekeyDraft & { readonly payloads: readonly Payload[] }) | Refusal {
  const { crypto } = old.env;
  const proposals = readSa(one(c, PAYLOAD.sa, "sa"));
  const ni = readNonce(c);
  const ke = readKePayload(c);
  if (!ke) throw new DecodeError("bad-value", "ke missing", 0);
  const choice = chooseSuite(offered(old), proposals, true);
  if (!choice) {
    return { why: failure("no-proposal", "no common IKEv2 proposal"), notify: NOTIFY.noProposalChosen };
  }
  const { group } = choice.ours;
  if (ke.group !== groupNumber(group)) return wrongGroup(group, ke.group);
  const dh = crypto.dh(group);
  const gir = dh.shared(ke.value);
  if (!gir) return { why: failure("bad-key", "not acceptable"), notify: NOTIFY.invalidSyntax };
  const nr = crypto.random(NONCE_BYTES);
  const seed = { spiI: readSpi(choice.spi), spiR: owner.newSpi(), ni, nr };
  const { number, transforms } = choice;
  return {
    ...draft(old, choice, gir, seed, "responder", owner),
    payloads: [
      payload(PAYLOAD.sa, writeSa([{ number, protocol: 1, spi: seed.spiR, transforms }])),
      payload(PAYLOAD.nonce, nr),
      kePayload(group, dh.publicValue),
    ],
  };
}
function readSpi(b: Uint8Array): Uint8Array {
  if (b.length !== SPI_BYTES || isZero(b)) throw new DecodeError("bad-length", "spi", 0);
  return b.slice();
}
function draft(
  old: IkeSa,
  { ours: suite, addKe }: Choice<Suite>,
  gir: Uint8Array,
  seed: KeySeed,
  role: Role,
  owner: RekeyOwner,
): RekeyDraft {
  const { spiI, spiR, ni, nr } = seed;
  const complete = (more: readonly Uint8Array[]): IkeSa => {
    const { env, policy, local, remote, nat, udp, fragments, user } = old;
    const keys = makeKeys(env.crypto, suite, nextSeed(env.crypto, old.suite, old.keys.d, gir, seed, more), seed);
    const closed = (sa: IkeSa): void => owner.closed(sa);
    const kept = { env, policy, local, remote, nat, udp, fragments, user };
    return new IkeSa({ ...kept, role, spiI, spiR, suite, addKe, keys, firstId: 0, closed });
  };
  return { low: compare(ni, nr) < 0 ? ni : nr, addKe, complete };
}
