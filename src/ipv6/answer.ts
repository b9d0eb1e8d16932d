// What a DHCPv6 server answers (RFC 8415 §16, §18.3) that has one prefix for its client, or none, and no addresses. It
// remembers nothing: a client's lease is its session's prefix for as long as the session lasts.
import { parsePrefix } from "../core/addr.ts";
import { sameBytes } from "../core/text.ts";
import { LIFETIMES } from "./advertise.ts";
import { type DhcpAnswer, type DhcpMessage, type Ia, type IaAnswer, MESSAGE, STATUS } from "./dhcp.ts";

/** What there is for a client. */
export interface Offer {
  /** Our DUID. */
  readonly serverId: Uint8Array;
  /** The delegated prefix, canonical; null: none. */
  readonly delegated: string | null;
  /** The /64 that its addresses are of, canonical; null: none. */
  readonly prefix: string | null;
  readonly dns: readonly string[];
}

type ServerId = "ours" | "none" | "either";
/** RFC 8415 §16: what a message must have, else it is discarded without an answer. */
const NEEDS: ReadonlyMap<number, { readonly client: boolean; readonly server: ServerId }> = new Map([
  [MESSAGE.solicit, { client: true, server: "none" }],
  [MESSAGE.request, { client: true, server: "ours" }],
  [MESSAGE.confirm, { client: true, server: "none" }],
  [MESSAGE.renew, { client: true, server: "ours" }],
  [MESSAGE.rebind, { client: true, server: "none" }],
  [MESSAGE.release, { client: true, server: "ours" }],
  [MESSAGE.decline, { client: true, server: "ours" }],
  [MESSAGE.informationRequest, { client: false, server: "either" }],
]);

/** Null: no answer. */
export function answerTo(m: DhcpMessage, offer: Offer): DhcpAnswer | null {
  const needs = NEEDS.get(m.type);
  if (!needs || (needs.client && !m.clientId)) return null;
  const ours = m.serverId !== null && sameBytes(m.serverId, offer.serverId);
  if (m.serverId === null ? needs.server === "ours" : needs.server === "none" || !ours) return null;
  const { xid, clientId } = m;
  const { serverId, dns } = offer;
  const base = { type: MESSAGE.reply, xid, clientId, serverId, rapidCommit: false, ias: [], status: null, dns };
  switch (m.type) {
    case MESSAGE.solicit: {
      const ias = m.ias.map(giveFirst(m, offer));
      const rapidCommit = m.rapidCommit && ias.some((a) => a.status === null);
      return { ...base, type: rapidCommit ? MESSAGE.reply : MESSAGE.advertise, rapidCommit, ias };
    }
    case MESSAGE.request:
    case MESSAGE.renew:
    case MESSAGE.rebind:
      return { ...base, ias: m.ias.map(giveFirst(m, offer)) };
    case MESSAGE.confirm:
      return confirmed(m, offer, base);
    case MESSAGE.release:
    case MESSAGE.decline: {
      // §18.3.7, §18.3.8: the IAs that have nothing of ours are named
      const strange = m.ias.filter((ia) => ia.kind !== "pd" || !ia.has.some((p) => same(p, offer.delegated)));
      const ias = strange.map((ia) => ({ ...idOf(ia), leases: [], status: STATUS.noBinding }));
      return { ...base, ias, status: STATUS.success, dns: [] };
    }
    default: // §16.12: an Information-request with an IA is none
      return m.ias.length > 0 ? null : base;
  }
}
/** The prefix is the first IA_PD's, whatever the client would like; what else it holds it must give up (§18.3.4, 5). */
function giveFirst({ type, ias }: DhcpMessage, { delegated }: Offer): (ia: Ia) => IaAnswer {
  const first = ias.find((ia) => ia.kind === "pd");
  const holds = type === MESSAGE.renew || type === MESSAGE.rebind;
  return (ia) => {
    const gone = holds && ia.kind === "pd" ? ia.has.filter((p) => !same(p, delegated)) : [];
    const dead = gone.map((prefix) => ({ prefix, preferred: 0, valid: 0 }));
    if (ia !== first || delegated === null)
      return { ...idOf(ia), leases: dead, status: ia.kind === "pd" ? STATUS.noPrefixAvail : STATUS.noAddrsAvail };
    return { ...idOf(ia), leases: [{ prefix: delegated, ...LIFETIMES }, ...dead], status: null };
  };
}
/** §18.3.3: whether its addresses are of this link; without any there is nothing to say. */
function confirmed(m: DhcpMessage, { prefix }: Offer, base: DhcpAnswer): DhcpAnswer | null {
  const has = m.ias.flatMap((ia) => (ia.kind === "pd" ? [] : ia.has));
  if (has.length === 0) return null;
  const here = has.every((a) => prefix !== null && same(a.replace(/\d+$/, "64"), prefix));
  return { ...base, status: here ? STATUS.success : STATUS.notOnLink };
}
function idOf({ kind, iaid }: Ia): Pick<Ia, "kind" | "iaid"> {
  return { kind, iaid };
}
/** Bits behind the length do not count. */
function same(a: string, canonical: string | null): boolean {
  const p = parsePrefix(a);
  return p !== null && `${p.address}/${p.length}` === canonical;
}
