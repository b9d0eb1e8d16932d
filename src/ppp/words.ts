import type { Failure } from "../core/errors.ts";

export function failure(code: string, text: string, permanent = false): Failure {
  return permanent ? { layer: "ppp", code, text, permanent } : { layer: "ppp", code, text };
}
