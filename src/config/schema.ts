// Every option of every section, once: type, default, words. The configuration file, UCI, the reference and the forms
// of a router all follow from these tables (scripts/generate.mjs).
import { AUTH_METHODS, common, eapTls, ipsec, l2tp } from "./common.ts";
import type { SerialConfig } from "./nasdial.ts";
import { type Named, optional, required, type ValuesOf, withDefault } from "./option.ts";
import * as k from "./options.ts";

export const DAEMON = {
  control: withDefault(k.text(107), "/var/run/l2tpsec.sock", {
    tab: "general",
    title: "Control socket",
    help: "UNIX socket of the control API.",
  }),
  log: withDefault(k.oneOf("error", "warn", "notice", "info", "debug"), "info", {
    tab: "general",
    title: "Log level",
    help: "The least important events that are logged.",
  }),
  ubus: withDefault(k.ubus, "auto", {
    tab: "general",
    title: "ubus",
    help:
      "OpenWrt's bus: the object l2tpsec, and netifd's view of the links. auto: /var/run/ubus/ubus.sock, " +
      "with --config FILE only where that is at the start.",
  }),
} as const;

export const CLIENT = {
  proto: required(k.oneOf("l2tpsec"), { tab: null, title: "proto", help: "The kind of interface." }),
  server: required(k.server, {
    tab: "general",
    title: "Server",
    help: "Name or address of the server, with :port where L2TP does not listen on 1701.",
  }),
  username: optional(k.text(), { tab: "general", title: "User name", help: "PPP user name." }),
  password: optional(k.secret, { tab: "general", title: "Password", help: "PPP password." }),
  ...ipsec,
  ...l2tp,
  auto: common.auto,
  ifname: optional(k.ifname, {
    tab: "routing",
    title: "Device name",
    uci: "pppname",
    help: "Name of the netdev. Default: l2tps-NAME.",
  }),
  routes: common.routes,
  defaultroute: withDefault(k.yesNo, "no", {
    tab: "routing",
    title: "Default route",
    help: "Route everything into the link, with ipv6 IPv6 too; the server itself stays outside.",
  }),
  killswitch: withDefault(k.oneOf("routes", "all", "off"), "routes", {
    tab: "advanced",
    title: "Kill switch",
    help:
      "What is refused here while the link is wanted and not up, instead of leaving in the clear. routes: " +
      "packets to its routes. all: everything that a default route would carry, of IPv4 and IPv6 (IPv6 as long as " +
      "the link does not carry it). off: nothing.",
  }),
  metric: common.metric,
  peerdns: common.peerdns,
  ipv6: common.ipv6,
  refuse_pap: withDefault(k.yesNo, "yes", {
    tab: "ppp",
    title: "Refuse PAP",
    help: "Never send the password with PAP, which shows it to whoever holds the pre-shared key.",
  }),
  allow_pap_in_clear: withDefault(k.yesNo, "no", {
    tab: "ppp",
    title: "PAP in the clear",
    when: { ipsec: "off" },
    help:
      "With ipsec = off and refuse_pap = no: PAP may send the password where everybody on its way can read " + "it.",
  }),
  refuse_chap: common.refuse_chap,
  refuse_mschapv2: common.refuse_mschapv2,
  refuse_eap: withDefault(k.yesNo, "yes", {
    tab: "ppp",
    title: "Refuse EAP",
    help:
      "Do not answer to EAP (MD5 and MS-CHAPv2 inside of it): servers that ask for it first take MS-CHAPv2 " +
      "as well.",
  }),
  ...eapTls,
  source_port: withDefault(k.integer(0, 65535), "1701", {
    tab: "l2tp",
    title: "Source port",
    help: "Our L2TP UDP port; 0: an ephemeral one.",
  }),
  call: withDefault(k.oneOf("incoming", "outgoing"), "incoming", {
    tab: "l2tp",
    title: "Call direction",
    help:
      "incoming: we announce a call (ICRQ), as all L2TP clients do. outgoing: we ask the peer to place one " +
      "(OCRQ).",
  }),
  reconnect_min: withDefault(k.integer(1, 3600, "seconds"), "2", {
    tab: "l2tp",
    title: "Shortest pause",
    help: "First pause before a new attempt.",
  }),
  reconnect_max: withDefault(k.integer(1, 86400, "seconds"), "120", {
    tab: "l2tp",
    title: "Longest pause",
    help:
      "Longest pause between attempts, but 300 after a wrong password where that is longer. There is no " +
      "last attempt.",
  }),
} as const;

export const SERVER = {
  listen: optional(k.address, {
    tab: "general",
    title: "Listen address",
    help: "Our address that clients call. Default: every address.",
  }),
  ...ipsec,
  ...l2tp,
  ifname: optional(k.ifname, {
    tab: "routing",
    title: "Device name",
    help: "Name of the netdev of all sessions. Default: l2tps-NAME.",
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
    help: "DNS servers told to clients; the first two count.",
  }),
  wins: optional(k.addresses4, {
    tab: "general",
    title: "WINS servers",
    help: "WINS servers told to clients; the first two count.",
  }),
  ipv6: withDefault(k.yesNo, "no", {
    tab: "general",
    title: "IPv6",
    help:
      "IPv6 for users who ask for it (IPV6CP): link-local addresses, and the IPv6 networks among their " + "routes.",
  }),
  auth: withDefault(k.someOf(...AUTH_METHODS), "mschapv2 chap", {
    tab: "ppp",
    title: "Authentication",
    help:
      "PPP authentication that is offered, best first. Inside EAP the same holds: MS-CHAPv2 if mschapv2 is " +
      "listed, MD5 if chap is; eap without either is with MS-CHAPv2.",
  }),
  allow_pap_in_clear: withDefault(k.yesNo, "no", {
    tab: "ppp",
    title: "PAP in the clear",
    when: { ipsec: "off" },
    help:
      "With ipsec = off: callers may be asked for PAP, although everybody on the way can read the passwords " +
      "then; otherwise pap in auth counts for nothing.",
  }),
  second_login: withDefault(k.oneOf("replace", "refuse"), "replace", {
    tab: "ppp",
    title: "Second login",
    help: "A user who is connected calls again: the new session replaces the old one, or is refused.",
  }),
  max_sessions: withDefault(k.integer(1, 4096), "1000", {
    tab: "general",
    title: "Most sessions",
    help:
      "Most users connected at one time. Callers who have not said who they are do not count: they have 30 " +
      "s, and are 16 of one peer and 256 in all at the most.",
  }),
} as const;

export const USER = {
  username: optional(k.text(), {
    tab: "general",
    title: "User name",
    help: "Name to log in with. Default: the name of the section.",
  }),
  password: required(k.secret, { tab: "general", title: "Password", help: "PPP password." }),
  ip: optional(k.address4, { tab: "general", title: "Fixed address", help: "Fixed address of this user." }),
  routes: optional(k.networks, {
    tab: "general",
    title: "Networks behind the peer",
    help: "Networks behind this user (site to site); those of IPv6 where the server has ipv6 = yes.",
  }),
  server: optional(k.text(64), {
    tab: "general",
    title: "Server",
    help: "The server section this user may call. Default: all.",
  }),
} as const;

export const SECTIONS = { daemon: DAEMON, interface: CLIENT, server: SERVER, user: USER } as const;

export type DaemonConfig = ValuesOf<typeof DAEMON>;
export type ClientConfig = Named<ValuesOf<typeof CLIENT>>;
export type ServerConfig = Named<ValuesOf<typeof SERVER>>;
/** A link that this side brings up, told apart by `proto`. */
export type InterfaceConfig = ClientConfig | SerialConfig;
export type UserConfig = Named<ValuesOf<typeof USER>>;

/** An interface or server that is configured but cannot run. */
export interface Broken {
  readonly why: string;
  /** What would be blocked while it is wanted, as far as its section can be read. */
  readonly guarded: readonly string[];
}
export interface Config {
  readonly daemon: DaemonConfig;
  readonly interfaces: readonly InterfaceConfig[];
  readonly servers: readonly ServerConfig[];
  readonly users: readonly UserConfig[];
  /** By name (UCI: one wrong section does not stop the others). */
  readonly broken: ReadonlyMap<string, Broken>;
  /** Sections as they were written, for telling what a reload changes. Holds secrets: never print it. */
  readonly raw: ReadonlyMap<string, string>;
}
