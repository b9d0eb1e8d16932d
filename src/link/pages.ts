// A status of many links: a page goes from one server's sessions to the next one's.
import type { AnyLink } from "./api.ts";
import type { LinkDeps } from "./deps.ts";
import type { Page, Status } from "./status.ts";

export function pageOf(links: ReadonlyMap<string, AnyLink>, page: Page): Record<string, Status> {
  let { from, count } = page;
  const out: Record<string, Status> = {};
  for (const [name, link] of links) {
    const s = link.status({ ...page, from, count });
    out[name] = s;
    if (s.kind !== "server") continue;
    from = Math.max(0, from - s.sessions.length - (s.sessions_left_out ?? 0));
    count -= s.sessions.length;
  }
  return out;
}
/** Those that belong to no one link. `ike`: null, nobody has needed it yet. */
export function sharedDrops(
  { plane, pressure, l2tp, logins }: LinkDeps,
  ike: ReturnType<LinkDeps["ike"]> | null,
): Record<string, number> {
  return {
    ...plane.drops(),
    ...ike?.counters.snapshot(),
    ...pressure.drops(),
    ...l2tp.counters.snapshot(),
    ...logins.counters.snapshot(),
  };
}
