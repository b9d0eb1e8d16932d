import type { Failure } from "../core/errors.ts";

export function failure(code: string, text: string, lasting = false): Failure {
  return lasting ? { layer: "ppp", code, text, lasting } : { layer: "ppp", code, text };
}
