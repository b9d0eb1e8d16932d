// The control API: JSON, one object a line, over a UNIX socket.
//   -> {"id":1,"method":"status","params":{"name":"hq"}}
//   <- {"id":1,"result":{...}}   or   {"id":1,"error":{"code":"not-found","text":"..."}}
// After "capture": {"id":1,"piece":"0a0d0d0a..."} lines of a pcapng file in hexadecimal, then the result.
// After "events": {"event":{...}} until the client goes. After "doctor": {"id":1,"stage":{...}} lines, then the result.
import type { PeerWish } from "../config/peer.ts";
import { type Page, WHOLE } from "../link/status.ts";
import { type CaptureLimits, captureLimits } from "./capture.ts";

export type Method =
  | "status"
  | "up"
  | "down"
  | "reload"
  | "events"
  | "doctor"
  | "disconnect"
  | "capture"
  | "peer-config"
  | "metrics"
  | "radius-test";
export const METHODS: readonly Method[] = [
  "status",
  "up",
  "down",
  "reload",
  "events",
  "doctor",
  "disconnect",
  "capture",
  "peer-config",
  "metrics",
  "radius-test",
];

export interface Request {
  readonly id: number;
  readonly method: Method;
  readonly name: string | null;
  readonly session: number | null;
  /** Of a status; null: not what it takes. */
  readonly page: Page | null;
  /** Of metrics: a series for each user. */
  readonly users: boolean;
  /** Of a capture; null: not what it takes. */
  readonly limits: CaptureLimits | null;
  /** Of a radius-test; null: not what it takes. Holds a password. */
  readonly login: { readonly user: string; readonly password: string } | null;
  /** Of a peer-config; null: not what it takes. */
  readonly wish: PeerWish | null;
}
function pageOf({
  from = WHOLE.from,
  count = WHOLE.count,
  user = null,
}: Readonly<Record<string, unknown>>): Page | null {
  if (typeof from !== "number" || typeof count !== "number" || !(from >= 0) || !(count >= 0)) return null;
  if (user !== null && typeof user !== "string") return null;
  return { from: Math.floor(from), count: Math.floor(count), user };
}
/** What is not given is "". */
function peerWish(given: Readonly<Record<string, unknown>>): PeerWish | null {
  const out = { name: "", system: "", server: "", address: "", routes: "" };
  for (const key of Object.keys(out) as (keyof typeof out)[]) {
    const x = given[key] ?? "";
    if (typeof x !== "string") return null;
    out[key] = x;
  }
  return out;
}
export interface ApiError {
  /** internal: an error in the daemon, which it logs. */
  readonly code: "bad-request" | "not-found" | "failed" | "internal";
  readonly text: string;
}

/** The parsed request, or null when it is not a request. */
export function parseRequest(line: string): Request | null {
  let x: unknown;
  try {
    x = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof x !== "object" || x === null) return null;
  const { id, method, params } = x as { id?: unknown; method?: unknown; params?: unknown };
  if (typeof id !== "number" || !Number.isSafeInteger(id)) return null;
  const known = METHODS.find((m) => m === method);
  if (known === undefined) return null;
  const p = (typeof params === "object" && params !== null ? params : {}) as {
    name?: unknown;
    session?: unknown;
    users?: unknown;
    user?: unknown;
    from?: unknown;
    count?: unknown;
    password?: unknown;
  };
  if (p.name !== undefined && typeof p.name !== "string") return null;
  if (p.session !== undefined && typeof p.session !== "number") return null;
  return {
    id,
    method: known,
    name: p.name ?? null,
    session: p.session ?? null,
    page: known === "status" ? pageOf(p) : null,
    users: p.users === true,
    login: typeof p.user === "string" && typeof p.password === "string" ? { user: p.user, password: p.password } : null,
    limits: known === "capture" ? captureLimits(p) : null,
    wish: known === "peer-config" ? peerWish(p) : null,
  };
}
