// Users by the name to log in with. A list never changes (a reload makes another), so that its index is made once.
import type { UserConfig } from "../config/schema.ts";

const indexes = new WeakMap<readonly UserConfig[], ReadonlyMap<string, UserConfig>>();

export function userNamed(users: readonly UserConfig[], name: string): UserConfig | null {
  let index = indexes.get(users);
  if (!index) {
    index = new Map(users.map((u) => [u.name, u]));
    indexes.set(users, index);
  }
  return index.get(name) ?? null;
}
