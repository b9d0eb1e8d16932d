export type { Failure, Layer } from "./failures.ts";

/** What the peer sent cannot be read. `at` is the byte offset inside the datagram. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  readonly code: "short" | "trailing" | "bad-length" | "bad-value";
  readonly what: string;
  readonly at: number;
  constructor(code: DecodeError["code"], what: string, at: number) {
    super(`${what}: ${code} at byte ${at}`);
    this.code = code;
    this.what = what;
    this.at = at;
  }
}

/** A system call failed. `errno` is the symbolic name ("EADDRINUSE"), `what` what was tried, `advice` what to do. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly errno: string;
  readonly what: string;
  readonly advice: string;
  constructor(errno: string, what: string, advice = "") {
    super(`${what}: ${errno}${advice === "" ? "" : ` (${advice})`}`);
    this.errno = errno;
    this.what = what;
    this.advice = advice;
  }
}

/** One fault of the configuration; `where` is "section.option" or a UCI path. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly where: string;
  constructor(where: string, why: string) {
    super(`${where}: ${why}`);
    this.where = where;
  }
}
