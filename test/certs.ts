// Certificates for tests, made by openssl: two CAs that do not know one another, servers and clients with and without
// what makes a server's certificate good.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const noOpenssl = spawnSync("openssl", ["version"]).status === 0 ? false : "no openssl";

export class Certs {
  readonly dir = mkdtempSync(join(tmpdir(), "l2tpsec-certs-"));
  constructor() {
    for (const ca of ["ca", "other-ca"])
      this.#run([
        "req",
        "-x509",
        ...NEW_KEY,
        "-days",
        "30",
        "-subj",
        `/CN=${ca}`,
        "-keyout",
        this.path(`${ca}.key`),
        "-out",
        this.path(`${ca}.pem`),
      ]);
    this.#leaf("server", { alt: "DNS:server.example, IP:192.0.2.7" });
    this.#leaf("client", { use: "clientAuth" });
    this.#leaf("stranger", { ca: "other-ca", use: "clientAuth" });
    this.#leaf("late", { days: -1 });
    this.#leaf("no-use", { use: "" });
    this.#leaf("no-alt", { alt: "" });
    this.#leaf("wild", { alt: "DNS:*.wild.example" });
    this.#leaf("part", { alt: "DNS:pa*.wild.example" });
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
  /** `use`: Extended Key Usage, `alt`: subjectAltName; "": the certificate has none. */
  #leaf(
    name: string,
    p: { readonly ca?: string; readonly days?: number; readonly use?: string; readonly alt?: string } = {},
  ): void {
    const { ca = "ca", days = 30, use = "serverAuth", alt = `DNS:${name}.example` } = p;
    const extensions = [
      ...(use === "" ? [] : [`extendedKeyUsage=${use}`]),
      ...(alt === "" ? [] : [`subjectAltName=${alt}`]),
    ];
    writeFileSync(this.path(`${name}.ext`), `${extensions.join("\n")}\n`);
    this.#run([
      "req",
      ...NEW_KEY,
      "-subj",
      `/CN=${name}.example`,
      "-keyout",
      this.path(`${name}.key`),
      "-out",
      this.path(`${name}.csr`),
    ]);
    this.#run([
      "x509",
      "-req",
      "-in",
      this.path(`${name}.csr`),
      "-CA",
      this.path(`${ca}.pem`),
      "-CAkey",
      this.path(`${ca}.key`),
      "-CAcreateserial",
      "-days",
      String(days),
      "-extfile",
      this.path(`${name}.ext`),
      "-out",
      this.path(`${name}.pem`),
    ]);
  }
  #run(words: readonly string[]): void {
    execFileSync("openssl", words, { stdio: "pipe" });
  }
}
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"] as const;
