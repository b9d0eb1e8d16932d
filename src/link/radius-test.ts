// What RADIUS servers say about one user: each is asked by itself, with PAP, and nobody is logged in by it.
import { radiusOf } from "../config/cross.ts";
import type { Config, RadiusConfig } from "../config/schema.ts";
import { faultEvent } from "../core/fault.ts";
import { fromUtf8, hex } from "../core/text.ts";
import { inQuotes, listed, said } from "../core/words.ts";
import { RadiusClient } from "../radius/client.ts";
import type { Grant } from "../radius/grant.ts";
import { Login } from "../radius/login.ts";
import type { LinkDeps } from "./deps.ts";
import { serverOf } from "./radius-server.ts";
import type { RadiusFinding } from "./status.ts";

/** A page waits no longer than 20 s. */
const LONGEST_S = 10;

/** Those of a radius section, or of a server section; none: there is no such section. */
export function radiusNamed({ radius, servers }: Config, name: string): readonly RadiusConfig[] {
  const one = radius.filter((r) => r.name === name);
  return one.length > 0 ? one : servers.flatMap((s) => (s.name === name ? radiusOf(s, radius) : []));
}

/** Within 10 s. */
export function testRadius(
  deps: Pick<LinkDeps, "clock" | "crypto" | "host" | "log" | "udp" | "tcp" | "tls">,
  servers: readonly RadiusConfig[],
  user: string,
  password: Uint8Array,
): Promise<RadiusFinding[]> {
  const nas = { identifier: deps.host.hostname() };
  const caller = { session: hex(deps.crypto.random(8)), port: 0, from: "127.0.0.1", at: "", mtu: 1400 };
  const fault = (e: unknown): void => deps.log.emit(faultEvent("", "a test of RADIUS", e));
  const one = (r: RadiusConfig): Promise<RadiusFinding> =>
    new Promise((resolve) => {
      const { name: server, address } = r;
      const client = new RadiusClient({ ...deps, fault, once: true }, [
        serverOf({ ...r, timeout: Math.min(r.timeout, LONGEST_S) }, deps),
      ]);
      const found = (accepted: boolean, text: string): void => {
        client.close("");
        resolve({ server, address, accepted, text });
      };
      const asked = new Login(() => client, nas, caller).ask({ method: "pap", user, password }, (o) => {
        if (o.is === "accepted") return found(true, accepts(server, user, o.grant, fromUtf8(o.message)));
        found(false, o.is === "more" ? `the RADIUS server ${server} asks for more than a password` : o.text);
      });
      if (!asked) found(false, "a name has 1 to 253 bytes, a password 128 at most");
    });
  return Promise.all(servers.map(one));
}

function accepts(server: string, user: string, g: Grant, words: string): string {
  const given = [
    g.ip && `the address ${g.ip}`,
    g.pool !== null && `the pool ${inQuotes(g.pool)}`,
    g.routes.length > 0 && `the networks ${listed(g.routes)}`,
    ...[...g.prefixes6, ...g.delegated6].slice(0, 8),
    g.sessionTimeout !== null && `${g.sessionTimeout} s at most`,
    g.idleTimeout !== null && `${g.idleTimeout} s idle at most`,
    g.interim !== null && `accounting every ${g.interim} s`,
    g.filter !== null && `the filter ${inQuotes(g.filter)}`,
    g.rate !== null && `the rate ${inQuotes(g.rate.text)}`,
  ].filter((x) => x);
  const grants = given.length === 0 ? "and gives nothing of its own" : `with ${given.join(", ")}`;
  return `the RADIUS server ${server} accepts user ${inQuotes(user)}, ${grants}${said(words)}`;
}
