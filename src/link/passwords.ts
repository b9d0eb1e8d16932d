// With which of two passwords a link logs in: its own, or the new one that the server may have in its place.
import type { Failure } from "../core/failures.ts";
import type { Secret } from "../core/secret.ts";

/** Of one link, over its attempts: nothing that the program does changes its configuration. */
export class Passwords {
  readonly link: string;
  readonly #old: Secret | null;
  readonly #next: Secret | null;
  #useNext = false;

  constructor(c: { readonly name: string; readonly password: Secret | null; readonly new_password: Secret | null }) {
    this.link = c.name;
    this.#old = c.password;
    this.#next = c.new_password;
  }
  get now(): { readonly password: Secret | null; readonly newPassword: Secret | null } {
    return this.#useNext
      ? { password: this.#next, newPassword: null }
      : { password: this.#old, newPassword: this.#next };
  }
  /** For a person whose new password is in use; "" while it is not. */
  get note(): string {
    return this.#useNext ? "the server has the new password: put it into password, and remove new_password" : "";
  }
  /** The server has taken the new one. */
  renewed(): void {
    this.#useNext = true;
  }
  /** An attempt has failed. A wrong password may be the other one: it was changed before a restart. */
  failed(why: Failure): void {
    if (why.code === "auth-failed" && this.#next) this.#useNext = !this.#useNext;
  }
}
