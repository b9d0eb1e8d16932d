// Who may call: users by name, and the pauses that wrong passwords cost them.
import type { RadiusConfig, ServerConfig, UserConfig } from "../config/schema.ts";
import { accountName } from "../ppp/auth/mschapv2.ts";
import type { LinkDeps } from "./deps.ts";
import type { Logins } from "./logins.ts";
import { RadiusUsers } from "./radius.ts";

/** Indexes by list: a list never changes (a reload makes a new one), so each is indexed once. */
const indexes = new WeakMap<readonly UserConfig[], ReadonlyMap<string, UserConfig>>();

function userNamed(users: readonly UserConfig[], name: string): UserConfig | null {
  const index = indexes.get(users) ?? new Map(users.map((u) => [u.name, u]));
  indexes.set(users, index);
  return index.get(name) ?? null;
}

const HERE = { sections: true, radius: null } as const;

/** Shared by all sessions of a server; a serial line that answers has its own. */
export class Callers {
  readonly #users: () => readonly UserConfig[];
  readonly #logins: Logins;
  readonly #server: string | null;
  readonly #sections: boolean;
  /** Null: sections are all there is. */
  readonly radius: RadiusUsers | null;

  /**
   * `server`: users of other servers alone are strangers; null: every user may call. `sections`: the users of the
   * configuration may call.
   */
  constructor(
    users: () => readonly UserConfig[],
    logins: Logins,
    server: string | null,
    { sections, radius }: { readonly sections: boolean; readonly radius: RadiusUsers | null } = HERE,
  ) {
    this.#users = users;
    this.#logins = logins;
    this.#server = server;
    this.radius = radius;
    this.#sections = sections;
  }
  user(name: string): UserConfig | null {
    const user = this.#sections ? userNamed(this.#users(), name) : null;
    if (this.#server === null) return user;
    return user && (user.server === null || user.server === this.#server) ? user : null;
  }
  /** `place`, here and below: an address, or the name of a line. As Logins.pause(). */
  pause(name: string, place: string): number {
    return this.#logins.pause(name, place);
  }
  wrong(name: string, place: string): void {
    // Who is known to RADIUS is not known here: every name counts, and the table has its limit.
    const known = this.radius !== null || (this.user(name) ?? this.user(accountName(name))) !== null;
    this.#logins.wrong(name, place, known);
  }
  right(name: string, place: string): void {
    this.#logins.right(name, place);
  }
}

/** Those of a server section. */
export function callersOf(
  deps: Pick<LinkDeps, "clock" | "crypto" | "host" | "log" | "udp" | "journal" | "logins">,
  cfg: ServerConfig,
  users: () => readonly UserConfig[],
  radius: () => readonly RadiusConfig[],
): Callers {
  const local = (user: string): boolean => callers.user(user) !== null;
  const callers = new Callers(users, deps.logins, cfg.name, {
    sections: cfg.users.includes("local"),
    radius: cfg.users.includes("radius") ? new RadiusUsers(deps, cfg, radius, local) : null,
  });
  return callers;
}
