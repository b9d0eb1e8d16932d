// Aggressive mode with a pre-shared key, RFC 2409 §5.4, both roles, with NAT-T (RFC 3947 §3.2), for servers that ask for it.
//   1 HDR, SA, KE, Ni, IDii, VID.. -->    <-- 2 HDR, SA, KE, Nr, IDir, HASH_R, VID.. [, NAT-D..]
//   3 HDR*, HASH_I [, NAT-D..] [, N] -->
// What it gives away: both identities go in the clear, and a responder shows HASH_R to whoever asks, against which words
// can be tried at home. So a server answers it only when told to. And its answer goes where message 1 says that it comes
// from, before anybody has shown to be there: it costs a turn for Diffie-Hellman, as in main mode, and is about as long as
// the question.
import { DecodeError } from "../../core/errors.ts";
import type { DhKey } from "../../ports/ports.ts";
import type { IkeChoice } from "../choice.ts";
import { AUTH, type IkeProposal, ikeTransform, matchesIke, wholeKe } from "../proposals.ts";
import { failure, NATT_PORT, RETRY } from "../types.ts";
import { clearNotify } from "../wire/clear.ts";
import { EXCHANGE, isZero } from "../wire/header.ts";
import { addressId, writeId } from "../wire/id.ts";
import { NOTIFY, notifyName } from "../wire/notify.ts";
import { all, type Chain, one, PAYLOAD, type Payload, payload, readChain } from "../wire/payloads.ts";
import { PROTOCOL, readSa, writeSa } from "../wire/sa.ts";
import { ourAuth, readAuth, readProof, unauthenticated } from "./auth.ts";
import {
  ignored,
  inOrder,
  type Message,
  type Next,
  next,
  type Outcome,
  type Rules,
  refused,
  type Script,
  type Step,
  script,
} from "./exchange.ts";
import { lastBlock } from "./keys.ts";
import { BAD_DH, fellSilent, GARBLED, initialContact, RESPONDER_RULES as MAIN_RULES, refusedBy } from "./mainmode.ts";
import { answerVendorIds, natDType, ourVendorIds } from "./natt.ts";
import {
  agreed,
  badDh,
  clearMessage,
  detection,
  established,
  type Keyed,
  keyExchange,
  keyed,
  type NatSeen,
  NONCE_BYTES,
  natRefused,
  natSeen,
  type Phase1,
  type Phase1Sa,
  readKeyExchange,
  sealedMessage,
  UNPROVED,
} from "./phase1.ts";

const NO_BYTES = new Uint8Array(0);
const { aggressive: AGGRESSIVE } = EXCHANGE;

/** Message 3 is said again when the responder repeats message 2. */
export const INITIATOR_RULES: Rules = {
  name: "aggressive mode",
  waits: RETRY,
  replays: 5,
  guesses: Number.POSITIVE_INFINITY,
};
export const RESPONDER_RULES: Rules = { ...MAIN_RULES, name: "aggressive mode" };

/** Message 1 has gone out. */
interface Offered {
  readonly saBody: Uint8Array;
  /** All of one group: there is one KE payload for all. */
  readonly offer: readonly IkeProposal[];
  readonly dh: DhKey;
  readonly nonce: Uint8Array;
}
/** Message 2 has gone out. */
interface Answered extends Keyed {
  /** Body of the initiator's ID payload. */
  readonly idBody: Uint8Array;
}

/** Initiator: message 1. */
function offer(x: Phase1Sa): Next<Offered> {
  const [first, ...others] = x.policy.ikeProposals;
  if (!first) throw new RangeError("aggressive mode without a proposal");
  const proposals = [first, ...others.filter((p) => p.group === first.group)];
  const transforms = proposals.map((p, i) => ikeTransform(p, i + 1, x.policy.ikeLifetimeSeconds));
  const saBody = writeSa([{ number: 1, protocol: PROTOCOL.isakmp, spi: NO_BYTES, transforms }]);
  const dh = x.env.crypto.dh(first.group);
  const nonce = x.env.crypto.random(NONCE_BYTES);
  const payloads = [
    payload(PAYLOAD.sa, saBody),
    payload(PAYLOAD.ke, dh.publicValue),
    payload(PAYLOAD.nonce, nonce),
    ourId(x),
    ...ourVendorIds(),
  ];
  return next({ saBody, offer: proposals, dh, nonce }, clearMessage(x, payloads, AGGRESSIVE));
}

const answer: Step<Phase1Sa, Offered, Phase1> = {
  name: "aggressive mode",
  reads: 2,
  sends: 3,
  encrypted: false,
  take(x, from, m) {
    if (isZero(m.header.rcookie)) throw new DecodeError("bad-value", "rcookie", 8);
    // the responder's cookie is in the hashes, and it is not believed before they are
    x.rcookie = m.header.rcookie.slice();
    let o: Outcome<Phase1> | null = null;
    try {
      o = readAnswer(x, from, m);
    } finally {
      if (o?.kind !== "next") x.rcookie = new Uint8Array(8);
    }
    return o;
  },
  hint(x, notify) {
    if (notify !== NOTIFY.noProposalChosen) return refusedBy(x, notify);
    const ours = x.policy.ikeProposals.filter((p) => p.group === x.policy.ikeProposals[0]?.group);
    const list = ours.map((p) => p.text).join(" ");
    const text = `${x.remote.address} accepts none of our aggressive mode proposals (${list}), which have one group`;
    return failure("no-proposal", `${text}: ${notifyName(notify)}`);
  },
  silence(x, { remote }) {
    const id = x.policy.localId?.text ?? x.local.address;
    const text = `no answer from ${remote.address} on UDP ${remote.port} to aggressive mode as ${JSON.stringify(id)}`;
    return failure("no-answer", `${text}: is local_id the group name?`);
  },
};
function readAnswer(x: Phase1Sa, { saBody, offer, dh, nonce }: Offered, { header, body }: Message): Outcome<Phase1> {
  const c = readChain(header.next, body, false);
  const [p, ...others] = readSa(one(c, PAYLOAD.sa, "sa"));
  const t = p?.transforms[0];
  const proposal = t && offer.find((ours) => matchesIke(ours, t));
  if (!proposal || others.length > 0 || p.transforms.length !== 1)
    return ignored("ike.bad-choice", "message 2 chooses what we did not offer");
  const a = agreed(x, c, saBody, proposal, t);
  const peer = readKeyExchange(x, a, c);
  const ke = wholeKe(proposal.group, peer.ke);
  const gxy = ke && dh.shared(ke);
  if (!gxy) return ignored("ike.bad-dh", BAD_DH, badDh(x));
  const k = keyed(x, a, peer, { dh, gxy, nonce });
  const proof = readProof(x, k, c, one(c, PAYLOAD.id, "id"));
  if (proof.kind === "garbled")
    return ignored("ike.garbled", GARBLED, unauthenticated(x, "its hash does not fit", AUTH.psk));
  if (proof.kind === "refused") return refused(proof.why);
  const why = natRefused(x, k);
  if (why) return refused(why);
  const float = natSeen(x, k) && x.local.port !== NATT_PORT; // RFC 3947 §4
  const path = float ? { local: { ...x.local, port: NATT_PORT }, remote: { ...x.remote, port: NATT_PORT } } : x;
  const detects = a.natt ? detection(x, a).payloads(a.natt, path.local, path.remote, x.policy.encap === "udp") : [];
  const payloads = [...ourHash(x, k), ...detects, ...initialContact(x)];
  const { message, iv } = sealedMessage(x, k.keys, k.iv, payloads, AGGRESSIVE);
  return next(established(x, k, iv, proof), message, float ? path : null);
}
/** With the pre-shared key; in main mode ourAuth() has it. */
function ourId(x: Phase1Sa): Payload {
  const id = x.policy.localId ?? addressId(x.local.address);
  return payload(PAYLOAD.id, writeId({ id, protocol: 0, port: 0 }));
}
/** Our HASH payload alone. */
function ourHash(x: Phase1Sa, k: Keyed): Payload[] {
  return ourAuth(x, k).filter((p) => p.type === PAYLOAD.hash);
}

const INITIATOR = { first: answer, last: answer, all: [answer] };
export function initiator(x: Phase1Sa): Script<Phase1Sa, Phase1> {
  return script(INITIATOR, () => offer(x));
}

/** The manager has chosen a proposal of message 1, with a pre-shared key. */
const offered: Step<Phase1Sa, IkeChoice, Answered> = {
  name: "aggressive mode",
  reads: 1,
  sends: 2,
  encrypted: false,
  take(x, { proposal, transform, number }, { header, body }) {
    const c = readChain(header.next, body, false);
    const idBody = one(c, PAYLOAD.id, "id").slice();
    const a = agreed(x, c, one(c, PAYLOAD.sa, "sa"), proposal, transform);
    const peer = readKeyExchange(x, { ...a, natt: null }, c);
    const ke = wholeKe(proposal.group, peer.ke);
    if (!ke) throw new DecodeError("bad-length", "ke", 0);
    return {
      kind: "turn",
      after: () => {
        const dh = x.env.crypto.dh(proposal.group);
        const gxy = dh.shared(ke);
        if (!gxy) {
          x.bad("ike.bad-dh", BAD_DH);
          return refused(badDh(x));
        }
        x.rcookie = x.env.crypto.random(8);
        const nonce = x.env.crypto.random(NONCE_BYTES);
        const k = keyed(x, a, peer, { dh, gxy, nonce });
        const sa = writeSa([{ number, protocol: PROTOCOL.isakmp, spi: NO_BYTES, transforms: [transform] }]);
        const [keyPayload, noncePayload, ...detects] = keyExchange(x, a, dh, nonce);
        const payloads = [
          payload(PAYLOAD.sa, sa),
          ...(keyPayload && noncePayload ? [keyPayload, noncePayload] : []),
          ...ourAuth(x, k),
          ...answerVendorIds(a.natt, x.fragments),
          ...detects,
        ];
        return next({ ...k, idBody }, clearMessage(x, payloads, AGGRESSIVE));
      },
    };
  },
  silence: (x) => fellSilent(x, UNPROVED, "aggressive mode"),
};
const confirmed: Step<Phase1Sa, Answered, Phase1> = {
  name: "authentication",
  reads: 3,
  sends: 0,
  encrypted: true,
  take(x, { idBody, ...k }, m) {
    const auth = readAuth(x, k, m, idBody);
    if (auth.kind === "garbled") {
      const notify = clearNotify(x.env.crypto, NOTIFY.authenticationFailed, x.icookie, x.rcookie);
      return ignored("ike.garbled", GARBLED, unauthenticated(x, "its hash does not fit", AUTH.psk), notify);
    }
    if (auth.kind === "refused") return refused(auth.why, NOTIFY.authenticationFailed);
    const withNat = { ...k, nat: natOf(x, k, auth.chain, m) };
    const why = natRefused(x, withNat);
    if (why) return refused(why);
    return next(established(x, withNat, lastBlock(m.body, k.keys.block), auth), null, m.path);
  },
  silence: (x) => fellSilent(x, UNPROVED, "authentication"),
};
/** RFC 3947 does not say whether message 3's NAT-D are of the ports that it leaves by, or of those of message 1. */
function natOf(x: Phase1Sa, k: Keyed, c: Chain, { path }: Message): NatSeen {
  const none = { us: false, peer: false };
  if (k.natt === null) return none;
  const bodies = all(c, natDType(k.natt));
  const seen = [path, x].map(({ local, remote }) => detection(x, k).compare(bodies, local, remote) ?? none);
  return { us: seen.every((s) => s.us), peer: seen.every((s) => s.peer) };
}

const RESPONDER = inOrder(offered, confirmed);
export function responder(choice: IkeChoice): Script<Phase1Sa, Phase1> {
  return script(RESPONDER, () => next(choice, null));
}
