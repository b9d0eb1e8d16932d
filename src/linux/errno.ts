// A failed call of the native library, and an errno in a netlink answer, as one sentence.
import { SystemError } from "../core/errors.ts";

/** "EADDRINUSE" of an error that the native library threw; "EIO" of anything else. */
export function errnoOf(e: unknown): string {
  if (e instanceof SystemError) return e.errno;
  return e instanceof Error && "code" in e && typeof e.code === "string" ? e.code : "EIO";
}

/** Runs `call`; a failure becomes a SystemError that says what was tried and, by errno, what to do about it. */
export function attempt<T>(what: string, advice: Readonly<Record<string, string>>, call: () => T): T {
  try {
    return call();
  } catch (e) {
    if (e instanceof SystemError || e instanceof RangeError) throw e;
    const errno = errnoOf(e);
    throw new SystemError(errno, what, advice[errno] ?? "");
  }
}

/** Names of errno numbers, which differ between architectures: from the library's constants. */
export function errnoNames(constants: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(constants))
    if (/^E[A-Z0-9]+$/.test(name)) names.set(value, names.get(value) ?? name);
  return names;
}
