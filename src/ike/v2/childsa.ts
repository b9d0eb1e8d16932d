// How a pair of ESP SAs is agreed on, in IKE_AUTH or CREATE_CHILD_SA: RFC 7296 §1.2, §1.3, §2.9, §2.17, RFC 9370
// §2.2.4. Only transport mode.
import { u32 } from "../../core/bytes.ts";
import { DecodeError, type Failure } from "../../core/errors.ts";
import type { SaSpec } from "../../dataplane/dataplane.ts";
import type { DhGroupName, DhKey, KeName } from "../../ports/ports.ts";
import { type Child, espSpec, LEAST_SPI, lifeOf, type Ports, readSpi } from "../child.ts";
import { Pair } from "../pair.ts";
import { type EspProposal, groupNumber, groupOf, keyBytes } from "../proposals.ts";
import { failure, type IkeEnv, type IkePolicy } from "../types.ts";
import { all, one, optional, type Payload, payload } from "../wire/payloads.ts";
import { kePayload } from "./addke.ts";
import { childKeymat } from "./keys.ts";
import { agreedPorts, narrow, ourSelectors, type Wanted } from "./selectors.ts";
import { chooseEsp, describeProposals, offerEsp, type Suite } from "./suite.ts";
import { NOTIFY, notification, readKe, readNotify } from "./wire/bodies.ts";
import { type Chain, PAYLOAD, type Path } from "./wire/message.ts";
import { readSa, writeSa } from "./wire/sa.ts";

export const NONCE_BYTES = 32;

/** The IKE SA under which a pair is agreed on. */
export interface ChildSaContext {
  readonly env: IkeEnv;
  readonly policy: IkePolicy;
  readonly suite: Suite;
  readonly keys: { readonly d: Uint8Array };
  readonly local: Path["local"];
  readonly remote: Path["remote"];
  /** Addresses are translated on the way; ESP goes in UDP. */
  readonly translated: boolean;
  readonly udp: boolean;
}
/** What goes into a pair's keys. */
interface Seed {
  readonly gir: Uint8Array | null;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
}
/** A pair on which both sides agree, but for the additional key exchanges that follow. */
export interface Draft {
  readonly pair: Pair;
  readonly addKe: readonly KeName[];
  /** `more`: their secrets, in order. */
  complete(more: readonly Uint8Array[]): Agreed;
}
/** A pair on which both sides agree: what the data plane gets. */
export interface Agreed {
  readonly pair: Pair;
  readonly child: Child;
  readonly into: SaSpec;
  readonly out: SaSpec;
}
/** Why there is none. */
export interface Refusal {
  readonly why: Failure;
  /** Answers the peer; 0: there is nothing to say. */
  readonly notify: number;
  readonly data?: Uint8Array;
}
export function isRefusal(x: Draft | Answer | Refusal): x is Refusal {
  return "why" in x;
}

/** Our side of an offer. */
export interface Offer {
  readonly pair: Pair;
  readonly proposals: readonly EspProposal[];
  readonly ports: Ports;
  /** Of CREATE_CHILD_SA; null: without a key exchange. */
  readonly dh: { readonly group: DhGroupName; readonly key: DhKey } | null;
  readonly begunAt: number;
  /** SA, [KE,] TSi, TSr and the wish for transport mode. */
  readonly payloads: readonly Payload[];
}
/** `group`: of the key exchange, null for none; undefined: an exchange that can have none (IKE_AUTH). */
export function offerChild(x: ChildSaContext, ports: Ports, group?: DhGroupName | null): Offer {
  const { env, policy } = x;
  const dh = group ? { group, key: env.crypto.dh(group) } : null;
  const proposals = group
    ? policy.espProposals.filter((p) => p.group === null || p.group === group)
    : policy.espProposals;
  const ts = ourSelectors(x, ports);
  const pair = new Pair(env, policy); // last: what is thrown before leaves nothing
  const payloads = [
    payload(PAYLOAD.sa, writeSa(offerEsp(withGroup(proposals, group ?? null), u32(pair.spiIn), group !== undefined))),
    ...(dh ? [kePayload(dh.group, dh.key.publicValue)] : []),
    payload(PAYLOAD.tsI, ts.tsI),
    payload(PAYLOAD.tsR, ts.tsR),
    notification(NOTIFY.useTransportMode),
  ];
  return { pair, proposals, ports, dh, begunAt: env.clock.now(), payloads };
}
/** With a key exchange in the message every proposal is for its group. */
function withGroup(list: readonly EspProposal[], group: DhGroupName | null): readonly EspProposal[] {
  return list.map((p) => ({ ...p, group }));
}

/** What the responder's answer makes of our offer. Throws DecodeError. */
export function takeAnswer(x: ChildSaContext, o: Offer, c: Chain, nonces: Omit<Seed, "gir">): Draft | Refusal {
  const refuse = (code: "no-proposal" | "bad-selectors" | "bad-key", text: string, notify: number): Refusal => ({
    why: failure(code, text),
    notify,
  });
  const proposals = readSa(one(c, PAYLOAD.sa, "sa"));
  const ke = readKePayload(c);
  const group = o.dh?.group ?? null;
  const choice =
    proposals.length === 1
      ? chooseEsp(withGroup(o.proposals, group), proposals, ke?.group ?? null, o.dh !== null)
      : null;
  if (!choice || readSpi(choice.spi) < LEAST_SPI) {
    const text = `the peer chose an ESP proposal that was not offered: ${describeProposals(proposals)}`;
    return refuse("no-proposal", text, 0);
  }
  if (!hasNotify(c, NOTIFY.useTransportMode)) {
    return refuse("bad-selectors", `${x.remote.address} does not use transport mode, which L2TP needs`, 0);
  }
  const ports = agreedPorts(selectorBodies(c), { path: x, nat: x.translated, ports: o.ports });
  if (!ports) return refuse("bad-selectors", `${x.remote.address} chose selectors that were not asked for`, 0);
  const gir = o.dh && ke && ke.group === groupNumber(o.dh.group) ? o.dh.key.shared(ke.value) : null;
  if (o.dh && !gir) return refuse("bad-key", "the peer's Diffie-Hellman value is not acceptable", 0);
  const { cipher, integ, addKe } = choice.ours;
  const ours = o.proposals.find((p) => p.cipher === cipher && p.integ === integ && p.addKe === addKe) ?? choice.ours;
  return draft(
    x,
    { ...o, weAsked: true },
    { proposal: ours, spi: choice.spi, ports },
    { gir, ...nonces },
    choice.addKe,
  );
}

/** A responder's side: the pair, and what answers the offer. */
export interface Answer extends Draft {
  readonly payloads: readonly Payload[];
}
/** `groups`: the message may have a key exchange. Throws DecodeError. */
export function answerOffer(x: ChildSaContext, c: Chain, o: AnswerOptions): Answer | Refusal {
  const { env, policy } = x;
  const proposals = readSa(one(c, PAYLOAD.sa, "sa"));
  const ke = o.groups ? readKePayload(c) : null;
  const narrowed = narrow(selectorBodies(c), { path: x, nat: x.translated, ports: o.ports });
  if (typeof narrowed === "string") {
    return { why: failure("bad-selectors", `${x.remote.address}: ${narrowed}`), notify: NOTIFY.tsUnacceptable };
  }
  if (!hasNotify(c, NOTIFY.useTransportMode)) {
    const text = `${x.remote.address} asks for tunnel mode: L2TP goes in transport mode`;
    return { why: failure("bad-selectors", text), notify: NOTIFY.noProposalChosen };
  }
  const has = (k: KeName): boolean => env.crypto.has(k);
  const choice = chooseEsp(policy.espProposals, proposals, ke?.group ?? null, o.groups, has);
  if (!choice || readSpi(choice.spi) < LEAST_SPI) {
    const ours = policy.espProposals.map((p) => p.text).join(" ");
    const text = `no common ESP proposal: we accept ${ours}; the peer offers ${describeProposals(proposals)}`;
    return { why: failure("no-proposal", text), notify: NOTIFY.noProposalChosen };
  }
  const { group } = choice;
  if (group && ke?.group !== groupNumber(group)) return wrongGroup(group, ke?.group ?? 0);
  const dh = group && { group, key: env.crypto.dh(group) };
  const gir = dh && ke && dh.key.shared(ke.value);
  if (dh && !gir) {
    return {
      why: failure("bad-key", "the peer's Diffie-Hellman value is not acceptable"),
      notify: NOTIFY.invalidSyntax,
    };
  }
  const pair = new Pair(env, policy);
  const terms = { proposal: choice.ours, spi: choice.spi, ports: narrowed.ports };
  const made = { pair, begunAt: env.clock.now(), weAsked: false };
  const agreed = draft(x, made, terms, { gir, ni: o.ni, nr: o.nr }, choice.addKe);
  const { number, transforms } = choice;
  const payloads = [
    payload(PAYLOAD.sa, writeSa([{ number, protocol: 3, spi: u32(pair.spiIn), transforms }])),
    ...(dh ? [kePayload(dh.group, dh.key.publicValue)] : []),
    payload(PAYLOAD.tsI, narrowed.tsI),
    payload(PAYLOAD.tsR, narrowed.tsR),
    notification(NOTIFY.useTransportMode),
  ];
  return { ...agreed, payloads };
}
interface AnswerOptions {
  readonly ports: Wanted["ports"];
  readonly groups: boolean;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
}
/** RFC 7296 §1.3: the group that we would have. */
export function wrongGroup(group: DhGroupName, asked: number): Refusal {
  const n = groupNumber(group);
  const text = `the peer's key exchange is for group ${groupOf(asked) ?? asked}: ${group} is asked for`;
  return { why: failure("bad-key", text), notify: NOTIFY.invalidKePayload, data: Uint8Array.of(n >>> 8, n) };
}

type Made = Pick<Offer, "pair" | "begunAt"> & { readonly weAsked: boolean };
interface Terms {
  readonly proposal: EspProposal;
  readonly spi: Uint8Array;
  readonly ports: Ports;
}
function draft(x: ChildSaContext, made: Made, t: Terms, seed: Seed, addKe: readonly KeName[]): Draft {
  // they are complete when the message is long gone
  const own = { ...t, spi: t.spi.slice() };
  return { pair: made.pair, addKe, complete: (more) => agree(x, made, own, seed, more) };
}
/** RFC 7296 §2.17: keys of the exchange's initiator's direction come first. */
function agree(
  x: ChildSaContext,
  made: Made,
  { proposal, spi, ports }: Terms,
  seed: Seed,
  more: readonly Uint8Array[],
): Agreed {
  const { pair, begunAt, weAsked } = made;
  const child: Child = {
    proposal,
    spiIn: pair.spiIn,
    spiOut: readSpi(spi),
    localPort: ports.local,
    remotePort: ports.remote,
    udp: x.udp,
    weAsked,
    begunAt,
    ...lifeOf(x.policy, proposal),
  };
  const n = keyBytes(proposal);
  const bytes = n.encr + n.integ;
  const keymat = childKeymat(x.env.crypto, x.suite, x.keys.d, seed, 2 * bytes, more);
  const [first, second] = [keymat.subarray(0, bytes), keymat.subarray(bytes)];
  return {
    pair,
    child,
    into: espSpec(child, "in", weAsked ? second : first, x),
    out: espSpec(child, "out", weAsked ? first : second, x),
  };
}

function selectorBodies(c: Chain): { tsI: Uint8Array; tsR: Uint8Array } {
  return { tsI: one(c, PAYLOAD.tsI, "tsi"), tsR: one(c, PAYLOAD.tsR, "tsr") };
}
export function readKePayload(c: Chain): { readonly group: number; readonly value: Uint8Array } | null {
  const body = optional(c, PAYLOAD.ke, "ke");
  return body && readKe(body);
}
/** RFC 7296 §3.9: 16 to 256 bytes. A copy. */
export function readNonce(c: Chain): Uint8Array {
  const n = one(c, PAYLOAD.nonce, "nonce");
  if (n.length < 16 || n.length > 256) throw new DecodeError("bad-length", "nonce", 0);
  return n.slice();
}
export function hasNotify(c: Chain, type: number): boolean {
  return all(c, PAYLOAD.notify).some((b) => readNotify(b).type === type);
}
/** The first error notification; null: there is none. */
export function errorIn(c: Chain): { readonly type: number; readonly data: Uint8Array } | null {
  const n = all(c, PAYLOAD.notify).map(readNotify);
  return n.find((x) => x.type < 16384) ?? null;
}
