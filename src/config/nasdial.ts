// Options of an interface with proto = nasdial: a modem or a null-modem cable.
import { AUTH_METHODS, common, eapTls, l2tp, TRAFFIC } from "./common.ts";
import { type Named, optional, required, type ValuesOf, withDefault } from "./option.ts";
import * as k from "./options.ts";

export const NASDIAL = {
  proto: required(k.oneOf("nasdial"), { tab: null, title: "proto", help: "The kind of interface." }),
  device: required(k.device, {
    tab: "general",
    title: "Serial device",
    offer: "serial",
    help: "The serial device of the modem, or of a null-modem cable.",
  }),
  baud: withDefault(k.integer(300, 4000000, "bits per second"), "115200", {
    tab: "advanced",
    title: "Line speed",
    help: "Speed of the serial line.",
  }),
  flow: withDefault(k.oneOf("rtscts", "xonxoff", "none"), "rtscts", {
    tab: "advanced",
    title: "Flow control",
    help: "Flow control of the serial line.",
  }),
  line: withDefault(k.oneOf("modem", "direct"), "modem", {
    tab: "general",
    title: "Line",
    help: "modem: a modem with AT commands. direct: a null-modem cable, without dialling.",
  }),
  role: withDefault(k.oneOf("dial", "answer"), "dial", {
    tab: "general",
    title: "Role",
    help: "dial: call a NAS. answer: be the NAS, for callers listed in the user sections.",
  }),
  phone: optional(k.phones, {
    tab: "general",
    title: "Telephone numbers",
    when: { role: "dial", line: "modem" },
    help: "Telephone numbers of the NAS, tried in turn. A comma is a pause. Mobile networks use *99#.",
  }),
  init: withDefault(k.lines(120), "ATZ", {
    tab: "advanced",
    title: "Init strings",
    help:
      "Init strings, sent before dialling; the modem must answer each with OK. Repeat the option for several " +
      "strings.",
    mayHoldSecret: true,
    formerly: ["init2", "init3", "init4", "init5", "init6", "init7", "init8", "init9"],
  }),
  dial_command: withDefault(k.text(40), "ATDT", {
    tab: "advanced",
    title: "Dial command",
    when: { role: "dial", line: "modem" },
    help: "Command before the number: ATDT for tone dialling, ATDP for pulse dialling.",
  }),
  apn: optional(k.apn, {
    tab: "general",
    title: "Access point (APN)",
    when: { role: "dial", line: "modem" },
    help: "Access point of a mobile network (AT+CGDCONT).",
  }),
  pin: optional(k.secret, {
    tab: "general",
    title: "PIN",
    help: "PIN of the SIM card. It is sent once; a rejected PIN is not retried automatically.",
  }),
  username: optional(k.text(), {
    tab: "general",
    title: "User name",
    when: { role: "dial" },
    help: "User name, for a login prompt and for PPP.",
  }),
  password: optional(k.secret, { tab: "general", title: "Password", when: { role: "dial" }, help: "Password." }),
  new_password: { ...common.new_password, when: { role: "dial" } },
  login: withDefault(k.oneOf("auto", "none", "windows"), "auto", {
    tab: "advanced",
    title: "Login prompt",
    help:
      "What happens between CONNECT and PPP. auto: answer a login prompt, if there is one. none: start PPP at " +
      "once. windows: send CLIENT and wait for CLIENTSERVER, with line = direct.",
  }),
  chat: optional(k.text(4096), {
    tab: "expert",
    title: "Chat script",
    help:
      "A chat(8) script instead of login: expect and send strings in turn, with chat's escapes; " +
      `\${username} and \${password} stand for the options.`,
    mayHoldSecret: true,
  }),
  carrier_check: withDefault(k.yesNo, "yes", {
    tab: "advanced",
    title: "Check the carrier",
    help: "Require the carrier signal after CONNECT, if the device reports it.",
  }),
  command_timeout: withDefault(k.integer(1, 60, "seconds"), "5", {
    tab: "advanced",
    title: "Command timeout",
    help: "How long to wait for the answer to an AT command.",
  }),
  connect_timeout: withDefault(k.integer(5, 300, "seconds"), "60", {
    tab: "advanced",
    title: "Connect timeout",
    when: { role: "dial", line: "modem" },
    help: "How long to wait for CONNECT after dialling.",
  }),
  rings: withDefault(k.integer(1, 20), "1", {
    tab: "advanced",
    title: "Rings",
    when: { role: "answer" },
    help: "role = answer: number of rings before the modem answers.",
  }),
  dial_attempts: withDefault(k.integer(0, 1000), "0", {
    tab: "advanced",
    title: "Dialling rounds",
    when: { role: "dial", line: "modem" },
    help: "Number of rounds through all telephone numbers before the link gives up; 0: never give up.",
  }),
  redial_pause: withDefault(k.integer(0, 3600, "seconds"), "10", {
    tab: "advanced",
    title: "Redial pause",
    when: { role: "dial", line: "modem" },
    help: "Minimum time before the same number is dialled again.",
  }),
  reconnect_min: withDefault(k.integer(1, 3600, "seconds"), "5", {
    tab: "advanced",
    title: "Shortest pause",
    help: "Pause after the first round. Later pauses are longer.",
  }),
  reconnect_max: withDefault(k.integer(1, 86400, "seconds"), "300", {
    tab: "advanced",
    title: "Longest pause",
    help: "Longest pause after a round.",
  }),
  idle_timeout: withDefault(k.integer(0, 86400, "seconds"), "0", {
    tab: "advanced",
    title: "Idle timeout",
    help:
      "Hang up after this long without an IP packet in either direction; 0: never. With demand, the next " +
      "packet dials again; without it, the link stays down until `up`.",
  }),
  demand: withDefault(k.yesNo, "no", {
    tab: "advanced",
    title: "Dial on demand",
    when: { role: "dial" },
    help: "Dial when there is a packet for the link. The netdev and its routes exist from the start.",
  }),
  hold: optional(k.dayTimes, {
    tab: "advanced",
    title: "Hold",
    help:
      "Daily periods, in local time, during which the link stays down; a call in progress is ended. They are " +
      "ignored while the clock is not set.",
  }),
  keepalive: l2tp.keepalive,
  mtu: withDefault(k.integer(576, 1500, "bytes"), "1500", {
    tab: "advanced",
    title: "MTU",
    help: "MTU of the netdev, and the MRU that PPP requests.",
  }),
  auto: common.auto,
  fallback_for: { ...common.fallback_for, when: { role: "dial" } },
  fallback_after: { ...common.fallback_after, when: { role: "dial" } },
  fallback_hold: { ...common.fallback_hold, when: { role: "dial" } },
  ifname: optional(k.ifname, {
    tab: "advanced",
    title: "Device name",
    uci: "pppname",
    help: "Name of the netdev. Default: nas-NAME.",
  }),
  defaultroute: withDefault(k.yesNo, "no", {
    tab: "general",
    title: "Traffic into the link",
    when: { role: "dial" },
    labels: TRAFFIC,
    help: "Route all traffic into the link, with ipv6 also IPv6.",
  }),
  routes: common.routes,
  metric: common.metric,
  peerdns: common.peerdns,
  refuse_pap: withDefault(k.yesNo, "no", {
    tab: "security",
    title: "Refuse PAP",
    help: "Never send the password with PAP.",
  }),
  allow_pap_in_clear: withDefault(k.yesNo, "no", {
    tab: "security",
    title: "PAP in the clear",
    help:
      "Allow PAP, which sends the password over the line unencrypted; with role = answer, callers may be asked " +
      "to use it.",
  }),
  refuse_chap: common.refuse_chap,
  refuse_mschapv2: common.refuse_mschapv2,
  refuse_eap: withDefault(k.yesNo, "no", {
    tab: "security",
    title: "Refuse EAP",
    help: "Do not authenticate with EAP (EAP-MD5 and EAP-MSCHAPv2).",
  }),
  eap_ca: eapTls.eap_ca,
  eap_cert: eapTls.eap_cert,
  eap_key: eapTls.eap_key,
  eap_server_name: eapTls.eap_server_name,
  ipv6: common.ipv6,
  vj: withDefault(k.yesNo, "yes", {
    tab: "expert",
    title: "Header compression",
    help: "Van Jacobson header compression (RFC 1144), if the peer supports it.",
  }),
  deflate: withDefault(k.yesNo, "yes", {
    tab: "expert",
    title: "Deflate",
    help: "Compress packets with Deflate (RFC 1979), if the peer supports it and zlib is installed.",
  }),
  bsdcomp: withDefault(k.yesNo, "yes", {
    tab: "expert",
    title: "BSD-Compress",
    help: "Compress packets with BSD-Compress (RFC 1977) if Deflate is not available.",
  }),
  mppc: withDefault(k.yesNo, "no", {
    tab: "expert",
    title: "MPPC",
    help: "Compress packets with MPPC (RFC 2118), for a peer that supports nothing else; alone or with MPPE.",
  }),
  mrru: optional(k.integer(1500, 1800, "bytes"), {
    tab: "expert",
    title: "Multilink (MRRU)",
    help: "Multilink (RFC 1990) over this one line: with a peer that has it too, packets up to this length pass.",
  }),
  mppe: withDefault(k.oneOf("no", "128", "56", "40"), "no", {
    tab: "expert",
    title: "MPPE encryption",
    help:
      "Require MPPE (RFC 3078, keys from MS-CHAP), for a peer that insists on it. The value is the minimum key " +
      "length; 128 bits are used if the peer supports them. The call fails without MPPE. RC4 is weak, and a " +
      "tunnel with IPsec does not need it.",
  }),
  auth: withDefault(k.someOf(...AUTH_METHODS), "mschapv2 chap", {
    tab: "security",
    title: "Authentication",
    when: { role: "answer" },
    help:
      "role = answer: PPP authentication methods that are offered, in order of preference. EAP uses MS-CHAPv2 " +
      "if mschapv2 is listed, and MD5 if chap is; eap without either of them uses MS-CHAPv2.",
  }),
  local_ip: optional(k.address4, {
    tab: "general",
    title: "Local IP address",
    when: { role: "answer" },
    help: "role = answer: our address on the line.",
  }),
  remote_ip: optional(k.address4, {
    tab: "general",
    title: "Address of the caller",
    when: { role: "answer" },
    help: "role = answer: the caller's address, unless its user section has one.",
  }),
  dns: optional(k.addresses4, {
    tab: "general",
    title: "DNS servers of the caller",
    uci: "ms_dns",
    when: { role: "answer" },
    help: "role = answer: DNS servers for the caller.",
  }),
} as const;

export type SerialConfig = Named<ValuesOf<typeof NASDIAL>>;
