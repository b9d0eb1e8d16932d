// Who may call: users by name, and the pauses that wrong passwords cost them.
import type { UserConfig } from "../config/schema.ts";
import { accountName } from "../ppp/auth/mschapv2.ts";
import type { Logins } from "./logins.ts";

/** Indexes by list: a list never changes (a reload makes a new one), so each is indexed once. */
const indexes = new WeakMap<readonly UserConfig[], ReadonlyMap<string, UserConfig>>();

function userNamed(users: readonly UserConfig[], name: string): UserConfig | null {
  const index = indexes.get(users) ?? new Map(users.map((u) => [u.name, u]));
  indexes.set(users, index);
  return index.get(name) ?? null;
}

/** Shared by all sessions of a server; a serial line that answers has its own. */
export class Callers {
  readonly #users: () => readonly UserConfig[];
  readonly #logins: Logins;
  readonly #server: string | null;

  /** `server`: users of other servers alone are strangers; null: every user may call. */
  constructor(users: () => readonly UserConfig[], logins: Logins, server: string | null) {
    this.#users = users;
    this.#logins = logins;
    this.#server = server;
  }
  user(name: string): UserConfig | null {
    const user = userNamed(this.#users(), name);
    if (this.#server === null) return user;
    return user && (user.server === null || user.server === this.#server) ? user : null;
  }
  /** `place`, here and below: an address, or the name of a line. As Logins.pause(). */
  pause(name: string, place: string): number {
    return this.#logins.pause(name, place);
  }
  wrong(name: string, place: string): void {
    this.#logins.wrong(name, place, (this.user(name) ?? this.user(accountName(name))) !== null);
  }
  right(name: string, place: string): void {
    this.#logins.right(name, place);
  }
}
