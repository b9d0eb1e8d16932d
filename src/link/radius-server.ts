// A radius section as the client wants it, and the files of its TLS, read anew for each connection.
import type { RadiusConfig } from "../config/schema.ts";
import { SystemError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";
import { utf8 } from "../core/text.ts";
import type { TlsStream } from "../ports/ports.ts";
import type { RadiusServer } from "../radius/peers.ts";
import type { LinkDeps } from "./deps.ts";

type Deps = Pick<LinkDeps, "host" | "tls">;

const PORT = { udp: 1812, tls: 2083 };
/** RFC 6614 §2.3: with TLS it protects nothing. */
const RADSEC = "radsec";
/** The value of tls_name that takes every server of the CA. */
const ANY_SERVER = "any";

export function serverOf(r: RadiusConfig, deps: Deps): RadiusServer {
  const { name, address, secret } = r;
  return {
    name,
    address,
    port: r.port ?? PORT[r.tls ? "tls" : "udp"],
    acctPort: r.acct_port,
    secret: secret ?? Secret.of(RADSEC),
    timeoutMs: r.timeout * 1000,
    deadMs: r.dead_time * 1000,
    tls: r.tls ? () => tlsOf(r, deps) : null,
  };
}

function tlsOf(r: RadiusConfig, { host, tls }: Deps): TlsStream | string {
  const read = (option: "tls_ca" | "tls_cert" | "tls_key"): Uint8Array => {
    const path = r[option];
    try {
      return utf8(host.readFile(path ?? ""));
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      throw new SystemError(e.errno, `${option}: ${e.what}`, e.advice);
    }
  };
  try {
    const [ca, cert] = [read("tls_ca"), read("tls_cert")];
    const key = new Secret(read("tls_key"));
    const serverName = r.tls_name === ANY_SERVER ? null : (r.tls_name ?? r.address);
    const stream = key.use((bytes) => tls?.tlsStream({ ca, cert, key: bytes, serverName }));
    key.wipe();
    if (typeof stream === "string") return inFile(r, stream);
    return stream ?? "TLS needs libssl (libssl.so.3), which is not installed: install OpenSSL's library";
  } catch (e) {
    if (!(e instanceof SystemError)) throw e;
    return e.message;
  }
}
/** "key: is not ..." with the option and its file. */
function inFile(r: RadiusConfig, sentence: string): string {
  return sentence.replace(/^(ca|cert|key):/, (_, what: "ca" | "cert" | "key") => `tls_${what} ${r[`tls_${what}`]}:`);
}

/** For `check`: a sentence for each section whose files cannot be used. */
export function radsecFaults(all: readonly RadiusConfig[], deps: Deps): string[] {
  return all.flatMap((r) => {
    const tls = r.tls ? tlsOf(r, deps) : null;
    if (typeof tls === "string") return `radius ${r.name}: ${tls}`;
    tls?.close();
    return [];
  });
}
