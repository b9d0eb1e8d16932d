// The files of IKE by certificates: a client reads them for each attempt, a server when it opens and at a reload.

import type { ClientConfig, Config, ServerConfig } from "../config/schema.ts";
import { isoTime } from "../core/date.ts";
import { SystemError } from "../core/errors.ts";
import { type Failure, failure } from "../core/failures.ts";
import { Secret } from "../core/secret.ts";
import { type Certificates, CLOCK_SET, type Credentials, type Pki, type Trust } from "../ports/pki.ts";
import type { Host } from "../ports/ports.ts";

type Section = Pick<ClientConfig | ServerConfig, "name" | "cert" | "key" | "ca" | "crl" | "local_id" | "ike">;
interface Deps {
  readonly host: Pick<Host, "readFile" | "wallClock">;
  readonly pki?: Pki | null;
}
const DAY_MS = 86_400_000;
/** A certificate that expires this soon is worth a warning. */
const SOON_DAYS = 21;

/** What one reading of the files gave. */
interface Opened extends Certificates {
  /** Something to do about them soon. */
  readonly warning: string | null;
}

/** A section's certificates: what was read last, and what signs and validates with it. */
export class CertificateFiles implements Certificates {
  readonly #section: Section;
  readonly #deps: Deps;
  #opened: Opened;

  private constructor(section: Section, deps: Deps, opened: Opened) {
    this.#section = section;
    this.#deps = deps;
    this.#opened = opened;
  }
  /** Null: the section has no certificate. A failure: its files cannot be used. */
  static open(section: Section, deps: Deps): CertificateFiles | Failure | null {
    if (section.cert === null) return null;
    const opened = openFiles(section, deps);
    return typeof opened === "string"
      ? failure("own-certificate", opened)
      : new CertificateFiles(section, deps, opened);
  }
  get credentials(): Credentials {
    return this.#opened.credentials;
  }
  get trust(): Trust {
    return this.#opened.trust;
  }
  get warning(): string | null {
    return this.#opened.warning;
  }
  /** Reads them again. A sentence where they cannot be used: those read before stay in use. */
  renew(): string | null {
    const opened = openFiles(this.#section, this.#deps);
    if (typeof opened === "string") return `${opened}; what was read before stays in use`;
    this.close();
    this.#opened = opened;
    return opened.warning;
  }
  close(): void {
    this.#opened.credentials.close();
    this.#opened.trust.close();
  }
}

function openFiles(c: Section, { host, pki }: Deps): Opened | string {
  if (!pki) return "cert: certificates need OpenSSL's libcrypto, which is not there";
  const read = (option: "cert" | "key" | "ca" | "crl"): string => {
    const path = c[option];
    if (path === null) throw new SystemError("ENOENT", `${option} is not set`);
    return host.readFile(path);
  };
  try {
    const key = Secret.of(read("key"));
    const credentials = key.use((bytes) => pki.credentials({ cert: read("cert"), key: bytes }));
    key.wipe();
    if (typeof credentials === "string") return inFile(c, credentials);
    const why = unfit(c, credentials, host.wallClock());
    const trust = why ?? pki.trust({ ca: read("ca"), crl: c.crl === null ? null : read("crl") });
    if (typeof trust !== "string") return { credentials, trust, warning: soon(credentials, host.wallClock()) };
    credentials.close();
    return inFile(c, trust);
  } catch (e) {
    if (e instanceof SystemError) return e.message;
    throw e;
  }
}
/** "key: is not ..." with the file that the option names. */
function inFile(c: Section, sentence: string): string {
  const m = /^(cert|key|ca|crl): /.exec(sentence);
  const path = m && c[m[1] as "cert" | "key" | "ca" | "crl"];
  return path ? sentence.replace(":", ` ${path}:`) : sentence;
}
function unfit(c: Section, own: Credentials, now: number): string | null {
  if (c.ike === "v1" && (own.key === "ed25519" || own.key === "ed448"))
    return "cert: its key is of a kind that IKEv1 has no signatures for: RSA or ECDSA (P-256, P-384, P-521) is needed";
  if (c.local_id !== null && !own.names(c.local_id)) {
    const names = [own.subject, ...own.altNames.map((n) => n.text)].filter((n) => n !== "").join('", "');
    return `cert: is for "${names}", and local_id is none of these`;
  }
  if (now < CLOCK_SET) return null;
  if (own.notAfter < now) return `cert: expired on ${isoTime(own.notAfter)}`;
  return own.notBefore > now ? `cert: is not valid before ${isoTime(own.notBefore)}: is the clock right?` : null;
}
function soon(own: Credentials, now: number): string | null {
  const days = Math.floor((own.notAfter - now) / DAY_MS);
  return now >= CLOCK_SET && days < SOON_DAYS ? `the certificate (cert) expires in ${days} days` : null;
}

/** For `check`: a sentence for each section whose files cannot be used. */
export function certificateFaults(config: Pick<Config, "interfaces" | "servers">, deps: Deps): string[] {
  const out: string[] = [];
  for (const c of [...config.interfaces, ...config.servers]) {
    if (!("cert" in c)) continue;
    const files = CertificateFiles.open(c, deps);
    if (files instanceof CertificateFiles) files.close();
    else if (files) out.push(`${c.name}: ${files.text}`);
  }
  return out;
}
