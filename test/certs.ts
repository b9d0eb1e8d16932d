// Certificates for tests, made by openssl: two CAs that do not know one another, a server and a client of each kind, and one whose time is over.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const noOpenssl = spawnSync("openssl", ["version"]).status === 0 ? false : "no openssl";

export class Certs {
  readonly dir = mkdtempSync(join(tmpdir(), "l2tpsec-certs-"));
  constructor() {
    for (const ca of ["ca", "other-ca"]) this.#run(["req", "-x509", ...NEW_KEY, "-days", "30", "-subj", `/CN=${ca}`, "-keyout", this.path(`${ca}.key`), "-out", this.path(`${ca}.pem`)]);
    this.#leaf("server", "ca");
    this.#leaf("client", "ca");
    this.#leaf("stranger", "other-ca");
    this.#leaf("late", "ca", -1);
  }
  path(name: string): string {
    return join(this.dir, name);
  }
  read(name: string): Uint8Array {
    return new Uint8Array(readFileSync(this.path(name)));
  }
  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
  #leaf(name: string, ca: string, days = 30): void {
    this.#run(["req", ...NEW_KEY, "-subj", `/CN=${name}.example`, "-keyout", this.path(`${name}.key`), "-out", this.path(`${name}.csr`)]);
    this.#run(["x509", "-req", "-in", this.path(`${name}.csr`), "-CA", this.path(`${ca}.pem`), "-CAkey", this.path(`${ca}.key`), "-CAcreateserial", "-days", String(days), "-out", this.path(`${name}.pem`)]);
  }
  #run(words: readonly string[]): void {
    execFileSync("openssl", words, { stdio: "pipe" });
  }
}
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"] as const;
