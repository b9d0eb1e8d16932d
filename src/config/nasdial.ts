// Options of an interface with proto = nasdial: a modem or a null-modem cable.
import { AUTH_METHODS, common, eapTls, l2tp } from "./common.ts";
import { type Named, optional, required, type ValuesOf, withDefault } from "./option.ts";
import * as k from "./options.ts";

export const NASDIAL = {
  proto: required(k.oneOf("nasdial"), { tab: null, title: "proto", help: "The kind of interface." }),
  device: required(k.device, {
    tab: "general",
    title: "Serial device",
    help: "The serial device of the modem, or of a null-modem cable.",
  }),
  baud: withDefault(k.integer(300, 4000000, "bits per second"), "115200", {
    tab: "modem",
    title: "Speed of the line",
    help: "Speed of the serial line.",
  }),
  flow: withDefault(k.oneOf("rtscts", "xonxoff", "none"), "rtscts", {
    tab: "modem",
    title: "Flow control",
    help: "Flow control of the serial line.",
  }),
  line: withDefault(k.oneOf("modem", "direct"), "modem", {
    tab: "general",
    title: "Line",
    help: "modem: one that takes AT commands. direct: a null-modem cable, nothing is dialled.",
  }),
  role: withDefault(k.oneOf("dial", "answer"), "dial", {
    tab: "general",
    title: "Role",
    help: "dial: call the NAS. answer: be one, for a caller from the user sections.",
  }),
  phone: optional(k.phones, {
    tab: "general",
    title: "Telephone numbers",
    when: { role: "dial", line: "modem" },
    help: "Numbers of the NAS, tried in turn; commas are pauses. *99# for mobile networks.",
  }),
  init: withDefault(k.lines(120), "ATZ", {
    tab: "modem",
    title: "Init strings",
    help: "Init strings, each answered with OK before anything is dialled; the option once for each.",
    mayHoldSecret: true,
    formerly: ["init2", "init3", "init4", "init5", "init6", "init7", "init8", "init9"],
  }),
  dial_command: withDefault(k.text(40), "ATDT", {
    tab: "modem",
    title: "Dial command",
    when: { role: "dial", line: "modem" },
    help: "What stands before the number: ATDT for tones, ATDP for pulses.",
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
    help: "PIN of the SIM card. It is given once and never tried again by itself.",
  }),
  username: optional(k.text(), {
    tab: "general",
    title: "User name",
    when: { role: "dial" },
    help: "User name, for a login prompt and for PPP.",
  }),
  password: optional(k.secret, { tab: "general", title: "Password", when: { role: "dial" }, help: "Password." }),
  login: withDefault(k.oneOf("auto", "none", "windows"), "auto", {
    tab: "modem",
    title: "Login prompt",
    help:
      "Between CONNECT and PPP. auto: answer a login prompt, if there is one. none: PPP at once. windows: " +
      "say CLIENT and wait for CLIENTSERVER, with line = direct.",
  }),
  chat: optional(k.text(4096), {
    tab: "modem",
    title: "Chat script",
    help:
      `A script of chat(8) instead: expect and send in turn, with its escapes; \${username} and \${password} ` +
      "stand for the options.",
    mayHoldSecret: true,
  }),
  carrier_check: withDefault(k.yesNo, "yes", {
    tab: "modem",
    title: "Check the carrier",
    help: "After CONNECT the carrier wire must be on, where there is one.",
  }),
  command_timeout: withDefault(k.integer(1, 60, "seconds"), "5", {
    tab: "modem",
    title: "Time for a command",
    help: "For the answer to an AT command.",
  }),
  connect_timeout: withDefault(k.integer(5, 300, "seconds"), "60", {
    tab: "modem",
    title: "Time to connect",
    when: { role: "dial", line: "modem" },
    help: "From dialling to CONNECT.",
  }),
  rings: withDefault(k.integer(1, 20), "1", {
    tab: "answer",
    title: "Rings",
    when: { role: "answer" },
    help: "role = answer: how often it rings.",
  }),
  dial_attempts: withDefault(k.integer(0, 1000), "0", {
    tab: "dialling",
    title: "Rounds of dialling",
    when: { role: "dial", line: "modem" },
    help: "Rounds through all numbers before the link gives up; 0: it never does.",
  }),
  redial_pause: withDefault(k.integer(0, 3600, "seconds"), "10", {
    tab: "dialling",
    title: "Pause of a number",
    when: { role: "dial", line: "modem" },
    help: "No number is called again before, whatever else is due.",
  }),
  reconnect_min: withDefault(k.integer(1, 3600, "seconds"), "5", {
    tab: "dialling",
    title: "Shortest pause",
    help: "First pause after a round.",
  }),
  reconnect_max: withDefault(k.integer(1, 86400, "seconds"), "300", {
    tab: "dialling",
    title: "Longest pause",
    help: "Longest pause after a round.",
  }),
  idle_timeout: withDefault(k.integer(0, 86400, "seconds"), "0", {
    tab: "dialling",
    title: "Idle time",
    help:
      "Hang up after so long without an IP packet either way; 0: never. With demand the next packet dials " +
      "again, without it the link waits for `up`.",
  }),
  demand: withDefault(k.yesNo, "no", {
    tab: "dialling",
    title: "Dial on demand",
    when: { role: "dial" },
    help: "Dial when there is a packet for the link: its netdev and routes are there from the start.",
  }),
  hold: optional(k.dayTimes, {
    tab: "dialling",
    title: "Hold",
    help:
      "Daily times in which the link stays down, by the local clock; a call is ended. While the clock is " +
      "not set they do not count.",
  }),
  keepalive: l2tp.keepalive,
  mtu: withDefault(k.integer(576, 1500, "bytes"), "1500", {
    tab: "ppp",
    title: "MTU",
    help: "MTU of the netdev, and what PPP asks for.",
  }),
  auto: common.auto,
  ifname: optional(k.ifname, {
    tab: "routing",
    title: "Device name",
    uci: "pppname",
    help: "Name of the netdev. Default: nas-NAME.",
  }),
  routes: common.routes,
  defaultroute: withDefault(k.yesNo, "no", {
    tab: "routing",
    title: "Default route",
    help: "Route everything into the link, with ipv6 IPv6 too.",
  }),
  metric: common.metric,
  peerdns: common.peerdns,
  refuse_pap: withDefault(k.yesNo, "no", {
    tab: "ppp",
    title: "Refuse PAP",
    help: "Never send the password with PAP.",
  }),
  allow_pap_in_clear: withDefault(k.yesNo, "no", {
    tab: "ppp",
    title: "PAP in the clear",
    help:
      "PAP may send the password on the line, where nothing hides it; with role = answer: callers may be " +
      "asked for it.",
  }),
  refuse_chap: common.refuse_chap,
  refuse_mschapv2: common.refuse_mschapv2,
  refuse_eap: withDefault(k.yesNo, "no", {
    tab: "ppp",
    title: "Refuse EAP",
    help: "Do not answer to EAP (MD5 and MS-CHAPv2 inside of it).",
  }),
  eap_ca: eapTls.eap_ca,
  eap_cert: eapTls.eap_cert,
  eap_key: eapTls.eap_key,
  eap_server_name: eapTls.eap_server_name,
  ipv6: common.ipv6,
  vj: withDefault(k.yesNo, "yes", {
    tab: "ppp",
    title: "Header compression",
    help: "Van Jacobson header compression (RFC 1144), where the other side has it.",
  }),
  deflate: withDefault(k.yesNo, "yes", {
    tab: "ppp",
    title: "Deflate",
    help: "Compress packets with Deflate (RFC 1979), where the other side and this machine (zlib) have it.",
  }),
  bsdcomp: withDefault(k.yesNo, "yes", {
    tab: "ppp",
    title: "BSD-Compress",
    help: "Compress packets with BSD-Compress (RFC 1977), where Deflate is not to be had.",
  }),
  mppc: withDefault(k.yesNo, "no", {
    tab: "ppp",
    title: "MPPC",
    help: "Compress packets with MPPC (RFC 2118), for a peer that has nothing else; alone or together with " + "MPPE.",
  }),
  mppe: withDefault(k.oneOf("no", "128", "56", "40"), "no", {
    tab: "ppp",
    title: "MPPE encryption",
    help:
      "Encrypt with MPPE (RFC 3078, keys from MS-CHAP) for a peer that insists on it: with so many bits at " +
      "least, 128 where the peer has them; the call ends without it. RC4 is weak: a tunnel with IPsec needs none.",
  }),
  auth: withDefault(k.someOf(...AUTH_METHODS), "mschapv2 chap", {
    tab: "answer",
    title: "Authentication",
    when: { role: "answer" },
    help:
      "role = answer: PPP authentication that is offered, best first. Inside EAP the same holds: MS-CHAPv2 " +
      "if mschapv2 is listed, MD5 if chap is; eap without either is with MS-CHAPv2.",
  }),
  local_ip: optional(k.address4, {
    tab: "answer",
    title: "Local IP address",
    when: { role: "answer" },
    help: "role = answer: our address on the line.",
  }),
  remote_ip: optional(k.address4, {
    tab: "answer",
    title: "Address of the caller",
    when: { role: "answer" },
    help: "role = answer: the caller's address, where its user section gives none.",
  }),
  dns: optional(k.addresses4, {
    tab: "answer",
    title: "DNS servers of the caller",
    uci: "ms_dns",
    when: { role: "answer" },
    help: "role = answer: DNS servers told to the caller.",
  }),
} as const;

export type SerialConfig = Named<ValuesOf<typeof NASDIAL>>;
