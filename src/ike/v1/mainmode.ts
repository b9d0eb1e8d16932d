// Main mode with a pre-shared key (RFC 2409 §5.4) or signatures (§5.1), both roles, with NAT-T (RFC 3947 §3). The
// messages, where CERT and SIG stand in place of HASH with signatures, and CR is a certificate request:
//   1 HDR, SA, VID.. -->                          <-- 2 HDR, SA, VID..
//   3 HDR, KE, Ni [, CR], NAT-D.. -->             <-- 4 HDR, KE, Nr [, CR], NAT-D..
//   5 HDR*, IDii, HASH_I | CERT, SIG_I [, N] -->  <-- 6 HDR*, IDir, HASH_R | CERT, SIG_R
// No message ends the exchange unless it authenticates (or, with signatures, is one that the peer's
// keys made): it is counted, and at most gives a hint at the reason for when
// time runs out. But a responder stops after three messages 5 that do not authenticate: each was a guess at the key.
// And it computes no Diffie-Hellman secret before message 3 has brought its cookie back from where message 1 came from,
// and before it is this peer's turn.
import { DecodeError } from "../../core/errors.ts";
import { concat } from "../../core/text.ts";
import type { DhKey } from "../../ports/ports.ts";
import { type IkeChoice, olderServer } from "../choice.ts";
import { ikeTransform, matchesIke, wholeKe } from "../proposals.ts";
import { failure, NATT_PORT, RETRY } from "../types.ts";
import { tooLong, unheard } from "../unheard.ts";
import { clearNotify } from "../wire/clear.ts";
import { isZero } from "../wire/header.ts";
import { NOTIFY, notifyName, writeNotify } from "../wire/notify.ts";
import { one, PAYLOAD, type Payload, payload, readChain } from "../wire/payloads.ts";
import { PROTOCOL, readSa, writeSa } from "../wire/sa.ts";
import { authMethods, ourAuth, readAuth, unauthenticated } from "./auth.ts";
import { ignored, inOrder, type Next, next, type Rules, refused, type Script, type Step, script } from "./exchange.ts";
import { lastBlock } from "./keys.ts";
import { answerVendorIds, ourVendorIds } from "./natt.ts";
import {
  type Agreed,
  agreed,
  badDh,
  clearMessage,
  established,
  type Keyed,
  keyExchange,
  keyed,
  NONCE_BYTES,
  natRefused,
  natSeen,
  ourLifetime,
  type Phase1,
  type Phase1Sa,
  readKeyExchange,
  sealedMessage,
  UNPROVED,
} from "./phase1.ts";

const NO_BYTES = new Uint8Array(0);
/** A responder waits this long for the next message. */
const HALF_OPEN_MS = 30_000;

export const INITIATOR_RULES: Rules = {
  name: "main mode",
  waits: RETRY,
  replays: 0,
  guesses: Number.POSITIVE_INFINITY,
};
export const RESPONDER_RULES: Rules = { name: "main mode", waits: [HALF_OPEN_MS], replays: 3, guesses: 3 };

/** Message 1 has gone out. */
interface Offered {
  /** Body of its SA payload. */
  readonly saBody: Uint8Array;
}
/** Message 3 has gone out. */
interface Exchanging extends Agreed {
  readonly dh: DhKey;
  readonly nonce: Uint8Array;
}

/** Initiator: message 1. */
function offer(x: Phase1Sa): Next<Offered> {
  const offers = authMethods(x.policy).flatMap((auth) => x.policy.ikeProposals.map((p) => [p, auth] as const));
  const transforms = offers.map(([p, auth], i) => ikeTransform(p, i + 1, x.policy.ikeLifetimeSeconds, auth));
  const saBody = writeSa([{ number: 1, protocol: PROTOCOL.isakmp, spi: NO_BYTES, transforms }]);
  return next({ saBody }, clearMessage(x, [payload(PAYLOAD.sa, saBody), ...ourVendorIds()]));
}

const proposals: Step<Phase1Sa, Offered, Exchanging> = {
  name: "proposals",
  reads: 2,
  sends: 3,
  encrypted: false,
  take(x, { saBody }, { header, body }) {
    if (isZero(header.rcookie)) throw new DecodeError("bad-value", "rcookie", 8);
    const c = readChain(header.next, body, false);
    const [p, ...others] = readSa(one(c, PAYLOAD.sa, "sa"));
    const t = p?.transforms[0];
    const auths = authMethods(x.policy);
    const proposal = t && x.policy.ikeProposals.find((ours) => matchesIke(ours, t, auths));
    if (!proposal || others.length > 0 || p.transforms.length !== 1) {
      return ignored("ike.bad-choice", "message 2 chooses what we did not offer");
    }
    x.rcookie = header.rcookie.slice();
    const a = agreed(x, c, saBody, proposal, t);
    const dh = x.env.crypto.dh(proposal.group);
    const nonce = x.env.crypto.random(NONCE_BYTES);
    return next({ ...a, dh, nonce }, clearMessage(x, keyExchange(x, a, dh, nonce)));
  },
  hint(x, notify) {
    if (notify !== NOTIFY.noProposalChosen) return refusedBy(x, notify);
    const ours = x.policy.ikeProposals.map((p) => p.text).join(" ");
    const said = notifyName(notify) + olderServer(x.policy);
    return failure("no-proposal", `${x.remote.address} accepts none of our phase 1 proposals (${ours}): ${said}`);
  },
  silence: (_x, { remote }) => unheard(remote),
};

const keys: Step<Phase1Sa, Exchanging, Keyed> = {
  name: "key exchange",
  reads: 4,
  sends: 5,
  encrypted: false,
  take(x, { dh, nonce, ...a }, { header, body }) {
    const peer = readKeyExchange(x, a, readChain(header.next, body, false));
    const ke = wholeKe(a.proposal.group, peer.ke);
    const gxy = ke && dh.shared(ke);
    if (!gxy) return ignored("ike.bad-dh", BAD_DH, badDh(x));
    const nat = { ...a, nat: peer.nat };
    const why = natRefused(x, nat); // nothing authenticates what says so
    if (why) return ignored("ike.nat-refused", why.text, why);
    const k = keyed(x, a, peer, { dh, gxy, nonce });
    const { message, iv } = sealedMessage(x, k.keys, k.iv, [...ourAuth(x, k), ...initialContact(x)]);
    const long = tooLong(x.remote.address, message.length, x.fragments);
    if (long) return refused(long);
    const float = natSeen(x, nat) && x.local.port !== NATT_PORT; // RFC 3947 §4
    const path = float ? { local: { ...x.local, port: NATT_PORT }, remote: { ...x.remote, port: NATT_PORT } } : null;
    return next({ ...k, iv }, message, path);
  },
  hint: refusedBy,
  silence: (x) => failure("no-answer", `${x.remote.address} stopped answering during the key exchange`),
};
export function initialContact(x: Phase1Sa): Payload[] {
  if (!x.first) return [];
  const { isakmp: protocol } = PROTOCOL;
  const spi = concat([x.icookie, x.rcookie]);
  return [payload(PAYLOAD.notify, writeNotify({ protocol, type: NOTIFY.initialContact, spi, data: NO_BYTES }))];
}
export function refusedBy(x: Phase1Sa, notify: number | null) {
  return notify === null ? null : failure("refused", `${x.remote.address} refuses phase 1: ${notifyName(notify)}`);
}

const authentication: Step<Phase1Sa, Keyed, Phase1> = {
  name: "authentication",
  reads: 6,
  sends: 0,
  encrypted: true,
  take(x, k, m) {
    const auth = readAuth(x, k, m);
    if (auth.kind === "garbled")
      return ignored("ike.garbled", GARBLED, unauthenticated(x, "its answer cannot be decrypted"));
    if (auth.kind === "refused") return refused(auth.why);
    return next(established(x, k, lastBlock(m.body, k.keys.block), auth), null, m.path);
  },
  hint(x, notify) {
    if (notify === NOTIFY.invalidCookie) return null; // it has ended the exchange, and said before why
    return unauthenticated(x, notify === null ? "its answer cannot be decrypted" : notifyName(notify));
  },
  silence: (x, { remote }) => unauthenticated(x, `no answer to our authentication on UDP ${remote.port}`),
};
export const BAD_DH = "Diffie-Hellman value refused";
export const GARBLED = "phase 1 message does not authenticate: the pre-shared key probably differs";

export const INITIATOR = inOrder(proposals, keys, authentication);
export function initiator(x: Phase1Sa): Script<Phase1Sa, Phase1> {
  return script(INITIATOR, () => offer(x));
}

/** The manager has chosen a proposal of message 1: no Diffie-Hellman yet. */
const choice: Step<Phase1Sa, IkeChoice, Agreed> = {
  name: "proposals",
  reads: 1,
  sends: 2,
  encrypted: false,
  take(x, { proposal, transform, number }, { header, body }) {
    const c = readChain(header.next, body, false);
    const a = agreed(x, c, one(c, PAYLOAD.sa, "sa"), proposal, transform);
    x.rcookie = x.env.crypto.random(8);
    const sa = writeSa([{ number, protocol: PROTOCOL.isakmp, spi: NO_BYTES, transforms: [transform] }]);
    return next(a, clearMessage(x, [payload(PAYLOAD.sa, sa), ...answerVendorIds(a.natt, x.fragments)]));
  },
  silence: (x) => fellSilent(x, UNPROVED, "proposals"),
};

const peerKeys: Step<Phase1Sa, Agreed, Keyed> = {
  name: "key exchange",
  reads: 3,
  sends: 4,
  encrypted: false,
  take(x, a, { header, body }) {
    const peer = readKeyExchange(x, a, readChain(header.next, body, false));
    const { group } = a.proposal;
    const ke = wholeKe(group, peer.ke);
    if (!ke) throw new DecodeError("bad-length", "ke", 0);
    return {
      kind: "turn",
      after: () => {
        const dh = x.env.crypto.dh(group);
        const gxy = dh.shared(ke);
        if (!gxy) {
          x.bad("ike.bad-dh", BAD_DH);
          return refused(badDh(x));
        }
        const nonce = x.env.crypto.random(NONCE_BYTES);
        const message = clearMessage(x, keyExchange(x, a, dh, nonce));
        return next(keyed(x, a, peer, { dh, gxy, nonce }), message);
      },
    };
  },
  silence: (x, _path, asked) => fellSilent(x, asked ? "no-answer" : UNPROVED, "key exchange"),
};

const peerAuthentication: Step<Phase1Sa, Keyed, Phase1> = {
  name: "authentication",
  reads: 5,
  sends: 6,
  encrypted: true,
  take(x, k, m) {
    const auth = readAuth(x, k, m);
    if (auth.kind === "garbled") {
      const answer = clearNotify(x.env.crypto, NOTIFY.authenticationFailed, x.icookie, x.rcookie);
      const hint = unauthenticated(x, "its authentication cannot be verified", k.auth);
      return ignored("ike.garbled", GARBLED, hint, answer);
    }
    if (auth.kind === "refused") return refused(auth.why, NOTIFY.authenticationFailed);
    const why = natRefused(x, k);
    if (why) return refused(why);
    const { message, iv } = sealedMessage(x, k.keys, lastBlock(m.body, k.keys.block), [
      ...ourAuth(x, k),
      ...ourLifetime(x, k),
    ]);
    const long = tooLong(x.remote.address, message.length, x.fragments);
    return long ? refused(long) : next(established(x, k, iv, auth), message, m.path);
  },
  silence: (x) => fellSilent(x, "no-answer", "authentication"),
};
export function fellSilent(x: Phase1Sa, code: "no-answer" | typeof UNPROVED, stage: string) {
  return failure(code, `${x.remote.address} began phase 1 and fell silent (phase 1: ${stage})`);
}

export const RESPONDER = inOrder(choice, peerKeys, peerAuthentication);
/** `choice`: of message 1, which follows by receive(). */
export function responder(choice: IkeChoice): Script<Phase1Sa, Phase1> {
  return script(RESPONDER, () => next(choice, null));
}
