// What a LAC has negotiated with the peer in our place, and learnt of it (RFC 2661 §4.4.5).
import { DecodeError } from "../core/errors.ts";
import { methodOf } from "./auth/methods.ts";
import type { Begun } from "./auth/side.ts";
import { type Option, readOptions } from "./cp.ts";
import type { ControlProtocol } from "./negotiate.ts";
import type { Report } from "./report.ts";

export interface Proxied {
  /** Options of the last Configure-Request that was sent in our place, and of the peer's last one. */
  readonly sent: Uint8Array;
  readonly received: Uint8Array;
  /** Null: the peer has shown nothing yet. */
  readonly auth: Begun | null;
}
interface Parts {
  readonly lcp: Pick<ControlProtocol<unknown>, "takeOver">;
  readonly auth: { begun: Begun | null };
  readonly report: Pick<Report, "proxied">;
}
const AUTHENTICATION = 3;

/**
 * Whether LCP is open with it; what cannot hold as a whole is negotiated anew as a whole. `proxied`: null: there was no
 * LAC that did it; a string says why what it did cannot be used.
 */
export function takeOver(proxied: Proxied | string | null, { lcp, auth, report }: Parts): boolean {
  if (proxied === null) return false;
  const p = typeof proxied === "string" ? proxied : read(proxied);
  auth.begun = typeof proxied === "string" ? null : proxied.auth;
  const opened = typeof p !== "string" && lcp.takeOver(p.sent, p.received);
  auth.begun = null;
  const why = typeof p === "string" ? p : "this side cannot have what the LAC agreed on";
  report.proxied(opened ? "LCP is as the LAC has agreed on it" : `LCP is negotiated anew: ${why}`);
  return opened;
}
function read({ sent, received, auth }: Proxied): { readonly sent: Option[]; readonly received: Option[] } | string {
  try {
    const options = { sent: readOptions(sent), received: readOptions(received) };
    const asked = options.sent.find((o) => o.type === AUTHENTICATION);
    const same = auth === null || (asked && methodOf(asked.data) === auth.method);
    return same ? options : "the peer answered what it was not asked for";
  } catch (e) {
    if (!(e instanceof DecodeError)) throw e;
    return "the LAC's options cannot be read";
  }
}
