// Counters and gauges for Prometheus (text format 0.0.4). Names of series come from our code and from sections, so that
// their number is bounded; users have series of their own only where somebody asks for them.
import { printable } from "../core/words.ts";
import type { Status } from "../link/status.ts";

export interface Measured {
  readonly version: string;
  readonly runtime: string;
  /** Seconds. */
  readonly uptime: number;
  /** Bytes. */
  readonly memory: { readonly used: number; readonly limit: number } | null;
  readonly status: Readonly<Record<string, Status>>;
  /** By "kind result". */
  readonly events: ReadonlyMap<string, number>;
  readonly tables: Readonly<Record<string, number>>;
  /** Those that belong to no one link. */
  readonly drops: Readonly<Record<string, number>>;
}
type Labels = Readonly<Record<string, string>>;
type Sample = readonly [Labels, number];

/** Of users' series. */
const MOST_USERS = 2000;
const DIRECTIONS = [
  ["bytes", "receive", "rx_bytes"],
  ["bytes", "transmit", "tx_bytes"],
  ["packets", "receive", "rx_packets"],
  ["packets", "transmit", "tx_packets"],
] as const;
type Traffic = Readonly<Record<(typeof DIRECTIONS)[number][2], number>>;

/** `users`: also a series for each user, of the first 2,000. */
export function exposition(m: Measured, users: boolean): string {
  const out: string[] = [];
  const family = (name: string, help: string, samples: readonly Sample[]): void => {
    if (samples.length === 0) return;
    const type = name.endsWith("_total") ? "counter" : "gauge";
    out.push(`# HELP l2tpsec_${name} ${help}`, `# TYPE l2tpsec_${name} ${type}`);
    for (const [labels, value] of samples) out.push(`l2tpsec_${name}${written(labels)} ${value}`);
  };
  const links = Object.entries(m.status);
  const servers = links.flatMap(([server, s]) => (s.kind === "server" ? [{ server, s }] : []));
  const named = (what: string, all: Readonly<Record<string, number>>): Sample[] =>
    Object.entries(all).map(([name, n]) => [{ [what]: name }, n]);

  family("build_info", "Version and engine of the program.", [[{ version: m.version, runtime: m.runtime }, 1]]);
  family("uptime_seconds", "Since the daemon started.", [[{}, m.uptime]]);
  const { used, limit } = m.memory ?? { used: 0, limit: 0 };
  if (m.memory) {
    family("memory_bytes", "Memory of the program's objects.", [[{}, used]]);
    family("memory_limit_bytes", "The most that these may take.", [[{}, limit]]);
  }
  family("table_entries", "Entries of tables that peers can fill.", named("table", m.tables));
  family(
    "link_up",
    "1 for a link or server that is up.",
    links.map(([link, { kind, state }]) => [{ link, kind }, state === "up" ? 1 : 0]),
  );
  for (const what of ["bytes", "packets"] as const)
    family(
      `link_${what}_total`,
      `IP ${what} through a link, or through all sessions of a server since it was configured.`,
      links.flatMap(([link, s]) =>
        "rx_bytes" in s ? moved(what, { link }, s, s.kind === "server" ? s.ended : null) : [],
      ),
    );
  family("drops_total", "Packets and messages that were dropped, and requests that were refused, by name.", [
    ...named("name", m.drops),
    ...links.flatMap(([link, s]) =>
      Object.entries("drops" in s ? s.drops : {}).flatMap(([name, n]): Sample[] =>
        Object.hasOwn(m.drops, name) ? [] : [[{ name, link }, n]],
      ),
    ),
  ]);
  family(
    "events_total",
    "Events by name; result: the code of a failure, ok or refused for a login, the layer of a bad message.",
    [...m.events].map(([key, n]) => {
      const [event = "", result = ""] = key.split(" ");
      return [{ event, result }, n];
    }),
  );
  const of = (f: (s: (typeof servers)[number]["s"]) => number): Sample[] =>
    servers.map(({ server, s }) => [{ server }, f(s)]);
  family(
    "server_sessions",
    "Users who are connected.",
    of((s) => s.sessions.length + (s.sessions_left_out ?? 0)),
  );
  family(
    "server_sessions_ended_total",
    "Sessions of users that have ended.",
    of((s) => s.ended.sessions),
  );
  family(
    "server_peers",
    "Peers with IPsec, or tunnels in the clear.",
    of((s) => s.peers),
  );
  const radius = servers.flatMap(({ server, s }) =>
    (s.radius ?? []).map((r) => ({ at: { server, radius: r.name }, r })),
  );
  family(
    "radius_up",
    "0 for a RADIUS server that has fallen silent.",
    radius.map(({ at, r }) => [at, r.state === "silent" ? 0 : 1]),
  );
  family(
    "radius_requests_total",
    "Requests to a RADIUS server by their outcome: accept, reject, other (challenges and accounting), none.",
    radius.flatMap(({ at, r: { accepts, rejects, answers, silences } }): Sample[] => [
      [{ ...at, outcome: "accept" }, accepts],
      [{ ...at, outcome: "reject" }, rejects],
      [{ ...at, outcome: "other" }, answers - accepts - rejects],
      [{ ...at, outcome: "none" }, silences],
    ]),
  );
  if (users) {
    const all = servers.flatMap(({ server, s }) => s.sessions.map((x) => ({ server, x })));
    family(
      "session_bytes_total",
      "IP bytes of a user's session.",
      all.slice(0, MOST_USERS).flatMap(({ server, x }) => {
        return moved("bytes", { server, user: printable(x.user), session: String(x.session) }, x, null);
      }),
    );
    family("sessions_left_out", "Sessions that have no series here.", [[{}, Math.max(0, all.length - MOST_USERS)]]);
  }
  return `${out.join("\n")}\n`;
}

function moved(what: "bytes" | "packets", labels: Labels, t: Traffic, before: Traffic | null): Sample[] {
  return DIRECTIONS.flatMap(([unit, direction, key]): Sample[] =>
    unit === what ? [[{ ...labels, direction }, t[key] + (before?.[key] ?? 0)]] : [],
  );
}
/** Labels without a value are left out. */
function written(labels: Labels): string {
  const all = Object.entries(labels).flatMap(([name, value]) =>
    value === "" ? [] : [`${name}="${value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`],
  );
  return all.length === 0 ? "" : `{${all.join(",")}}`;
}
