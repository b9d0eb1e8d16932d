// Maps a configuration section to each layer's settings. Stateless.

import { asksForPap, defaultRoutes, deviceName, needsIpsec, onlyIkev2, papRefusal } from "../config/cross.ts";
import type { SerialConfig } from "../config/nasdial.ts";
import type { ClientConfig, ServerConfig } from "../config/schema.ts";
import { Secret } from "../core/secret.ts";
import { crowdOf } from "../core/waiting.ts";
import type { IpConfig, Route } from "../dataplane/dataplane.ts";
import { innerMtu } from "../esp/overhead.ts";
import { expand } from "../ike/choice.ts";
import { IKE_INITIATOR, IKE_RESPONDER, type Ike2Proposal, type IkeProposal, isIke1 } from "../ike/proposals.ts";
import type { IkeConnectConfig, IkeInfo, IkeResponderConfig, IkeVersions } from "../ike/types.ts";
import { parseIkeId } from "../ike/wire/id.ts";
import type { TunnelConfig } from "../l2tp/api.ts";
import type { Certificates } from "../ports/pki.ts";
import type { Endpoint, Host } from "../ports/ports.ts";
import type { PppConfig } from "../ppp/api.ts";
import type { EapTlsCredentials } from "../ppp/auth/eap-tls.ts";
import type { AuthMethod } from "../ppp/auth/methods.ts";
import type { SharedIds } from "../ppp/ipv6cp.ts";
import { ONLY_EAP } from "./credentials.ts";
import type { Passwords } from "./passwords.ts";
import type { Placement } from "./placing.ts";

/** Fits every path seen in the field, and no peer objects. */
export const DEFAULT_MTU = 1400;
/** Without the option: in the clear there is nothing but the path to fit. */
export function largestMtu(c: ClientConfig | ServerConfig): number {
  return needsIpsec(c) ? DEFAULT_MTU : Number.POSITIVE_INFINITY;
}
const MIB = 1024 * 1024;
/** XON and XOFF, which a line takes for itself with software flow control. */
const XONXOFF = 0x000a_0000;

interface OwnSide {
  readonly local: string;
  readonly localPort: number;
  readonly placement: Placement;
  readonly certificates: Certificates | null;
  readonly hurried: boolean;
}

function lifetimes(c: ClientConfig | ServerConfig): {
  ikeLifetimeSeconds: number;
  espLifetimeSeconds: number;
  espLifetimeBytes: number;
  dpdSeconds: number;
} {
  return {
    ikeLifetimeSeconds: c.ike_lifetime,
    espLifetimeSeconds: c.esp_lifetime,
    espLifetimeBytes: c.esp_lifetime_mbytes * MIB,
    dpdSeconds: c.dpd,
  };
}

type Proposals = Pick<IkeConnectConfig, "ikeProposals" | "v2Proposals" | "ownProposals">;
function ikeProposals(c: ClientConfig | ServerConfig, standard: readonly IkeProposal[]): Proposals {
  const list = c.ike_proposals;
  const old = list?.filter((p) => p === "default" || isIke1(p)) ?? null;
  return {
    ikeProposals: expand(old, standard),
    ...(list ? { v2Proposals: expand<Ike2Proposal>(list, standard) } : {}),
    // those that say nothing of the default ones: IKEv2 has no others then either
    ownProposals: list !== null && !list.includes("default"),
  };
}

/** IKEv2 has no aggressive mode, IKEv1 neither PPK nor signatures by Edwards curves. */
function versionsOf(c: ClientConfig, certificates: Certificates | null): IkeVersions {
  if (c.ppk || onlyIkev2(c) || certificates?.credentials.key.startsWith("ed")) return "v2";
  return c.ike_mode === "aggressive" ? "v1" : c.ike;
}
/** `remote`: the server, its L2TP port and its configured name; `own`: what is this side's of the connection. */
export function clientIke(
  c: ClientConfig,
  remote: Endpoint & { readonly host: string },
  own: OwnSide,
): IkeConnectConfig {
  const { local, localPort, placement, certificates, hurried } = own;
  if ((c.psk === null && !certificates) || !needsIpsec(c))
    throw new RangeError(`${c.name}: IKE asked for a link without a key`);
  return {
    link: c.name,
    local,
    remote: remote.address,
    psk: c.psk,
    certificates,
    peer: "server",
    versions: versionsOf(c, certificates),
    ppk: c.ppk && { id: c.ppk_id, secret: c.ppk },
    pinned: c.ike_v2_pinned,
    aggressive: c.ike_mode === "aggressive",
    encap: c.encap,
    hurried,
    localPort,
    remotePort: remote.port,
    ...ikeProposals(c, IKE_INITIATOR),
    espProposals: placement.esp,
    plane: () => placement.at,
    place: () => placement.at,
    localId: c.local_id,
    // The key authenticates any peer that has it; a CA, all whom it has ever given a certificate.
    remoteId: c.remote_id ?? (certificates ? parseIkeId(remote.host) : null),
    ...lifetimes(c),
  };
}
/** `planes`: of new connections, and of each. */
export function serverIke(
  c: ServerConfig,
  placement: Placement,
  planes: Pick<IkeResponderConfig, "plane" | "place">,
  certificates: Certificates | null,
): IkeResponderConfig {
  if ((c.psk === null && !certificates) || !needsIpsec(c))
    throw new RangeError(`${c.name}: IKE asked for a server without a key`);
  return {
    link: c.name,
    local: c.listen,
    psk: c.psk,
    certificates,
    peer: "client",
    versions: c.ppk || onlyIkev2(c) ? "v2" : c.ike,
    ppk: c.ppk && { id: c.ppk_id, secret: c.ppk },
    aggressive: c.ike_mode === "aggressive",
    encap: c.encap,
    ...ikeProposals(c, IKE_RESPONDER),
    espProposals: placement.esp,
    ...planes,
    crowd: crowdOf(c.max_sessions),
    localId: c.local_id,
    remoteId: c.remote_id,
    ...lifetimes(c),
  };
}

export function tunnelConfig(c: ClientConfig | ServerConfig, host: Host): TunnelConfig {
  return {
    link: c.name,
    secret: c.tunnel_secret,
    hostName: c.hostname ?? host.hostname(),
    helloSeconds: c.hello,
    hideAvps: c.hide_avps,
  };
}

interface Coded {
  readonly vj: boolean;
  readonly deflate: boolean;
  readonly bsdcomp: boolean;
  readonly mppc: boolean;
  readonly mppe: "no" | "128" | "56" | "40";
}
const KEY_BITS = { no: null, 40: 40, 56: 56, 128: 128 } as const;
/** What packets go through; a link that asks for nothing of it keeps the fast path. */
function coding(c: Coded): Pick<PppConfig, "compression" | "mppe"> {
  const any = c.vj || c.deflate || c.bsdcomp || c.mppc;
  return {
    mppe: KEY_BITS[c.mppe],
    ...(any ? { compression: { vj: c.vj, deflate: c.deflate, bsd: c.bsdcomp, mppc: c.mppc } } : {}),
  };
}
/**
 * Protocols that callers may authenticate with: with MPPE only those that derive its keys, and PAP only where allowed.
 */
function required(c: ServerConfig | SerialConfig): readonly AuthMethod[] {
  if (c.mppe === "no") return asksForPap(c) ? c.auth : c.auth.filter((m) => m !== "pap");
  const keyed = c.auth.filter((m) => m === "mschap" || m === "mschapv2");
  return keyed.length > 0 ? keyed : ["mschapv2"];
}

/** Our identity: EAP-TLS needs only a name. */
export function identityOf(
  c: { readonly username: string | null },
  { now }: Passwords,
  eapTls: EapTlsCredentials | null,
): PppConfig["identity"] {
  const { newPassword } = now;
  const password = now.password ?? (eapTls ? Secret.of("") : null);
  return c.username === null || password === null ? null : { user: c.username, password, newPassword };
}

/** Protocols that a caller refuses. */
function refused(
  c: ClientConfig | SerialConfig,
  eapTls: EapTlsCredentials | null,
): Pick<PppConfig, "refuse" | "papAdvice"> {
  if (eapTls) return { refuse: ONLY_EAP };
  const refuse: AuthMethod[] = [];
  const pap = papRefusal(c);
  if (pap !== null) refuse.push("pap");
  if (c.refuse_chap) refuse.push("chap");
  if (c.refuse_mschapv2) refuse.push("mschapv2");
  // What has no option of its own goes with what it is made of: v1 is weaker than either, EAP carries both.
  if (c.refuse_chap || c.refuse_mschapv2) refuse.push("mschap");
  if (c.mppe !== "no") refuse.push("pap", "chap"); // its keys come from MS-CHAP, inside EAP or not
  if (c.refuse_eap || (refuse.includes("chap") && refuse.includes("mschapv2"))) refuse.push("eap");
  if (pap === null || c.mppe !== "no") return { refuse };
  const shown = c.proto === "l2tpsec" && needsIpsec(c) ? "anybody with the pre-shared key" : "everybody on the path";
  return { refuse, papAdvice: `PAP would show the password to ${shown}; set ${pap} to allow it` };
}

function pppCommon(
  c: ClientConfig | SerialConfig | ServerConfig,
  host: Host,
  mru: number,
): Pick<PppConfig, "link" | "mru" | "hostName" | "accm" | "compression" | "mppe" | "mrru"> {
  return {
    link: c.name,
    mru,
    hostName: ("hostname" in c ? c.hostname : null) ?? host.hostname(),
    accm: "flow" in c && c.flow === "xonxoff" ? XONXOFF : 0,
    ...coding(c),
    mrru: mrruOf(c),
  };
}
/** Of the LAN behind. */
export const ETHERNET_MTU = 1500;
/** Of frames whole with their VLAN's tag: what others that bridge ask for as well. */
const BRIDGED_MRRU = 1600;
/** Multilink's longest packet, null: none. Bridged frames need it: no path carries them whole. */
export function mrruOf(c: { readonly mrru?: number | null; readonly bridge?: string | null }): number | null {
  return c.mrru ?? ((c.bridge ?? null) === null ? null : BRIDGED_MRRU);
}
/** MTU of a server's netdev, whose calls carry packets of `mtu` bytes whole. */
export function netdevMtu(c: ServerConfig, mtu: number): number {
  const mrru = mrruOf(c);
  return mrru === null ? mtu : Math.min(ETHERNET_MTU, mrru);
}
export function pppCaller(
  c: ClientConfig | SerialConfig,
  host: Host,
  mru: number,
  { passwords, eapTls }: { readonly passwords: Passwords; readonly eapTls: EapTlsCredentials | null },
): PppConfig {
  return {
    ...pppCommon(c, host, mru),
    role: "client",
    identity: identityOf(c, passwords, eapTls),
    eapTls,
    ...refused(c, eapTls),
    require: [],
    echo: c.keepalive,
    ipv6: c.ipv6 !== "no",
    bridge: "bridge" in c && c.bridge !== null,
    ipcp: { local: null, remote: null, requestDns: c.peerdns, requestWins: c.peerdns },
  };
}
/** `ids`: of the netdev that all sessions share, where it has IPv6. */
export function pppAnswerer(
  c: ServerConfig | SerialConfig,
  host: Host,
  mru: number,
  ids: SharedIds | null = null,
): PppConfig {
  const shared = "pool" in c;
  return {
    ...pppCommon(c, host, mru),
    role: "server",
    identity: null,
    refuse: [],
    require: required(c),
    echo: shared ? c.keepalive && { ...c.keepalive, yields: true } : c.keepalive,
    ipcp: { local: c.local_ip, remote: null, requestDns: false },
    ipv6: shared ? ids !== null : c.ipv6 !== "no",
    ...(ids ? { ipv6Ids: ids } : {}),
  };
}

/**
 * A link's metric; for a default route of IPv6 never 0, which the kernel takes for 1024, behind what it learnt from
 * advertisements.
 */
function withMetric(prefix: string, metric: number): Route {
  const m = metric === 0 && prefix === "::/0" ? 1 : metric;
  return m === 0 ? { prefix } : { prefix, metric: m };
}
/**
 * The netdev of a link, with its routes and `more`. `elsewhere`: netifd sets routes; what takes the place of a block is
 * always ours.
 */
export function netdevOf(
  c: ClientConfig | SerialConfig,
  to: Pick<IpConfig, "mtu" | "local4" | "peer4">,
  elsewhere: boolean,
  more: readonly string[] = [],
): IpConfig {
  const all = defaultRoutes(c).map((p) => withMetric(p, c.metric));
  const into = elsewhere ? [] : [...(c.routes ?? []), ...more].map((p) => withMetric(p, c.metric));
  if ("killswitch" in c && c.killswitch === "all") into.push(...all.map((r) => ({ ...r, instead: true as const })));
  else if (!elsewhere) into.push(...all);
  return { ifname: deviceName(c), ...to, routes: into, clampMss: true };
}

/**
 * The largest inner MTU whose packets leave unfragmented over a path of `outerMtu` bytes; with `ike` null in the clear.
 * L2TP header 6 (12 with Length, Ns and Nr), PPP header 4 at most.
 */
export function fittingMtu(outerMtu: number, ipv6: boolean, ike: IkeInfo | null, sequencing: boolean): number {
  const l2tpHeader = sequencing ? 12 : 8;
  const pppHeader = 4;
  if (!ike) return outerMtu - (ipv6 ? 40 : 20) - 8 - l2tpHeader - pppHeader;
  return innerMtu({
    outerMtu,
    ipv6,
    udpEncap: ike.encap === "udp",
    cipher: ike.cipher,
    integ: ike.integ,
    l2tpHeader,
    pppHeader,
  });
}
