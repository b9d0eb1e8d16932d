// What to type on the other side: for a user of a server, what each system's own client needs; for a link of ours, the
// server that it calls. The texts hold the pre-shared key and the password: they are for who asked, and for no log.
import { canonicalIp, parsePrefix } from "../core/addr.ts";
import type { Rng } from "../core/rng.ts";
import { type Facts, PeerRefused, plain, SYSTEMS, type System, type Told } from "./peer-systems.ts";
import type { ClientConfig, Config, ServerConfig, UserConfig } from "./schema.ts";

export { PeerRefused } from "./peer-systems.ts";

export interface PeerWish {
  /** A user's login or an interface, or "user NAME", "interface NAME". */
  readonly name: string;
  /** One of SYSTEM_NAMES. */
  readonly system: string;
  /** The section that the user logs in to; "": the only one. */
  readonly server: string;
  /** How the other side reaches the server; "": what its section says. */
  readonly address: string;
  /** Networks on our side; "": a client sends everything. */
  readonly routes: string;
}
export interface PeerConfig {
  /** To type, or to paste. */
  readonly text: string;
  /** The name of a file, and what it holds. */
  readonly file: string;
  readonly content: string;
}
export const SYSTEM_NAMES: readonly string[] = Object.keys(SYSTEMS);

/** What nobody can type, and what an editor or a shell could take for the end of a line. */
function untypable(text: string): boolean {
  return [...text].some((c) => c < " " || (c >= "\x7f" && c <= "\x9f") || "\u2028\u2029\ufffe\uffff".includes(c));
}
/** A host name or an address: nothing that has a meaning in any of the texts. */
const HOST = /^[A-Za-z0-9]([A-Za-z0-9._:-]*[A-Za-z0-9])?$/;
/** RFC 1918 and RFC 6598: nobody reaches these from outside. */
const PRIVATE = /^(10|192\.168|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./;

/** What a section asks of the other side, by what a system can. */
const NEEDS: Readonly<Record<string, readonly [needs: (s: ServerConfig | ClientConfig) => boolean, what: string]>> = {
  clear: [(s) => s.ipsec === "off", "L2TP without IPsec (ipsec = off)"],
  cert: [(s) => s.cert !== null && s.psk === null, "L2TP with certificates: give the server a psk as well"],
  secret: [(s) => s.tunnel_secret !== null, "L2TP tunnel authentication (tunnel_secret)"],
  v2: [(s) => s.ike === "v2" || s.ppk !== null, "IKEv2 for L2TP (ike = v2, ppk)"],
  mppe: [(s) => s.mppe !== "no", "MPPE inside IPsec (mppe)"],
};

/** Throws PeerRefused. */
export function peerConfig(config: Config, wish: PeerWish, rng: Rng): PeerConfig {
  const system = Object.hasOwn(SYSTEMS, wish.system) ? SYSTEMS[wish.system] : undefined;
  if (!system) throw new PeerRefused(`for which system? There is: ${SYSTEM_NAMES.join(" ")}`);
  const is = (type: string, name: string): boolean => wish.name === name || wish.name === `${type} ${name}`;
  const user = config.users.find((u) => is("user", u.name));
  if (user) return forUser(serverOf(config, user, wish.server), user, wish, system, rng);
  const link = config.interfaces.find((c): c is ClientConfig => "server" in c && is("interface", c.name));
  if (link) return forLink(link, wish, system);
  throw new PeerRefused(`there is no user and no tunnel ${JSON.stringify(wish.name.slice(0, 64))}`);
}

function serverOf(config: Config, user: UserConfig, wanted: string): ServerConfig {
  const may = config.servers.filter((s) => (user.server ?? s.name) === s.name);
  const [first, ...more] = may.filter((s) => wanted === "" || s.name === wanted);
  if (first && more.length === 0) return first;
  const names = may.map((s) => s.name).join(" ") || "none";
  throw new PeerRefused(`user ${user.name} may log in to these servers: ${names}: which one?`);
}
function forUser(server: ServerConfig, user: UserConfig, wish: PeerWish, system: System, rng: Rng): PeerConfig {
  const { name, listen } = server;
  const address = wish.address || listen || "";
  if (address === "")
    throw new PeerRefused(`how do clients reach server ${name}? It listens everywhere: give a name or address`);
  const auth = server.auth.flatMap((m) => system.auth[m] ?? []);
  if (auth.length === 0) {
    const known = Object.keys(system.auth).join(", ");
    throw new PeerRefused(`${system.title} authenticates by ${known}: server ${name} takes ${server.auth.join(" ")}`);
  }
  const natted = PRIVATE.test(listen ?? "") && !PRIVATE.test(address);
  const facts = { ...common(server, address, wish), user: user.name, password: plain(user.password), auth, natted };
  return written(system, facts, () => system.calls(facts, rng));
}
function forLink(link: ClientConfig, wish: PeerWish, system: System): PeerConfig {
  const { name, username: user, password } = link;
  if (user === null || password === null) throw new PeerRefused(`interface ${name} has no username and password`);
  const found = common(link, wish.address || (link.server[0]?.host ?? ""), wish);
  const facts = { ...found, user, password: plain(password), auth: [], natted: false };
  return written(system, facts, () => {
    if (system.answers) return system.answers(facts);
    throw new PeerRefused(`interface ${name} calls a server, and ${system.title} is none: take openwrt or mikrotik`);
  });
}
function common<T extends ServerConfig | ClientConfig>(options: T, address: string, wish: PeerWish) {
  if (!HOST.test(address)) throw new PeerRefused(`${JSON.stringify(address.slice(0, 64))} is no name and no address`);
  const routes = wish.routes.match(/[^\s,]+/g) ?? [];
  const wrong = routes.find((r) => parsePrefix(r)?.address !== canonicalIp(r.replace(/\/.*/, "")));
  if (wrong !== undefined) throw new PeerRefused(`${JSON.stringify(wrong.slice(0, 64))} is not a network`);
  return { name: options.name, address, routes, psk: plain(options.psk), options };
}

function written(system: System, facts: Facts<ServerConfig | ClientConfig>, write: () => Told): PeerConfig {
  for (const what of ["user", "password", "psk"] as const)
    if (untypable(facts[what]))
      throw new PeerRefused(`the ${what} holds a control character, which nobody can type on the other side`);
  const missing = Object.entries(NEEDS).filter(([need, [needs]]) => needs(facts.options) && !system.can.includes(need));
  if (missing.length > 0)
    throw new PeerRefused(`${system.title} has no ${missing.map(([, [, what]]) => what).join(", and no ")}`);
  const told = write();
  const { text, content } = typeof told === "string" ? { text: told, content: told } : told;
  return { text, file: `${facts.user.replace(/[^\w@.-]/g, "_").replace(/^\./, "_")}.${system.file}`, content };
}
