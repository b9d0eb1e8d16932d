// The steps of quick mode; the messages are in quickmode.ts.
import { u32 } from "../../core/bytes.ts";
import type { SaSpec } from "../../dataplane/dataplane.ts";
import type { DhGroupName, DhKey } from "../../ports/ports.ts";
import { type Child, type Ports, planeFailure, readSpi } from "../child.ts";
import { noEsp } from "../choice.ts";
import { describeEsp, type EspProposal, espGroup, espTransform, matchesEsp, wholeKe, withPfs } from "../proposals.ts";
import { failure } from "../types.ts";
import { addressId, readId, readNatOa, writeId } from "../wire/id.ts";
import { NOTIFY } from "../wire/notify.ts";
import { all, type Chain, one, optional, PAYLOAD, type Payload, payload } from "../wire/payloads.ts";
import { PROTOCOL, readSa, type Transform, writeSa } from "../wire/sa.ts";
import { ignored, inOrder, type Message, type Next, next, refused, type Step, waits } from "./exchange.ts";
import { NONCE_BYTES, readNonce } from "./phase1.ts";
import {
  chooseEsp,
  encaps,
  groupWithoutKe,
  makeChild,
  natOa,
  ourLifetime,
  type Phase2,
  type QuickModeOwner,
  responderLifetime,
  saSpec,
} from "./phase2.ts";
import type { Opened } from "./protection.ts";
import { readSelectors, UDP } from "./selectors.ts";

/** Message 1 has gone out. */
interface Offered {
  readonly owner: QuickModeOwner;
  readonly ports: Ports;
  readonly offer: readonly EspProposal[];
  readonly ni: Uint8Array;
  /** Null without PFS. */
  readonly dh: DhKey | null;
  /** Where the next message starts from. */
  readonly iv: Uint8Array;
}
/** Message 2 has gone out, and we receive under the new SA. */
interface Answered {
  readonly owner: QuickModeOwner;
  readonly child: Child;
  readonly out: SaSpec;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  readonly iv: Uint8Array;
}

/** Initiator: message 1. `pfs`: the group that the peer insists on, where our proposals name none. */
export function offer(x: Phase2, owner: QuickModeOwner, ports: Ports, pfs: DhGroupName | null): Next<Offered> {
  const { policy, sa, env } = x;
  const first = policy.espProposals[0]?.group ?? null;
  const proposals = policy.espProposals.filter((p) => p.group === first && !p.addKe).map((p) => withPfs(p, pfs));
  const group = first ?? pfs;
  const ni = env.crypto.random(NONCE_BYTES);
  const dh = group && env.crypto.dh(group);
  const kb = Math.ceil(policy.espLifetimeBytes / 1024);
  const [encap] = encaps(sa);
  const transforms = proposals.map((p, i) => espTransform(p, i + 1, encap, policy.espLifetimeSeconds, kb));
  const id = (address: string, port: number): Payload => ({
    type: PAYLOAD.id,
    body: writeId({ id: addressId(address), protocol: UDP, port }),
  });
  const { message, iv } = sa.protection.sealHashed({
    messageId: x.messageId,
    kind: "quick",
    iv: sa.protection.firstIv(x.messageId),
    prefix: [u32(x.messageId)],
    payloads: [
      saPayload(x, 1, transforms),
      payload(PAYLOAD.nonce, ni),
      ...kePayload(dh),
      id(sa.local.address, ports.local),
      id(sa.remote.address, ports.remote),
      ...natOa(x),
    ],
  });
  return next({ owner, ports, offer: proposals, ni, dh, iv }, message);
}

const answer: Step<Phase2, Offered, Child> = {
  name: "quick mode",
  reads: 2,
  sends: 3,
  encrypted: true,
  take(x, { owner, ports, offer, ni, dh, iv }, m) {
    const opened = open(x, iv, m, (c) => [u32(x.messageId), ni, c.behindFirst]);
    if (!opened) return BAD_HASH;
    const { chain: c } = opened;
    const [p, ...more] = readSa(one(c, PAYLOAD.sa, "sa"));
    const nr = readNonce(c);
    const ke = optional(c, PAYLOAD.ke, "ke");
    const transform = p?.transforms[0];
    const proposal = transform && offer.find((ours) => matchesEsp(ours, transform, encaps(x.sa)));
    if (!proposal || more.length > 0 || p.transforms.length !== 1 || p.protocol !== PROTOCOL.esp) {
      const chosen = transform ? describeEsp(transform) : "none";
      return refused(failure("no-proposal", `the peer chose an ESP proposal that was not offered: ${chosen}`));
    }
    const ids = all(c, PAYLOAD.id).map(readId);
    if (ids.some((i) => i.protocol !== UDP && i.protocol !== 0)) {
      return refused(failure("bad-selectors", "the peer's quick mode answer is not for UDP"));
    }
    const gxy = dh && shared(proposal.group, dh, ke);
    if (dh && !gxy) return refused(badDh());
    const child = makeChild(x, ports, { proposal, transform }, readSpi(p.spi), responderLifetime(c));
    const seed = { gxy, ni, nr };
    const message3 = (): Next<Child> => {
      const body = x.sa.protection.hash(hash3(x, ni, nr));
      return next(child, x.sa.protection.sealQuick(x.messageId, opened.iv, [payload(PAYLOAD.hash, body)]).message);
    };
    return waits(
      x.pair.addInbound(owner.flow, saSpec(x, child, "in", seed)),
      () => waits(x.pair.addOutbound(owner.flow, saSpec(x, child, "out", seed)), message3, planeFailure),
      planeFailure,
    );
  },
  silence,
};
export const INITIATOR = inOrder(answer);

const offered: Step<Phase2, null, Answered> = {
  name: "quick mode",
  reads: 1,
  sends: 2,
  encrypted: true,
  take(x, _none, m) {
    const { sa, env } = x;
    const opened = open(x, sa.protection.firstIv(x.messageId), m, (c) => [u32(x.messageId), c.behindFirst]);
    if (!opened) return BAD_HASH;
    const { chain: c } = opened;
    const proposals = readSa(one(c, PAYLOAD.sa, "sa"));
    const ni = readNonce(c);
    const ke = optional(c, PAYLOAD.ke, "ke");
    const selectors = readSelectors(sa, c);
    for (const b of all(c, PAYLOAD.natOa, PAYLOAD.natOaDraft)) readNatOa(b);
    if (typeof selectors === "string") {
      return refused(failure("bad-selectors", selectors), NOTIFY.invalidId);
    }
    const owner = sa.connectionFor(selectors.ports.remote);
    if (!owner) return refused(null);
    x.owner = owner;
    const choice = chooseEsp(x, proposals);
    if (!choice) {
      const why = failure("no-proposal", noEsp(x.policy, proposals, encaps(sa)));
      return refused(why, NOTIFY.noProposalChosen);
    }
    const group = espGroup(choice.transform);
    if ((group !== null) !== (ke !== null)) throw groupWithoutKe();
    const dh = group && env.crypto.dh(group);
    const gxy = dh && shared(group, dh, ke);
    if (dh && !gxy) return refused(badDh(), NOTIFY.invalidKey);
    const nr = env.crypto.random(NONCE_BYTES);
    const chosen = { ...choice, proposal: withPfs(choice.proposal, group) };
    const child = makeChild(x, selectors.ports, chosen, readSpi(choice.offer.spi));
    const seed = { gxy, ni, nr };
    const out = saSpec(x, child, "out", seed);
    const message2 = (): Next<Answered> => {
      const { message, iv } = sa.protection.sealHashed({
        messageId: x.messageId,
        kind: "quick",
        iv: opened.iv,
        prefix: [u32(x.messageId), ni],
        payloads: [
          saPayload(x, choice.offer.number, [choice.transform]),
          payload(PAYLOAD.nonce, nr),
          ...kePayload(dh),
          ...selectors.bodies.map((body) => payload(PAYLOAD.id, body)),
          ...natOa(x),
          ...ourLifetime(child, choice.transform),
        ],
      });
      return next({ owner, child, out, ni, nr, iv }, message);
    };
    return waits(x.pair.addInbound(owner.flow, saSpec(x, child, "in", seed)), message2, planeFailure);
  },
  silence,
};

const confirmed: Step<Phase2, Answered, Child> = {
  name: "quick mode",
  reads: 3,
  sends: 0,
  encrypted: true,
  take(x, { owner, child, out, ni, nr, iv }, m) {
    if (!open(x, iv, m, () => hash3(x, ni, nr))) return BAD_HASH;
    return waits(x.pair.addOutbound(owner.flow, out), () => next(child, null), planeFailure);
  },
  silence,
};
export const RESPONDER = inOrder(offered, confirmed);

const BAD_HASH = ignored("ike.bad-hash", "quick mode message does not authenticate");
/** Null when it does not authenticate; `parts`: what the hash covers. Throws DecodeError. */
function open(x: Phase2, iv: Uint8Array, m: Message, parts: (c: Chain) => readonly Uint8Array[]): Opened | null {
  const opened = x.sa.protection.open(iv, m.header.next, m.body);
  return x.sa.protection.authentic(opened.chain, parts(opened.chain)) ? opened : null;
}
/** RFC 2409 §5.5: what HASH(3) covers. */
function hash3(x: Phase2, ni: Uint8Array, nr: Uint8Array): Uint8Array[] {
  return [Uint8Array.of(0), u32(x.messageId), ni, nr];
}
function saPayload(x: Phase2, number: number, transforms: readonly Transform[]): Payload {
  const proposal = { number, protocol: PROTOCOL.esp, spi: u32(x.pair.spiIn), transforms };
  return payload(PAYLOAD.sa, writeSa([proposal]));
}
function kePayload(dh: DhKey | null): Payload[] {
  return dh ? [payload(PAYLOAD.ke, dh.publicValue)] : [];
}
function shared(group: DhGroupName | null, dh: DhKey, ke: Uint8Array | null): Uint8Array | null {
  const whole = group && ke && wholeKe(group, ke);
  return whole && dh.shared(whole);
}
function badDh() {
  return failure("bad-key", "the peer's Diffie-Hellman value is not acceptable");
}
function silence({ sa, policy }: Phase2) {
  const ours = policy.espProposals.map((p) => p.text).join(" ");
  return failure("no-answer", `${sa.remote.address} does not answer quick mode (ESP proposals ${ours})`);
}
