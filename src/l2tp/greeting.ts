// What the first messages of a control connection say of this side, and what they must not say of the other (RFC 2661
// §4.4.3, §6.1, §6.2).
import type { Failure } from "../core/errors.ts";
import type { Crypto } from "../ports/ports.ts";
import type { TunnelConfig } from "./api.ts";
import { response } from "./auth.ts";
import { OUR_WINDOW } from "./reliable.ts";
import type { Avps, Result } from "./wire/avps.ts";
import { failure, RESULT } from "./words.ts";

const VERSION_1_0 = 0x0100;
const FRAMING = 3; // synchronous and asynchronous
const BEARER = 3; // digital and analogue

/** Of an SCCRQ or SCCRP; `id` is the Tunnel ID that we assign, `challenge` is sent where there is a secret. */
export function greeting(cfg: TunnelConfig, vendorName: string, id: number, challenge: Uint8Array): Avps {
  return {
    protocolVersion: VERSION_1_0,
    framingCapabilities: FRAMING,
    bearerCapabilities: BEARER,
    hostName: cfg.hostName,
    vendorName,
    assignedTunnelId: id,
    receiveWindowSize: OUR_WINDOW,
    ...(cfg.secret ? { challenge } : {}),
  };
}
/** The response to the challenge in what the peer sent, for our SCCRP or SCCCN. */
export function answerTo(crypto: Pick<Crypto, "hash">, name: "SCCRP" | "SCCCN", cfg: TunnelConfig, theirs: Avps): Avps {
  const { secret } = cfg;
  return theirs.challenge && secret ? { challengeResponse: response(crypto, name, secret, theirs.challenge) } : {};
}
/**
 * Why an SCCRQ or SCCRP cannot be served, and the result for the StopCCN; null when it can. `isOurs`: this process has
 * asked somebody with the same challenge, and must not answer it for him.
 */
export function unacceptable(
  cfg: TunnelConfig,
  theirs: Avps,
  isOurs: (challenge: Uint8Array) => boolean,
): { readonly result: Result; readonly why: Failure } | null {
  const version = theirs.protocolVersion;
  if (version !== undefined && version >>> 8 !== 1) {
    const why = failure("version", `the peer speaks L2TP version ${version >>> 8}.${version & 255}, not 1.0`);
    return { result: { result: RESULT.badVersion, error: VERSION_1_0 }, why };
  }
  if (theirs.challenge && !cfg.secret) {
    const why = failure("no-tunnel-secret", "the peer asks for tunnel authentication, but no tunnel_secret is set");
    return { result: { result: RESULT.notAuthorized }, why };
  }
  if (theirs.challenge && theirs.challenge.length > 0 && isOurs(theirs.challenge)) {
    const why = failure("auth-reflected", "the peer sends this daemon's own challenge back");
    return { result: { result: RESULT.notAuthorized }, why };
  }
  return null;
}
