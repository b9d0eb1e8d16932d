import { utf8 } from "./text.ts";

/** A value that never prints. `use` is the only way out, and greps well. */
export class Secret {
  readonly #bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  static of(text: string): Secret {
    return new Secret(utf8(text));
  }
  /** `bytes` is the secret itself, not a copy: do not keep or change it. */
  use<T>(f: (bytes: Uint8Array) => T): T {
    return f(this.#bytes);
  }
  equals(other: Secret): boolean {
    return other.use((b) => b.length === this.#bytes.length && b.every((x, i) => x === this.#bytes[i]));
  }
  wipe(): void {
    this.#bytes.fill(0);
  }
  toString(): string {
    return "***";
  }
  toJSON(): string {
    return "***";
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "Secret(***)";
  }
}
