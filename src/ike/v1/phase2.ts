// What quick mode works on and what it makes: pairs of ESP SAs (RFC 2409 §5.5, RFC 2407 §4.5).
import { Reader, u32, Writer } from "../../core/bytes.ts";
import { DecodeError, type Failure } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import type { FlowId, SaSpec } from "../../dataplane/dataplane.ts";
import type { DhGroupName, Endpoint } from "../../ports/ports.ts";
import { type Child, espSpec, LEAST_SPI, type Life, lifeOf, type Ports, readSpi } from "../child.ts";
import type { Pair } from "../pair.ts";
import { ENCAP, type EspProposal, espEncap, keyBytes, matchesEsp, P2_LIFE } from "../proposals.ts";
import type { IkeEnv, IkePolicy } from "../types.ts";
import { type Attribute, lifetimes, readAttributes, writeAttributes } from "../wire/attributes.ts";
import { writeNatOa } from "../wire/id.ts";
import { NOTIFY, readNotify, writeNotify } from "../wire/notify.ts";
import { all, type Chain, PAYLOAD, type Payload, payload } from "../wire/payloads.ts";
import { PROTOCOL, type Proposal, type Transform } from "../wire/sa.ts";
import type { KeymatSeed } from "./keys.ts";
import { type Nat, type NattVersion, natOaType } from "./natt.ts";
import type { Role } from "./phase1.ts";
import type { Protection } from "./protection.ts";

const KB = 1024;
/** RFC 2407 §4.5: what is meant where no life is given. */
const DEFAULT_LIFE_SECONDS = 28_800;

export interface QuickModeOwner {
  readonly flow: FlowId;
  /** Both directions are in the plane. */
  childUp(child: Child): void;
  quickFailed(q: { readonly role: Role }, why: Failure): void;
}
/** What quick mode needs of the ISAKMP SA that protects it. */
export interface QuickModeSa {
  readonly scope: Scope;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** ESP goes in UDP. */
  readonly udp: boolean;
  readonly natt: NattVersion | null;
  readonly nat: Nat;
  /** This side began the connection, so the L2TP server's port is the peer's. */
  readonly weAreClient: boolean;
  /** The connection of the peer's quick mode; `port` is the peer's inner UDP port. Null: it is refused. */
  connectionFor(port: number): QuickModeOwner | null;
  readonly protection: Protection;
  transmit(message: Uint8Array): void;
  notify(type: number, protocol: number, spi: Uint8Array): void;
  bad(counter: string, what: string): void;
}
/** A quick mode, as its steps see it. */
export interface Phase2 {
  readonly env: IkeEnv;
  readonly sa: QuickModeSa;
  readonly policy: IkePolicy;
  readonly role: Role;
  readonly messageId: number;
  /** Clock time. */
  readonly begunAt: number;
  readonly pair: Pair;
  /** The connection; a responder learns it from the selectors of message 1. */
  owner: QuickModeOwner | null;
}
/** Where one of our proposals and one of the peer's agree. */
interface EspChoice {
  readonly proposal: EspProposal;
  readonly transform: Transform;
  readonly offer: Proposal;
}
interface Lifetimes {
  readonly seconds: number | null;
  readonly kilobytes: number | null;
}

/** The encapsulation mode that we propose, then the others that we accept. */
export function encaps(sa: QuickModeSa): readonly [number, ...number[]] {
  if (!sa.udp) return [ENCAP.transport];
  return sa.natt === "rfc3947"
    ? [ENCAP.udpTransport, ENCAP.udpTransportDraft]
    : [ENCAP.udpTransportDraft, ENCAP.udpTransport];
}
export function chooseEsp({ policy, sa }: Phase2, offered: readonly Proposal[]): EspChoice | null {
  // several proposals of one number are to be used together (AH with ESP, IPComp), which we do not
  const single = offered.filter(
    (o) =>
      o.protocol === PROTOCOL.esp &&
      o.spi.length === 4 &&
      readSpi(o.spi) >= LEAST_SPI &&
      offered.filter((other) => other.number === o.number).length === 1,
  );
  for (const proposal of policy.espProposals.filter((p) => !p.addKe)) {
    for (const offer of single) {
      const transform = offer.transforms.find((t) => matchesEsp(proposal, t, encaps(sa)));
      if (transform) return { proposal, transform, offer };
    }
  }
  return null;
}
/** RFC 3947 §5.2: both original addresses, as this side sees them; in the drafts only our own. */
export function natOa({ sa, role }: Phase2): Payload[] {
  const { natt, udp, local, remote } = sa;
  if (!udp || natt === null) return [];
  const type = natOaType(natt);
  if (natt !== "rfc3947") return [payload(type, writeNatOa(local.address))];
  const [initiator, responder] = role === "initiator" ? [local, remote] : [remote, local];
  return [payload(type, writeNatOa(initiator.address)), payload(type, writeNatOa(responder.address))];
}
/** RFC 2407 §4.6.3.1: the responder's own limits, where they are shorter than ours. */
export function responderLifetime(c: Chain): Lifetimes {
  const n = all(c, PAYLOAD.notify)
    .map(readNotify)
    .find((x) => x.type === NOTIFY.responderLifetime);
  return n ? lifetimes(readAttributes(new Reader(n.data)), ...P2_LIFE) : { seconds: null, kilobytes: null };
}

/** The same from us: what of `child`'s limits is shorter than `asked`, the initiator's transform, has it. */
export function ourLifetime(child: Child, asked: Transform): Payload[] {
  const said = lifetimes(asked.attributes, ...P2_LIFE);
  const [lifeType, duration] = P2_LIFE;
  const limits: Attribute[] = [];
  const limit = (unit: number, ours: number, theirs: number | null): void => {
    if (ours > 0 && (theirs === null || theirs === 0 || ours < theirs))
      limits.push({ type: lifeType, value: unit }, { type: duration, value: u32(ours) });
  };
  limit(1, child.lifeSeconds, said.seconds ?? DEFAULT_LIFE_SECONDS);
  limit(2, Math.floor(child.lifeBytes / KB), said.kilobytes);
  if (limits.length === 0) return [];
  const w = new Writer();
  writeAttributes(w, limits);
  const notify = { protocol: PROTOCOL.esp, type: NOTIFY.responderLifetime, spi: u32(child.spiIn), data: w.done() };
  return [payload(PAYLOAD.notify, writeNotify(notify))];
}

/** `told`: what a RESPONDER-LIFETIME said. */
export function makeChild(
  x: Phase2,
  ports: Ports,
  { proposal, transform }: { readonly proposal: EspProposal; readonly transform: Transform },
  spiOut: number,
  told: Lifetimes = { seconds: null, kilobytes: null },
): Child {
  const said = lifetimes(transform.attributes, ...P2_LIFE);
  return {
    proposal,
    spiIn: x.pair.spiIn,
    spiOut,
    localPort: ports.local,
    remotePort: ports.remote,
    udp: espEncap(transform) !== ENCAP.transport,
    weAsked: x.role === "initiator",
    begunAt: x.begunAt,
    ...lifeOf(x.policy, proposal, life(said), life(told)),
  };
}
function life({ seconds, kilobytes }: Lifetimes): Life {
  return { seconds, bytes: kilobytes === null ? null : kilobytes * KB };
}
export function saSpec(
  { sa }: Phase2,
  child: Child,
  direction: "in" | "out",
  seed: Pick<KeymatSeed, "gxy" | "ni" | "nr">,
): SaSpec {
  const spi = direction === "in" ? child.spiIn : child.spiOut;
  const n = keyBytes(child.proposal);
  const keymat = sa.protection.keymat(n.encr + n.integ, { ...seed, protocol: PROTOCOL.esp, spi });
  return espSpec(child, direction, keymat, sa);
}
export function groupWithoutKe(): DecodeError {
  return new DecodeError("bad-value", "ke without group, or group without ke", 0);
}
/**
 * The group to try after a quick mode failed with `why`, or null. A peer that insists on perfect forward secrecy says
 * only that it accepts no proposal; most want phase 1's group. `tried`: what that quick mode asked for.
 */
export function pfsAfter(
  why: Failure,
  policy: IkePolicy,
  phase1: { readonly proposal: { readonly group: DhGroupName } } | null,
  tried: DhGroupName | null,
): DhGroupName | null {
  const open = why.code === "no-proposal" && tried === null && policy.espProposals[0]?.group === null;
  return open && phase1 ? phase1.proposal.group : null;
}
