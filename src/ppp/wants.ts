// What a session asks LCP and the network control protocols for, by its configuration and its channel.
import type { Failure } from "../core/errors.ts";
import type { Rng } from "../core/rng.ts";
import type { FrameChannel, Zlib } from "../ports/ports.ts";
import type { PppConfig, PppDeps } from "./api.ts";
import type { AuthMethod } from "./auth/methods.ts";
import type { Authentication } from "./authentication.ts";
import type { Coding } from "./coding.ts";
import { answersTo, type LcpWants } from "./lcp-options.ts";
import type { NetworkWants } from "./network.ts";
import { failure } from "./words.ts";

/** A bundle's name: at random, so that no later call is taken for a part of it while its other end still stands. */
export const ENDPOINT = 12;

const NOTHING: readonly AuthMethod[] = []; // of all sessions

export function lcpWants(cfg: PppConfig, channel: FrameChannel, rng: Rng): LcpWants {
  // A channel without a coding has packets that pass beside us, which nobody could cut.
  const mrru = channel.setCoding ? (cfg.mrru ?? null) : null;
  const line = channel.counts !== undefined;
  return {
    // On a line each byte counts; in 24 bits a longer loss is seen.
    multilink: mrru === null ? null : { mrru, shortSequence: line, endpoint: cfg.endpoint ?? rng.random(ENDPOINT) },
    mru: Math.min(cfg.mru, channel.mru),
    channelMru: channel.mru,
    accm: cfg.accm ?? 0,
    pfc: cfg.pfc ?? true,
    acfc: cfg.acfc ?? true,
    answers: cfg.identity ? answersTo(cfg.refuse) : NOTHING,
    ...(cfg.papAdvice === undefined ? {} : { papAdvice: cfg.papAdvice }),
    requires: cfg.require,
    line,
  };
}

/** `keys`: what authentication left for MPPE. A Failure where MPPE is required and cannot be had. */
export function networkWants(
  cfg: PppConfig,
  deps: PppDeps,
  coding: Coding | null,
  keys: ReturnType<Authentication<unknown>["mppe"]>,
  bridge: boolean,
): NetworkWants | Failure {
  const { compression, mppe = null } = cfg;
  if (mppe && !coding) return failure("no-encryption", "this line cannot do MPPE", true);
  if (mppe && !keys)
    return failure("no-encryption", "MPPE needs authentication by MS-CHAP or MS-CHAPv2 (also inside EAP)", true);
  return {
    ipv6: cfg.ipv6 ?? false,
    ipv6Ids: cfg.ipv6Ids ?? null,
    bridge,
    coding,
    vj: compression?.vj ?? false,
    bsd: compression?.bsd ?? false,
    mppc: compression?.mppc ?? false,
    deflate: (compression?.deflate ?? false) && hasZlib(deps.zlib ?? null),
    // After version 1 fewer bits would need the LAN Manager hash, which gives the password away.
    mppe: mppe && keys && { least: keys.master.version === 1 ? 128 : mppe, source: { ...keys, crypto: deps.crypto } },
  };
}
/** Asked for when it is wanted: looking for the library brings it into memory. */
function hasZlib(zlib: Zlib | null): boolean {
  const z = zlib?.inflater(15) ?? null;
  z?.close();
  return z !== null;
}
