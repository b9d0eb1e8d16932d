// Everything the daemon reports. One union feeds the log, the control socket, ubus, netifd and the tests.
import type { Layer } from "./errors.ts";

export type LinkState = "down" | "dialing" | "ike" | "l2tp" | "ppp" | "up" | "stopping";

/**
 * `link` is the name of the interface or server section; "" where a datagram belongs to none. `link.ipv6` has "" for an
 * end of IPv6.
 */
export type Event =
  | { kind: "daemon.ready"; link: ""; version: string; runtime: string; ciphers: string }
  | { kind: "daemon.stopping"; link: ""; why: string }
  | { kind: "daemon.warning"; link: string; text: string }
  | { kind: "daemon.reloaded"; link: ""; changed: string }
  | { kind: "network.restored"; link: ""; what: string }
  | { kind: "daemon.fault"; link: string; where: string; text: string; stack: string }
  | { kind: "link.state"; link: string; state: LinkState }
  | { kind: "link.up"; link: string; ifname: string; local: string; remote: string; dns: readonly string[] }
  | { kind: "link.ipv6"; link: string; local: string }
  | { kind: "link.bridged"; link: string; ifname: string; bridge: string; mtu: number }
  | { kind: "link.mtu"; link: string; mtu: number; source: string }
  | { kind: "link.standby"; link: string; ifname: string }
  | { kind: "link.backup"; link: string; text: string }
  | { kind: "link.down"; link: string; layer: Layer; code: string; text: string }
  | { kind: "link.retry"; link: string; inSeconds: number }
  | { kind: "ike.started"; link: string; peer: string; role: "initiator" | "responder" }
  | { kind: "ike.up"; link: string; peer: string; peerId: string; proposal: string; nat: string }
  | { kind: "ike.rekeyed"; link: string; peer: string; what: "isakmp" | "esp" }
  | { kind: "ike.mapping"; link: string; peer: string; was: string }
  | { kind: "ike.failed"; link: string; peer: string; code: string; text: string }
  | { kind: "ike.down"; link: string; peer: string; why: string }
  | {
      kind: "esp.up";
      link: string;
      peer: string;
      proposal: string;
      encap: "udp" | "esp";
      spiIn: number;
      spiOut: number;
    }
  | { kind: "esp.lost"; link: string; peer: string }
  | { kind: "esp.down"; link: string; peer: string; spiIn: number; why: string }
  | { kind: "modem.step"; link: string; step: string; sent: string }
  | { kind: "modem.answer"; link: string; step: string; received: string }
  | { kind: "modem.ring"; link: string }
  | { kind: "modem.connected"; link: string; phone: string; speed: number; answer: string }
  | { kind: "modem.hung-up"; link: string }
  | { kind: "l2tp.tunnel-up"; link: string; tunnel: number; peerTunnel: number; peerHost: string; peerVendor: string }
  | { kind: "l2tp.tunnel-down"; link: string; tunnel: number; code: string; text: string }
  | { kind: "l2tp.call-up"; link: string; tunnel: number; call: number; peerCall: number }
  | { kind: "l2tp.call-down"; link: string; tunnel: number; call: number; code: string; text: string }
  | { kind: "l2tp.wen"; link: string; call: number; errors: string }
  | { kind: "ppp.lcp-up"; link: string; mru: number; peerMru: number; auth: string }
  | { kind: "ppp.multilink"; link: string; mrru: number; peerMrru: number }
  | { kind: "ppp.bundle"; link: string; user: string; links: number }
  | { kind: "ppp.auth"; link: string; user: string; method: string; ok: boolean; text: string }
  | { kind: "ppp.ipcp-up"; link: string; local: string; remote: string }
  | { kind: "ppp.ccp-up"; link: string; sending: string; receiving: string }
  | { kind: "ppp.identification"; link: string; text: string }
  | { kind: "ppp.proxied"; link: string; text: string }
  | { kind: "ppp.rejected"; link: string; what: string }
  | { kind: "session.up"; link: string; user: string; ip: string; peer: string; session: number }
  | {
      kind: "session.down";
      link: string;
      user: string;
      ip: string;
      peer: string;
      session: number;
      seconds: number;
      rxBytes: number;
      txBytes: number;
      code: string;
      text: string;
    }
  | { kind: "peer.bad"; link: string; layer: string; peer: string; what: string };

export interface EventLog {
  emit(e: Event): void;
}

export type Level = "error" | "warn" | "notice" | "info" | "debug";
export const LEVELS: readonly Level[] = ["error", "warn", "notice", "info", "debug"];
const LEVEL: Readonly<Record<Event["kind"], Level>> = {
  "daemon.ready": "notice",
  "daemon.stopping": "notice",
  "daemon.warning": "warn",
  "daemon.reloaded": "notice",
  "network.restored": "warn",
  "daemon.fault": "error",
  "link.state": "debug",
  "link.up": "notice",
  "link.ipv6": "info",
  "link.bridged": "notice",
  "link.mtu": "notice",
  "link.standby": "info",
  "link.backup": "notice",
  "link.down": "warn",
  "link.retry": "info",
  "ike.started": "info",
  "ike.up": "info",
  "ike.rekeyed": "info",
  "ike.mapping": "notice",
  "ike.failed": "warn",
  "ike.down": "info",
  "esp.up": "info",
  "esp.lost": "warn",
  "esp.down": "info",
  "modem.step": "debug",
  "modem.answer": "debug",
  "modem.ring": "info",
  "modem.connected": "info",
  "modem.hung-up": "info",
  "l2tp.tunnel-up": "info",
  "l2tp.tunnel-down": "info",
  "l2tp.call-up": "info",
  "l2tp.call-down": "info",
  "l2tp.wen": "warn",
  "ppp.lcp-up": "info",
  "ppp.multilink": "info",
  "ppp.bundle": "info",
  "ppp.auth": "info",
  "ppp.ipcp-up": "info",
  "ppp.ccp-up": "info",
  "ppp.identification": "debug",
  "ppp.proxied": "info",
  "ppp.rejected": "debug",
  "session.up": "notice",
  "session.down": "notice",
  "peer.bad": "info",
};
export function levelOf(e: Event): Level {
  return e.kind === "ppp.auth" && !e.ok ? "notice" : LEVEL[e.kind];
}

/**
 * Most UTF-16 units of a field that a peer may have chosen as a whole, and of a sentence of ours: the peer's words in
 * that are cut already.
 */
const PEER_MOST = 128;
export const SENTENCE_MOST = 1500;
const SENTENCES: ReadonlySet<string> = new Set(["text", "why", "what", "changed", "errors", "stack"]);
const LINE_MOST = 2000;

/**
 * Text that may hold anything: in quotes, one line, printable ASCII, at most `most` UTF-16 units of it. The only place
 * that escapes.
 */
export function quote(s: string, most = PEER_MOST): string {
  return JSON.stringify(s.slice(0, most)).replace(
    /[^\x20-\x7e]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** One line for the log, of 2,000 characters at most: `info hq: l2tp.tunnel-up tunnel=7 peerHost="lns"`. */
export function line(e: Event): string {
  const { kind, link, ...rest } = e;
  const fields = Object.entries(rest).map(([k, v]) => {
    const most = SENTENCES.has(k) ? SENTENCE_MOST : PEER_MOST;
    if (typeof v === "string") return `${k}=${quote(v, most)}`;
    return `${k}=${Array.isArray(v) ? quote(v.join(" ")) : String(v)}`;
  });
  const whole = [`${levelOf(e)} ${link === "" ? "daemon" : link}: ${kind}`, ...fields].join(" ");
  return whole.length <= LINE_MOST ? whole : `${whole.slice(0, LINE_MOST - 3)}...`;
}
