// Every option of every section: type, default, texts. The configuration file, UCI, the reference and a router's forms
// are all derived from these tables (scripts/generate.mjs).
import { AUTH_METHODS, common, eapTls, ipsec, l2tp, TRAFFIC } from "./common.ts";
import type { SerialConfig } from "./nasdial.ts";
import { type Named, optional, required, type ValuesOf, withDefault } from "./option.ts";
import * as k from "./options.ts";
import { RADIUS } from "./radius.ts";

const DATAPLANE =
  "Where packets move. kernel: in the kernel, which needs its L2TP, PPP and IPsec modules (kmod-pppol2tp, " +
  "kmod-ipsec4; kmod-crypto-gcm for AES-GCM); refused where it cannot. userspace: in this process, on every kernel. " +
  "auto: the kernel where it can carry what the section asks for, else userspace; status says why. Compression, " +
  "MPPE, Multilink and bridges are userspace's. While the kernel carries packets with IPsec, other programs have no " +
  "L2TP on UDP port 1701.";

export const DAEMON = {
  control: withDefault(k.text(107), "/var/run/l2tpsec.sock", {
    tab: "expert",
    title: "Control socket",
    help: "UNIX socket of the control API.",
  }),
  log: withDefault(k.oneOf("error", "warn", "notice", "info", "debug"), "info", {
    tab: "general",
    title: "Log level",
    help: "Log events of this level and above.",
  }),
  ubus: withDefault(k.ubus, "auto", {
    tab: "expert",
    title: "ubus",
    help:
      "OpenWrt's bus, for the object l2tpsec and for netifd. auto: /var/run/ubus/ubus.sock; with --config " +
      "FILE, only if the socket exists at the start.",
  }),
  metrics: withDefault(k.integer(0, 65535), "0", {
    tab: "advanced",
    title: "Port for Prometheus",
    help:
      "TCP port of 127.0.0.1 where every program of this machine may read counters by HTTP (GET /metrics), without " +
      "names of users; 0: none. Read at the start.",
  }),
  session_log: optional(k.logPath, {
    tab: "advanced",
    title: "Session log",
    help:
      "File that gets a line for each session of a server that begins or ends: when, who, from where, address, " +
      "bytes, why. On a router /tmp is memory, and flash wears out.",
  }),
  session_log_size: withDefault(k.integer(4, 1048576, "KiB"), "256", {
    tab: "advanced",
    title: "Size of the session log",
    help: "A file that would be larger is renamed to .1, and that one to .2, which replaces the oldest.",
  }),
} as const;

export const CLIENT = {
  proto: required(k.oneOf("l2tpsec"), { tab: null, title: "proto", help: "The kind of interface." }),
  server: required(k.servers, {
    tab: "general",
    title: "Server",
    help:
      "Host name or address of the server; add :port if L2TP does not listen on 1701. Of several, and of several " +
      "addresses of one name, one after the other is tried.",
  }),
  server_order: withDefault(k.oneOf("order", "random"), "order", {
    tab: "advanced",
    title: "Order of servers",
    labels: { order: "As they are listed", random: "At random" },
    help: "order: the first server that answers, beginning with the first. random: spreads clients over all servers.",
  }),
  tunlink: optional(k.interfaceName, {
    tab: "advanced",
    title: "Interface to the server",
    offer: "interface",
    help:
      "OpenWrt only: the interface, such as wan or wwan, that the tunnel runs over. The link is up only while that " +
      "is. Default: whichever leads to the server.",
  }),
  username: optional(k.text(), { tab: "general", title: "User name", help: "PPP user name." }),
  password: optional(k.secret, { tab: "general", title: "Password", help: "PPP password." }),
  new_password: common.new_password,
  ...ipsec,
  ike: withDefault(k.oneOf("auto", "v1", "v2"), "auto", {
    tab: "security",
    title: "IKE version",
    help:
      "Which version of IKE. auto: IKEv2 first, and IKEv1 when the server does not answer within a second or has no " +
      "IKEv2 for us; what it spoke is remembered for a day. v1, v2: only that one.",
  }),
  ike_v2_pinned: withDefault(k.yesNo, "no", {
    tab: "expert",
    title: "Pin IKEv2",
    when: { ike: "auto" },
    help: "Never use IKEv1 with a server that has spoken IKEv2 since the daemon started.",
  }),
  ...l2tp,
  mtu_probe: withDefault(k.yesNo, "yes", {
    tab: "expert",
    title: "Find the MTU by probing",
    help:
      "Make sure that packets of the MTU's size come through (LCP echo, RFC 8899), at the start and every ten " +
      "minutes. Where they are lost on the way, the MTU becomes the largest size that comes through.",
  }),
  dataplane: withDefault(k.oneOf("auto", "kernel", "userspace"), "auto", {
    tab: "expert",
    title: "Data plane",
    help: DATAPLANE,
  }),
  auto: common.auto,
  fallback_for: common.fallback_for,
  fallback_after: common.fallback_after,
  fallback_hold: common.fallback_hold,
  ifname: optional(k.ifname, {
    tab: "advanced",
    title: "Device name",
    uci: "pppname",
    help: "Name of the netdev. Default: l2tps-NAME.",
  }),
  bridge: optional(k.ifname, {
    tab: "advanced",
    title: "Bridge",
    help:
      "A bridge of this machine, such as br-lan: its Ethernet frames cross the link to the peer's bridge (BCP, RFC " +
      "3518), VLANs and all that is not IP among them. Addresses of the link stay as they are.",
  }),
  defaultroute: withDefault(k.yesNo, "no", {
    tab: "general",
    title: "Traffic into the link",
    labels: TRAFFIC,
    help: "Route all traffic into the link, with ipv6 also IPv6. The route to the server itself stays outside.",
  }),
  routes: common.routes,
  killswitch: withDefault(k.oneOf("routes", "all", "off"), "routes", {
    tab: "general",
    title: "While the link is down",
    when: { defaultroute: "1" },
    labels: {
      routes: "Block only the networks behind the peer",
      all: "Block everything",
      off: "Block nothing",
    },
    help:
      "What is blocked, so that it does not leave in the clear, while the link should be up but is not. " +
      "routes: traffic to the networks in routes. all: all traffic of default routes, IPv4 and IPv6 (IPv6 " +
      "whenever the link does not carry it). off: nothing.",
  }),
  metric: common.metric,
  peerdns: common.peerdns,
  ipv6: common.ipv6,
  refuse_pap: withDefault(k.yesNo, "yes", {
    tab: "security",
    title: "Refuse PAP",
    help: "Never send the password with PAP: anybody who knows the pre-shared key could read it.",
  }),
  allow_pap_in_clear: withDefault(k.yesNo, "no", {
    tab: "security",
    title: "PAP in the clear",
    when: { ipsec: "off" },
    help: "With ipsec = off and refuse_pap = no: allow PAP, although everybody on the path can read the password.",
  }),
  refuse_chap: common.refuse_chap,
  refuse_mschapv2: common.refuse_mschapv2,
  refuse_eap: withDefault(k.yesNo, "yes", {
    tab: "security",
    title: "Refuse EAP",
    help:
      "Do not authenticate with EAP (EAP-MD5 and EAP-MSCHAPv2). Servers that request EAP first accept " +
      "MS-CHAPv2 as well.",
  }),
  ...eapTls,
  source_port: withDefault(k.integer(0, 65535), "1701", {
    tab: "expert",
    title: "Source port",
    help: "Local UDP port for L2TP; 0: an ephemeral port.",
  }),
  call: withDefault(k.oneOf("incoming", "outgoing"), "incoming", {
    tab: "expert",
    title: "Call direction",
    help:
      "incoming: announce a call to the peer (ICRQ), as L2TP clients normally do. outgoing: ask the peer to " +
      "place a call (OCRQ).",
  }),
  reconnect_min: withDefault(k.integer(1, 3600, "seconds"), "2", {
    tab: "advanced",
    title: "Shortest pause",
    help: "Pause before the first new attempt. Later pauses are longer.",
  }),
  reconnect_max: withDefault(k.integer(1, 86400, "seconds"), "120", {
    tab: "advanced",
    title: "Longest pause",
    help: "Longest pause between attempts; after a wrong password at least 300 seconds. Attempts never end.",
  }),
  links: withDefault(k.integer(1, 8), "1", {
    tab: "expert",
    title: "Links",
    help: "With mrru: calls in the tunnel that are one connection (Multilink bundle), where the server joins them.",
  }),
} as const;

export const SERVER = {
  listen: optional(k.address, {
    tab: "advanced",
    title: "Listen address",
    help: "Local address to listen on. Default: every address.",
  }),
  ...ipsec,
  ike: withDefault(k.oneOf("auto", "v1", "v2"), "auto", {
    tab: "security",
    title: "IKE version",
    help: "Which version of IKE is answered. auto: both.",
  }),
  ...l2tp,
  dataplane: optional(k.oneOf("auto", "kernel", "userspace"), {
    tab: "expert",
    title: "Data plane",
    help:
      `${DATAPLANE} In the kernel every user has a netdev of his own, DEVICE-1, DEVICE-2 ...: the firewall zone must ` +
      "name them too (l2tps-lns+), and so the default is userspace.",
  }),
  ifname: optional(k.ifname, {
    tab: "advanced",
    title: "Device name",
    help: "Name of the netdev that all sessions share. Default: l2tps-NAME.",
  }),
  bridge: optional(k.ifname, {
    tab: "advanced",
    title: "Bridge",
    help: "A bridge of this machine that users' Ethernet frames come out of, if they bridge too (BCP, RFC 3518).",
  }),
  local_ip: required(k.address4, {
    tab: "general",
    title: "Local IP address",
    help: "Our address inside the tunnels.",
  }),
  pool: optional(k.pool, { tab: "general", title: "Address pool", help: "Addresses for users without a fixed one." }),
  dns: optional(k.addresses4, {
    tab: "general",
    title: "DNS servers",
    help: "DNS servers for clients; the first two are used.",
  }),
  wins: optional(k.addresses4, {
    tab: "advanced",
    title: "WINS servers",
    help: "WINS servers for clients; the first two are used.",
  }),
  ipv6: withDefault(k.yesNo, "no", {
    tab: "advanced",
    title: "IPv6",
    help: "IPv6 for users who request it (IPV6CP): link-local addresses, and the IPv6 networks in their routes.",
  }),
  ipv6_pool: optional(k.network6, {
    tab: "advanced",
    title: "IPv6 pool",
    when: { ipv6: "1" },
    help: "A network, /64 at most, of which each user gets a /64 for global addresses (SLAAC).",
  }),
  ipv6_delegate: optional(k.delegation, {
    tab: "advanced",
    title: "Delegated prefixes",
    when: { ipv6: "1" },
    help: "A network, and the length of the prefix of it that each user gets for the networks behind (DHCPv6).",
  }),
  ipv6_dns: optional(k.addresses6, {
    tab: "advanced",
    title: "IPv6 DNS servers",
    when: { ipv6: "1" },
    help: "DNS servers for users with IPv6, in router advertisements and DHCPv6.",
  }),
  auth: withDefault(k.someOf(...AUTH_METHODS), "mschapv2 chap", {
    tab: "security",
    title: "Authentication",
    help:
      "PPP authentication methods that are offered, in order of preference. EAP uses MS-CHAPv2 if mschapv2 is " +
      "listed, and MD5 if chap is; eap without either of them uses MS-CHAPv2.",
  }),
  allow_pap_in_clear: withDefault(k.yesNo, "no", {
    tab: "security",
    title: "PAP in the clear",
    when: { ipsec: "off" },
    help:
      "With ipsec = off: allow PAP, although everybody on the path can read the passwords. Without this, pap " +
      "in auth is ignored.",
  }),
  proxy_auth: withDefault(k.yesNo, "no", {
    tab: "expert",
    title: "Trust the LAC",
    help:
      "Go on from what a LAC, such as a provider's access concentrator, has negotiated with the caller and heard of " +
      "its authentication (RFC 2661 4.4.5), instead of doing both again. Whoever has tunnel_secret can then say what " +
      "callers have answered.",
  }),
  users: withDefault(k.someOf("local", "radius"), "local", {
    tab: "security",
    title: "Where users are",
    help:
      "Who decides about callers, in this order. local: the user sections. radius: RADIUS servers. local radius: a " +
      "user section where there is one of that name, else RADIUS. radius local: RADIUS, and user sections only while " +
      "no RADIUS server answers.",
  }),
  radius: optional(k.names, {
    tab: "security",
    title: "RADIUS servers",
    help: "The radius sections whose servers are asked, in this order. Default: all, as they are listed.",
  }),
  nas_id: optional(k.text(64), {
    tab: "advanced",
    title: "NAS identifier",
    help: "Our name for RADIUS servers (NAS-Identifier), different for each server section. Default: the host name.",
  }),
  pools: optional(k.pools, {
    tab: "advanced",
    title: "Named address pools",
    help: "Pools that RADIUS chooses by name (Framed-Pool), such as guests=10.9.1.10-10.9.1.250.",
  }),
  framed_routes: optional(k.networks, {
    tab: "security",
    title: "Networks from RADIUS",
    help:
      "Networks that RADIUS may route to users (Framed-Route, IPv6 prefixes), whole or in part; a login with another " +
      "is refused. Default: none; prefixes of ipv6_pool and ipv6_delegate are always allowed.",
  }),
  acct_interim: withDefault(k.integer(0, 86400, "seconds"), "600", {
    tab: "advanced",
    title: "Accounting interval",
    help: "Interim updates of accounting, unless RADIUS says how often (Acct-Interim-Interval); 0: none.",
  }),
  coa_port: withDefault(k.integer(0, 65535), "0", {
    tab: "advanced",
    title: "CoA port",
    help:
      "UDP port on which the RADIUS servers of this section may end and change sessions (RFC 5176), usually 3799; 0: " +
      "none. Those with tls may then do so by their connections alone.",
  }),
  second_login: withDefault(k.oneOf("replace", "refuse"), "replace", {
    tab: "security",
    title: "Second login",
    help: "When a connected user logs in again: replace the old session, or refuse the new one.",
  }),
  bundle_links: withDefault(k.integer(1, 16), "1", {
    tab: "advanced",
    title: "Links per user",
    help:
      "With mrru: calls that a user may join to one connection (Multilink bundle), from the same system. RADIUS may " +
      "say otherwise (Port-Limit). 1: a second call is a second login.",
  }),
  max_sessions: withDefault(k.integer(1, 4096), "1000", {
    tab: "advanced",
    title: "Maximum sessions",
    help:
      "Maximum number of users connected at the same time. Callers that are not authenticated yet do not " +
      "count: they have 30 seconds, with limits of 16 callers per peer and 256 in total, or a quarter of this number.",
  }),
} as const;

export const USER = {
  username: optional(k.text(), {
    tab: "general",
    title: "User name",
    help: "Login name. Default: the name of the section.",
  }),
  password: required(k.secret, { tab: "general", title: "Password", help: "PPP password." }),
  ip: optional(k.address4, { tab: "general", title: "Fixed address", help: "Fixed address of this user." }),
  ipv6_prefix: optional(k.network6, {
    tab: "general",
    title: "Fixed IPv6 prefix",
    help: "The /64 of this user's global addresses, instead of one of ipv6_pool.",
  }),
  ipv6_delegated_prefix: optional(k.network6, {
    tab: "general",
    title: "Fixed delegated prefix",
    help: "The prefix for the networks behind this user, instead of one of ipv6_delegate.",
  }),
  routes: optional(k.networks, {
    tab: "general",
    title: "Networks behind the peer",
    help: "Networks behind this user (site to site). IPv6 networks require ipv6 = yes in the server section.",
  }),
  bridge: optional(k.ifname, {
    tab: "advanced",
    title: "Bridge",
    help:
      "A bridge of this machine that this user's Ethernet frames come out of (BCP), instead of the server section's. " +
      "For whole frames the server section needs mrru = 1600.",
  }),
  session_timeout: withDefault(k.integer(0, 31_536_000, "seconds"), "0", {
    tab: "advanced",
    title: "Session timeout",
    help: "End each session of this user at a server after this time; 0: never.",
  }),
  idle_timeout: withDefault(k.integer(0, 31_536_000, "seconds"), "0", {
    tab: "advanced",
    title: "Idle timeout",
    help: "End a session of this user at a server after this long without a packet in either direction; 0: never.",
  }),
  server: optional(k.text(64), {
    tab: "general",
    title: "Server",
    offer: "server",
    help: "Server section that this user may log in to. Default: all.",
  }),
} as const;

export const SECTIONS = { daemon: DAEMON, interface: CLIENT, server: SERVER, user: USER, radius: RADIUS } as const;

export type DaemonConfig = ValuesOf<typeof DAEMON>;
export type ClientConfig = Named<ValuesOf<typeof CLIENT>>;
export type ServerConfig = Named<ValuesOf<typeof SERVER>>;
/** A link that this side initiates, distinguished by `proto`. */
export type InterfaceConfig = ClientConfig | SerialConfig;
export type UserConfig = Named<ValuesOf<typeof USER>>;
export type RadiusConfig = Named<ValuesOf<typeof RADIUS>>;

/** An interface or server that is configured but cannot run. */
export interface Broken {
  readonly section: "interface" | "server";
  readonly why: string;
  /** Networks to block while it is wanted, as far as its section is readable. */
  readonly guarded: readonly string[];
}
export interface Config {
  readonly daemon: DaemonConfig;
  readonly interfaces: readonly InterfaceConfig[];
  readonly servers: readonly ServerConfig[];
  readonly users: readonly UserConfig[];
  readonly radius: readonly RadiusConfig[];
  /** By name (UCI: one invalid section does not stop the others). */
  readonly broken: ReadonlyMap<string, Broken>;
  /** Interfaces that netifd's own option `disabled` turns off. */
  readonly disabled: readonly string[];
  /** Sections as written, to detect what a reload changes. Holds secrets: never print it. */
  readonly raw: ReadonlyMap<string, string>;
}
