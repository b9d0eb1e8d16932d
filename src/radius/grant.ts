// What an Access-Accept gives to a user (RFC 2865, 2869, 3162, 4818), and what a CoA-Request may change of it.
import { parsePrefix } from "../core/addr.ts";
import { DecodeError } from "../core/errors.ts";
import { wordsOf } from "../core/text.ts";
import { inQuotes, printable } from "../core/words.ts";
import type { Attributes } from "./attributes.ts";

/** What may change while a session lasts. */
export interface Limits {
  /** Seconds; null: none. */
  readonly sessionTimeout: number | null;
  readonly idleTimeout: number | null;
  /** Seconds between accounting's interim updates; null: as configured. */
  readonly interim: number | null;
  /** For people: nothing is filtered by it. */
  readonly filter: string | null;
  readonly rate: Rate | null;
}
/** Bits a second from the user and to the user, 0: any number; and in RADIUS's words. */
export interface Rate {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}
export interface Grant extends Limits {
  /** What accounting calls the user, where that is not the name at login. */
  readonly user: string | null;
  /** Null: from the pool. */
  readonly ip: string | null;
  /** The name of a pool; null: the server's own one. */
  readonly pool: string | null;
  /** Networks behind the user, canonical. */
  readonly routes: readonly string[];
  /** Framed-IPv6-Prefix and Delegated-IPv6-Prefix, canonical. */
  readonly prefixes6: readonly string[];
  readonly delegated6: readonly string[];
  /** Links of a Multilink bundle; null: as configured. */
  readonly ports: number | null;
  /** To be repeated in accounting, unchanged. */
  readonly classes: readonly Uint8Array[];
}

const FRAMED = 2;
const PPP = 1;
/** RFC 2865 §5.8: the user, or this side, chooses the address. A user's own choice is not listened to. */
const CHOSEN = ["255.255.255.255", "255.255.255.254"];
/** RFC 2869 §5.16: less than a minute is too much for everybody. */
const LEAST_INTERIM = 60;

/** Throws DecodeError with what is wrong in `what`. Values are copied. */
export function grantOf(a: Attributes): Grant {
  const service = a.get("Service-Type") ?? FRAMED;
  const protocol = a.get("Framed-Protocol") ?? PPP;
  // RFC 2865 §5.6: what this side does not offer is a refusal
  if (service !== FRAMED || protocol !== PPP)
    throw new DecodeError("bad-value", `Service-Type ${service}, Framed-Protocol ${protocol} is not PPP`, 0);
  const ip = a.get("Framed-IP-Address");
  return {
    ...limitsOf(a),
    user: a.get("User-Name"),
    ip: ip === null || CHOSEN.includes(ip) ? null : ip,
    pool: a.get("Framed-Pool"),
    routes: a.all("Framed-Route").map(routeOf),
    prefixes6: a.all("Framed-IPv6-Prefix"),
    delegated6: a.all("Delegated-IPv6-Prefix"),
    ports: a.get("Port-Limit"),
    classes: a.all("Class").map((c) => c.slice()),
  };
}
export function limitsOf(a: Attributes): Limits {
  const interim = a.get("Acct-Interim-Interval");
  const filters = a.all("Filter-Id");
  return {
    sessionTimeout: a.get("Session-Timeout"),
    idleTimeout: a.get("Idle-Timeout"),
    interim: interim === null ? null : Math.max(interim, LEAST_INTERIM),
    filter: filters.length === 0 ? null : printable(filters.join(" ")),
    rate: rateOf(a),
  };
}
/** Both attributes see a rate from this side: rx, or "up", is what the user sends. */
function rateOf(a: Attributes): Rate | null {
  const mikrotik = a.get("Mikrotik-Rate-Limit");
  if (mikrotik !== null) {
    // "RX[/TX] ...": bursts and priorities behind them are not for us
    const [rx = "", tx = rx] = (mikrotik.trim().split(" ")[0] ?? "").split("/");
    return { from: bits(rx), to: bits(tx), text: printable(mikrotik) };
  }
  const up = a.get("WISPr-Bandwidth-Max-Up");
  const down = a.get("WISPr-Bandwidth-Max-Down");
  if (up === null && down === null) return null;
  return { from: up ?? 0, to: down ?? 0, text: `${up ?? "-"}/${down ?? "-"} bit/s` };
}
/** "10M" and the like. Throws DecodeError: a limit that is not understood is not none. */
function bits(text: string): number {
  const [, n, unit = ""] = /^(\d{1,12})([kMG]?)$/i.exec(text) ?? [];
  if (n === undefined) throw new DecodeError("bad-value", `Mikrotik-Rate-Limit ${inQuotes(text)}`, 0);
  return Math.min(Number(n) * 1000 ** " kmg".indexOf(unit.toLowerCase() || " "), 1e12);
}
/** Of a network by the first byte of its address. */
const CLASSES = [
  [128, 8],
  [192, 16],
] as const;
/** "NETWORK/LENGTH GATEWAY METRIC..." (RFC 2865 §5.22): the gateway is the user. Without a length that of its class. */
function routeOf(text: string): string {
  const [network = ""] = wordsOf(text);
  const [, first] = /^(\d+)\.[\d.]+$/.exec(network) ?? [];
  const length = CLASSES.find(([below]) => Number(first) < below)?.[1];
  const p = parsePrefix(first === undefined ? network : `${network}/${length ?? 24}`);
  if (!p) throw new DecodeError("bad-value", `Framed-Route ${inQuotes(text)}`, 0);
  return `${p.address}/${p.length}`;
}
