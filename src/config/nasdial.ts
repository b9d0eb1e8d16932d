// Options of the NAS leg (proto = nasdial), as schema.ts has them for the other sections.
import * as k from "./options.ts";
import { CLIENT, type Named, optional, required, type ValuesOf, withDefault, AUTH_METHODS } from "./schema.ts";

const init = optional(k.text(120), "A further init string.");

export const NASDIAL = {
  proto: required(k.oneOf("nasdial"), "The kind of interface."),
  device: required(k.device, "The serial device of the modem, or of a null-modem cable."),
  baud: withDefault(k.integer(300, 4000000, "bits per second"), "115200", "Speed of the serial line."),
  flow: withDefault(k.oneOf("rtscts", "xonxoff", "none"), "rtscts", "Flow control of the serial line."),
  line: withDefault(k.oneOf("modem", "direct"), "modem", "modem: one that takes AT commands. direct: a null-modem cable, nothing is dialled."),
  role: withDefault(k.oneOf("dial", "answer"), "dial", "dial: call the NAS. answer: be one, for a caller from the user sections."),
  phone: optional(k.phones, "Numbers of the NAS, tried in turn; commas are pauses. *99# for mobile networks."),
  init: withDefault(k.text(120), "ATZ", "Init string, answered with OK before anything is dialled."),
  init2: init, init3: init, init4: init, init5: init, init6: init, init7: init, init8: init, init9: init,
  dial_command: withDefault(k.text(40), "ATDT", "What stands before the number: ATDT for tones, ATDP for pulses."),
  apn: optional(k.apn, "Access point of a mobile network (AT+CGDCONT)."),
  pin: optional(k.secret, "PIN of the SIM card. It is given once and never tried again by itself."),
  username: optional(k.text(), "User name, for a login prompt and for PPP."),
  password: optional(k.secret, "Password."),
  login: withDefault(k.oneOf("auto", "none", "windows"), "auto", "Between CONNECT and PPP. auto: answer a login prompt, if there is one. none: PPP at once. windows: say CLIENT and wait for CLIENTSERVER, with line = direct."),
  chat: optional(k.text(4096), `A script of chat(8) instead: expect and send in turn, with its escapes; \${username} and \${password} stand for the options.`),
  carrier_check: withDefault(k.yesNo, "yes", "After CONNECT the carrier wire must be on, where there is one."),
  command_timeout: withDefault(k.integer(1, 60, "seconds"), "5", "For the answer to an AT command."),
  connect_timeout: withDefault(k.integer(5, 300, "seconds"), "60", "From dialling to CONNECT."),
  rings: withDefault(k.integer(1, 20), "1", "role = answer: how often it rings."),
  dial_attempts: withDefault(k.integer(0, 1000), "0", "Rounds through all numbers before the link gives up; 0: it never does."),
  redial_pause: withDefault(k.integer(0, 3600, "seconds"), "10", "No number is called again before, whatever else is due."),
  reconnect_min: withDefault(k.integer(1, 3600, "seconds"), "5", "First pause after a round."),
  reconnect_max: withDefault(k.integer(1, 86400, "seconds"), "300", "Longest pause after a round."),
  idle_timeout: withDefault(k.integer(0, 86400, "seconds"), "0", "Hang up after so long without an IP packet either way; 0: never. With demand the next packet dials again, without it the link waits for `up`."),
  demand: withDefault(k.yesNo, "no", "Dial when there is a packet for the link: its netdev and routes are there from the start."),
  hold: optional(k.dayTimes, "Daily times in which the link stays down, by the local clock; a call is ended. While the clock is not set they do not count."),
  keepalive: CLIENT.keepalive,
  mtu: withDefault(k.integer(576, 1500, "bytes"), "1500", "MTU of the netdev, and what PPP asks for."),
  auto: CLIENT.auto,
  ifname: optional(k.ifname, "Name of the netdev. Default: nas-NAME."),
  routes: CLIENT.routes,
  defaultroute: withDefault(k.yesNo, "no", "Route everything into the link."),
  metric: CLIENT.metric,
  peerdns: CLIENT.peerdns,
  refuse_pap: CLIENT.refuse_pap,
  refuse_chap: CLIENT.refuse_chap,
  refuse_mschapv2: CLIENT.refuse_mschapv2,
  refuse_eap: withDefault(k.yesNo, "no", "Do not answer to EAP (MD5 and MS-CHAPv2 inside of it)."),
  auth: withDefault(k.someOf(...AUTH_METHODS), "mschapv2 chap", "role = answer: PPP authentication that is offered, best first."),
  local_ip: optional(k.address4, "role = answer: our address on the line."),
  remote_ip: optional(k.address4, "role = answer: the caller's address, where its user section gives none."),
  dns: optional(k.addresses4, "role = answer: DNS servers told to the caller."),
} as const;

export type NasConfig = Named<ValuesOf<typeof NASDIAL>>;
