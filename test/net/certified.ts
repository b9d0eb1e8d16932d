// Configurations by certificates, in place of a pre-shared key.
import { type Held, type Kind, TestCa } from "../x509/ca.ts";
import type { Config, Section } from "./daemon.ts";
import type { Lab } from "./harness.ts";
import { clientSection, serverConfig, without } from "./sites.ts";

/** Both ends' configurations by certificates of a CA made now, each with a key of `kind`; `more` for the client. */
export function certified(kind: Kind, lab: Lab, more: Section = {}): { client: Config; server: Config } {
  const [now, day] = [Date.now(), 86_400_000];
  const o = { kind, notBefore: now - day, notAfter: now + 30 * day };
  const ca = new TestCa("C=CH, O=Tests, CN=the CA", o);
  const files = (who: string, h: Held): Section => ({
    cert: lab.write(`${who}.pem`, h.pem),
    key: lab.write(`${who}.key`, Buffer.from(h.key).toString()),
    ca: lab.write("ca.pem", ca.own.pem),
  });
  const its = { ...files("user", ca.client("me@example", o)), remote_id: "vpn.example", ...more };
  const client = { "interface hq": without(clientSection(its), "psk") };
  const { "server lns": lns = {}, ...users } = serverConfig(files("gate", ca.server("vpn.example", o)));
  return { client, server: { "server lns": without(lns, "psk"), ...users } };
}
