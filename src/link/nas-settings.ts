// From a nasdial section to what modem and PPP want to know. No state here.

import { defaultRoutes, nasDevice } from "../config/cross.ts";
import type { NasConfig } from "../config/nasdial.ts";
import { type Failure, failure } from "../core/failures.ts";
import type { IpConfig } from "../dataplane/dataplane.ts";
import type { AnswerConfig } from "../modem/answerer.ts";
import { parseChat } from "../modem/chat.ts";
import type { DialConfig } from "../modem/dialer.ts";
import type { Host } from "../ports/ports.ts";
import type { PppConfig } from "../ppp/api.ts";
import type { EapTlsCredentials } from "../ppp/auth/eap-tls.ts";
import { coding, identityOf, refused, required, withMetric } from "./settings.ts";

/** XON and XOFF, which the line takes for itself with software flow control. */
const XONXOFF = 0x000a_0000;

function inits(c: NasConfig): readonly string[] {
  return c.line === "direct" ? [] : c.init;
}

/** Or what is wrong with the chat script. */
export function dialSettings(c: NasConfig, phone: string | null, pinSpent: boolean): DialConfig | Failure {
  let login: DialConfig["login"] = c.line === "direct" && c.login === "auto" ? "none" : c.login;
  if (c.chat !== null) {
    const script = parseChat(c.chat, {
      phone: phone ?? "",
      phone2: c.phone?.[1] ?? "",
      username: c.username ?? "",
      password: c.password,
    });
    if (typeof script === "string") return failure("chat", `the chat script ${script}`);
    login = script;
  }
  return {
    init: inits(c),
    pin: c.line === "direct" ? null : c.pin,
    pinSpent,
    apn: c.line === "direct" ? null : c.apn,
    dialCommand: c.dial_command,
    phone: c.line === "direct" ? null : phone,
    login,
    identity: identityOf(c, null),
    carrierCheck: c.carrier_check,
    commandMs: c.command_timeout * 1000,
    connectMs: c.connect_timeout * 1000,
    loginMs: 45_000,
  };
}
export function answerSettings(c: NasConfig): AnswerConfig {
  return {
    modem: c.line === "modem",
    init: inits(c),
    rings: c.rings,
    commandMs: c.command_timeout * 1000,
    connectMs: c.connect_timeout * 1000,
  };
}

function network(c: NasConfig): Pick<PppConfig, "ipv6" | "compression" | "mppe"> {
  return { ipv6: c.ipv6 !== "no", ...coding(c) };
}
export function pppCaller(c: NasConfig, host: Host, eapTls: EapTlsCredentials | null): PppConfig {
  return {
    link: c.name,
    role: "client",
    mru: c.mtu,
    hostName: host.hostname(),
    identity: identityOf(c, eapTls),
    eapTls,
    ...refused(c, eapTls),
    require: [],
    echo: c.keepalive,
    accm: c.flow === "xonxoff" ? XONXOFF : 0,
    ipcp: { local: null, remote: null, requestDns: c.peerdns, requestWins: c.peerdns },
    ...network(c),
  };
}
export function pppNas(c: NasConfig, host: Host): PppConfig {
  return {
    link: c.name,
    role: "server",
    mru: c.mtu,
    hostName: host.hostname(),
    identity: null,
    refuse: [],
    require: required(c),
    echo: c.keepalive,
    accm: c.flow === "xonxoff" ? XONXOFF : 0,
    ipcp: { local: c.local_ip, remote: null, requestDns: false },
    ...network(c),
  };
}

/** `more`: routes beside the section's own; null: routes are somebody else's business. */
export function netdevOf(
  c: NasConfig,
  to: Pick<IpConfig, "mtu" | "local4" | "peer4">,
  more: readonly string[] | null,
): IpConfig {
  const prefixes = more === null ? [] : [...(c.routes ?? []), ...more, ...defaultRoutes(c)];
  return {
    ifname: nasDevice(c),
    ...to,
    routes: prefixes.map((prefix) => withMetric(prefix, c.metric)),
    clampMss: true,
  };
}
