// Every option of every section, once: type, default, help. The configuration file, UCI, the README's reference and the
// forms of a router all follow from these tables; tests keep them equal.
import type { NasConfig } from "./nasdial.ts";
import type { Kind } from "./options.ts";
import * as k from "./options.ts";

export interface Option<T> {
  readonly kind: Kind<T>;
  readonly help: string;
  /** As it would be written in the file. Without one the option is required, or null when `optional`. */
  readonly def?: string;
  readonly optional?: true;
}
export const required = <T>(kind: Kind<T>, help: string): Option<T> => ({ kind, help });
export const optional = <T>(kind: Kind<T>, help: string): Option<T | null> => ({ kind: kind as Kind<T | null>, help, optional: true });
export const withDefault = <T>(kind: Kind<T>, def: string, help: string): Option<T> => ({ kind, def, help });

export type Options = Readonly<Record<string, Option<unknown>>>;
export type ValuesOf<S> = { readonly [K in keyof S]: S[K] extends Option<infer T> ? T : never };

export const AUTH_METHODS = ["mschapv2", "chap", "mschap", "eap", "pap"] as const;

const ipsec = {
  psk: optional(k.secret, "Pre-shared key. Turns IPsec on."),
  ipsec: optional(
    k.oneOf("required", "off"),
    "required: no L2TP packet ever leaves or is accepted outside ESP; the default as soon as there is a psk. off: L2TP in the clear, for troubleshooting only, warned about at every start.",
  ),
  encap: withDefault(k.oneOf("auto", "udp", "esp"), "auto", "auto: raw ESP, or UDP 4500 when there is a NAT. udp: always UDP 4500. esp: always raw ESP, refuse a NAT."),
  ike_proposals: optional(k.ikeProposals, "Phase 1 proposals, best first. Default: strong ones that current peers know, without 3DES and MODP1024; default 3des-sha1-modp1024 takes an old peer as well."),
  esp_proposals: optional(k.espProposals, "ESP proposals, best first. Default: AES-GCM, then AES-CBC; default 3des-sha1 takes an old peer as well."),
  local_id: optional(k.ikeId, "Our IKE identity: an address, a host name or user@name. Default: our address."),
  remote_id: optional(k.ikeId, "The IKE identity that the peer must show. Default: any, the key decides."),
  ike_lifetime: withDefault(k.integer(60, 604800, "seconds"), "28800", "Life of the ISAKMP SA; it is renewed before."),
  esp_lifetime: withDefault(k.integer(30, 86400, "seconds"), "3600", "Life of the ESP SAs; they are renewed before."),
  esp_lifetime_mbytes: withDefault(k.integer(0, 1048576, "MiB"), "0", "Renew the ESP SAs after so many MiB as well; 0: only where the cipher asks for it (3DES)."),
  dpd: withDefault(k.integer(0, 3600, "seconds"), "30", "Dead peer detection: ask after so much silence; 0: off."),
} as const;

const l2tp = {
  tunnel_secret: optional(k.secret, "L2TP tunnel authentication: the shared secret of the challenge."),
  hide_avps: withDefault(k.yesNo, "no", "Hide what the tunnel's AVPs say (RFC 2661 4.3) with tunnel_secret. IPsec hides it already."),
  hostname: optional(k.text(64), "Host Name that we tell the L2TP peer. Default: this machine's."),
  hello: withDefault(k.integer(0, 3600, "seconds"), "60", "L2TP Hello after so much silence; 0: off."),
  sequencing: withDefault(k.yesNo, "no", "Sequence numbers on data packets; those that arrive out of order are put in order."),
  keepalive: withDefault(k.keepalive, "5 10", "LCP echo: give up after so many lost ones, one every so many seconds of silence."),
  mtu: optional(k.integer(576, 1500, "bytes"), "MTU of the netdev. Default: what fits the path unfragmented, 1400 at most."),
  dataplane: withDefault(k.oneOf("auto", "kernel", "userspace"), "auto", "Where packets move. This version has userspace only."),
  vj: withDefault(k.yesNo, "no", "Van Jacobson header compression (RFC 1144), where the other side has it; with sequencing, so that a lost packet is noticed."),
  deflate: withDefault(k.yesNo, "no", "Compress packets with Deflate (RFC 1979), where the other side and this machine (zlib) have it: for a tunnel on a slow line. With any compression each packet visits the control process, so a fast link gets slower."),
  bsdcomp: withDefault(k.yesNo, "no", "Compress packets with BSD-Compress (RFC 1977), where Deflate is not to be had."),
  mppc: withDefault(k.yesNo, "no", "Compress packets with MPPC (RFC 2118), for a peer that has nothing else; alone or together with MPPE."),
  mppe: withDefault(k.oneOf("no", "128", "56", "40"), "no", "Encrypt with MPPE (RFC 3078, keys from MS-CHAP) for a peer that insists on it: with so many bits at least, 128 where the peer has them; the session ends without it. RC4 is weak: IPsec is what protects."),
} as const;

const eapTls = {
  eap_ca: optional(k.text(), "EAP-TLS: file with the certificate (PEM) of the CA that the server's must come from. With these files EAP-TLS is the only proof that is given, and no password is needed."),
  eap_cert: optional(k.text(), "EAP-TLS: file with our certificate (PEM), and those between it and its CA."),
  eap_key: optional(k.text(), "EAP-TLS: file with the private key (PEM) of our certificate, without a passphrase."),
  eap_server_name: optional(k.text(), "EAP-TLS: the host name or address that must be among the subjectAltNames of the server's certificate; any: every server of that CA will do."),
} as const;

export const DAEMON = {
  control: withDefault(k.text(107), "/var/run/l2tpsec.sock", "UNIX socket of the control API."),
  log: withDefault(k.oneOf("error", "warn", "notice", "info", "debug"), "info", "The least important events that are logged."),
  ubus: withDefault(k.ubus, "auto", "OpenWrt's bus: the object l2tpsec, and netifd's view of the links. auto: /var/run/ubus/ubus.sock, with --config FILE only where that is at the start."),
} as const;

export const CLIENT = {
  proto: required(k.oneOf("l2tpsec"), "The kind of interface."),
  server: required(k.server, "Name or address of the server, with :port where L2TP does not listen on 1701."),
  username: optional(k.text(), "PPP user name."),
  password: optional(k.secret, "PPP password."),
  ...ipsec,
  ...l2tp,
  auto: withDefault(k.yesNo, "yes", "Bring the link up when the daemon starts."),
  ifname: optional(k.ifname, "Name of the netdev. Default: l2tps-NAME."),
  routes: optional(k.networks, "Networks behind the peer, routed into the link. 0.0.0.0/0 or ::/0 is the same as defaultroute = yes."),
  defaultroute: withDefault(k.yesNo, "no", "Route everything into the link, with ipv6 IPv6 too; the server itself stays outside."),
  killswitch: withDefault(k.oneOf("routes", "all", "off"), "routes", "What is refused here while the link is wanted and not up, instead of leaving in the clear. routes: packets to its routes. all: everything that a default route would carry, of IPv4 and IPv6 (IPv6 as long as the link does not carry it). off: nothing."),
  metric: withDefault(k.integer(0, 4294967295), "0", "Metric of the link's routes."),
  peerdns: withDefault(k.yesNo, "yes", "Ask the server for DNS servers: netifd uses them, and the status shows them."),
  ipv6: withDefault(k.oneOf("no", "yes", "auto"), "no", "yes: IPv6 as well, where the peer has it (IPV6CP). auto: that, and netifd gets an interface NAME_6 that asks the peer for addresses by DHCPv6."),
  refuse_pap: withDefault(k.yesNo, "yes", "Never send the password with PAP, which shows it to whoever holds the pre-shared key."),
  allow_pap_in_clear: withDefault(k.yesNo, "no", "With ipsec = off and refuse_pap = no: PAP may send the password where everybody on its way can read it."),
  refuse_chap: withDefault(k.yesNo, "no", "Do not answer to CHAP-MD5."),
  refuse_mschapv2: withDefault(k.yesNo, "no", "Do not answer to MS-CHAPv2."),
  refuse_eap: withDefault(k.yesNo, "yes", "Do not answer to EAP (MD5 and MS-CHAPv2 inside of it): servers that ask for it first take MS-CHAPv2 as well."),
  ...eapTls,
  source_port: withDefault(k.integer(0, 65535), "1701", "Our L2TP UDP port; 0: an ephemeral one."),
  call: withDefault(k.oneOf("incoming", "outgoing"), "incoming", "incoming: we announce a call (ICRQ), as all L2TP clients do. outgoing: we ask the peer to place one (OCRQ)."),
  reconnect_min: withDefault(k.integer(1, 3600, "seconds"), "2", "First pause before a new attempt."),
  reconnect_max: withDefault(k.integer(1, 86400, "seconds"), "120", "Longest pause between attempts, but 300 after a wrong password where that is longer. There is no last attempt."),
} as const;

export const SERVER = {
  listen: optional(k.address, "Our address that clients call. Default: every address."),
  ...ipsec,
  ...l2tp,
  ifname: optional(k.ifname, "Name of the netdev of all sessions. Default: l2tps-NAME."),
  local_ip: required(k.address4, "Our address inside the tunnels."),
  pool: optional(k.pool, "Addresses for users without a fixed one."),
  dns: optional(k.addresses4, "DNS servers told to clients; the first two count."),
  wins: optional(k.addresses4, "WINS servers told to clients; the first two count."),
  ipv6: withDefault(k.yesNo, "no", "IPv6 for users who ask for it (IPV6CP): link-local addresses, and the IPv6 networks among their routes."),
  auth: withDefault(k.someOf(...AUTH_METHODS), "mschapv2 chap", "PPP authentication that is offered, best first. Inside EAP the same holds: MS-CHAPv2 if mschapv2 is listed, MD5 if chap is; eap without either is with MS-CHAPv2."),
  allow_pap_in_clear: withDefault(k.yesNo, "no", "With ipsec = off: callers may be asked for PAP, although everybody on the way can read the passwords then; otherwise pap in auth counts for nothing."),
  second_login: withDefault(k.oneOf("replace", "refuse"), "replace", "A user who is connected calls again: the new session replaces the old one, or is refused."),
  max_sessions: withDefault(k.integer(1, 4096), "1000", "Most users connected at one time. Callers who have not said who they are do not count: they have 30 s, and are 16 of one peer and 256 in all at the most."),
} as const;

export const USER = {
  username: optional(k.text(), "Name to log in with. Default: the name of the section."),
  password: required(k.secret, "PPP password."),
  ip: optional(k.address4, "Fixed address of this user."),
  routes: optional(k.networks, "Networks behind this user (site to site); those of IPv6 where the server has ipv6 = yes."),
  server: optional(k.text(64), "The server section this user may call. Default: all."),
} as const;

export const SECTIONS = { daemon: DAEMON, interface: CLIENT, server: SERVER, user: USER } as const;

export type Named<T> = T & { readonly name: string };
export type DaemonConfig = ValuesOf<typeof DAEMON>;
export type ClientConfig = Named<ValuesOf<typeof CLIENT>>;
export type ServerConfig = Named<ValuesOf<typeof SERVER>>;
export type UserConfig = Named<ValuesOf<typeof USER>>;

/** An interface or server that is configured but cannot run. */
export interface Broken {
  readonly why: string;
  /** What would be blocked while it is wanted, as far as its section can be read. */
  readonly guarded: readonly string[];
}
export interface Config {
  readonly daemon: DaemonConfig;
  readonly interfaces: readonly ClientConfig[];
  /** Interfaces of proto nasdial. */
  readonly legs: readonly NasConfig[];
  readonly servers: readonly ServerConfig[];
  readonly users: readonly UserConfig[];
  /** By name (UCI: one wrong section does not stop the others). */
  readonly broken: ReadonlyMap<string, Broken>;
  /** Sections as they were written, for telling what a reload changes. Holds secrets: never print it. */
  readonly raw: ReadonlyMap<string, string>;
}
