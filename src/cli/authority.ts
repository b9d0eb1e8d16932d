// A small CA in a folder (l2tpsec cert), for who has none: its certificate and key, those of a server and of users, a
// CRL, and the files that other systems import. Keys are made by libcrypto in this process: no router has the openssl
// program, and nothing secret is ever on a command line.
import { mobileConfig } from "../config/mobileconfig.ts";
import { parseIp } from "../core/addr.ts";
import { SystemError } from "../core/errors.ts";
import type { Rng } from "../core/rng.ts";
import { fromUtf8, hex, sameBytes, utf8 } from "../core/text.ts";
import { CLOCK_SET, type Identity, type PkiMaker } from "../ports/pki.ts";
import { certificateKeyId, openIssuer } from "../x509/ca.ts";
import { keyOf, readCertificate } from "../x509/certificate.ts";
import { type Issuer, issue, issueCrl, revokedBy } from "../x509/issue.ts";
import { base64, fromPem, toPem } from "../x509/pem.ts";
import { generatedKey } from "./generate.ts";

const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
const LEAF_DAYS = 820;
const SERVER_USES = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.8.2.2"]; // TLS server; IKE intermediate, which macOS asks for
const CLIENT_USES = ["1.3.6.1.5.5.7.3.2"];
const PRIVATE = 0o600;
const PUBLIC = 0o644;

export interface CertTools {
  readonly maker: PkiMaker;
  readonly rng: Rng;
  sha1(data: Uint8Array): Uint8Array;
  /** Milliseconds since 1970. */
  now(): number;
  /** These three throw SystemError. */
  read(path: string): Uint8Array;
  /** A file that is not there yet. */
  create(path: string, data: Uint8Array, mode: number): void;
  /** In place of the file that is there. */
  replace(path: string, text: string): void;
  say(text: string): void;
}
export interface CertOptions {
  readonly dir: string;
  /** Validity; null: the default. */
  readonly days: number | null;
  readonly ecdsa: boolean;
}
/** Why not, in a sentence. */
export class CertRefused extends Error {}

/** Name, contents, mode. */
type NewFile = readonly [name: string, data: string | Uint8Array, mode: number];

/** A CA in a folder. Each of its methods is a command, and throws CertRefused, SystemError or DecodeError. */
export class Authority {
  readonly #o: CertOptions;
  readonly #t: CertTools;

  constructor(o: CertOptions, tools: CertTools) {
    this.#o = o;
    this.#t = tools;
  }
  #path(name: string): string {
    if (!/^[A-Za-z0-9@._:-]+$/.test(name) || name.startsWith("."))
      throw new CertRefused(`${JSON.stringify(name)} cannot be the name of a file: letters, digits and @ . _ : - only`);
    return `${this.#o.dir}/${name}`;
  }
  #text(name: string): string {
    return fromUtf8(this.#t.read(this.#path(name)));
  }
  /** A key is not to be lost, and an old file's mode would stay. */
  #absent(name: string): void {
    const path = this.#path(name);
    if (this.#has(path)) throw new CertRefused(`${path} exists already: remove it first`);
  }
  #create(...files: readonly NewFile[]): void {
    for (const [name] of files) this.#absent(name);
    for (const [name, data, mode] of files) {
      const path = this.#path(name);
      this.#t.create(path, typeof data === "string" ? utf8(data) : data, mode);
      this.#t.say(`${path}\n`);
    }
  }
  #has(path: string): boolean {
    try {
      this.#t.read(path);
      return true;
    } catch (e) {
      if (e instanceof SystemError && e.errno === "ENOENT") return false;
      throw e;
    }
  }
  #newKey(): { readonly pem: Uint8Array; readonly info: Uint8Array } {
    const pem = this.#t.maker.generate(this.#o.ecdsa ? "ecp256" : "rsa2048");
    const info = pem && this.#t.maker.publicKey(pem);
    if (!pem || !info) throw new CertRefused("libcrypto could not make a key");
    return { pem, info };
  }
  #serial(): Uint8Array {
    const serial = this.#t.rng.random(16);
    serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
    return serial;
  }
  #issuer(): { readonly ca: Uint8Array; readonly by: Issuer } {
    const ca = fromPem("CERTIFICATE", this.#text("ca.pem"))?.[0];
    if (!ca) throw new CertRefused(`${this.#path("ca.pem")} holds no certificate`);
    const { subject, publicKeyInfo } = readCertificate(ca);
    const key = this.#t.read(this.#path("ca.key"));
    const info = this.#t.maker.publicKey(key);
    if (!info || !sameBytes(info, publicKeyInfo) || keyOf(info) === null)
      throw new CertRefused(`${this.#path("ca.key")} is not the key of ca.pem, or of a kind that is not supported`);
    return { ca, by: openIssuer(this.#t.maker, key, subject, publicKeyInfo, (d) => this.#t.sha1(d)) };
  }
  #now(): number {
    const now = this.#t.now();
    if (now < CLOCK_SET)
      throw new CertRefused("the clock of this machine is not set: certificates would have wrong dates");
    return now;
  }
  #validity(days: number): { notBefore: number; notAfter: number } {
    const now = this.#now();
    return { notBefore: now - DAY_MS, notAfter: now + (this.#o.days ?? days) * DAY_MS };
  }

  found(name: string): void {
    for (const file of ["ca.key", "ca.pem", "crl.pem"]) this.#absent(file);
    if (name.trim() === "") throw new CertRefused("a CA needs a name");
    const { pem, info } = this.#newKey();
    const subject = `CN=${name.replace(/[,+\\=]/g, "\\$&")}`;
    const sha1 = (d: Uint8Array): Uint8Array => this.#t.sha1(d);
    const by = openIssuer(this.#t.maker, pem, subject, info, sha1);
    const wish = { subject, serial: this.#serial(), publicKeyInfo: info, keyId: by.keyId, altNames: [], uses: [] };
    const der = issue({ ...wish, ...this.#validity(CA_DAYS), ca: 0 }, by);
    this.#create(
      ["ca.key", pem, PRIVATE],
      ["ca.pem", toPem("CERTIFICATE", der), PUBLIC],
      ["crl.pem", this.#crl(by, []), PUBLIC],
    );
  }
  #crl(by: Issuer, revoked: readonly { readonly serial: Uint8Array; readonly at: number }[]): string {
    const now = this.#now();
    const number = Math.floor(now / 1000) % 2 ** 31;
    return toPem("X509 CRL", issueCrl(by, { number, now, nextUpdate: now + CA_DAYS * DAY_MS, revoked }));
  }
  #leaf(name: string, altNames: readonly Identity[], uses: readonly string[]) {
    for (const file of [`${name}.key`, `${name}.pem`]) this.#absent(file);
    const { ca, by } = this.#issuer();
    const { pem, info } = this.#newKey();
    const keyId = certificateKeyId(info, (d) => this.#t.sha1(d));
    const wish = {
      subject: `CN=${name}`,
      serial: this.#serial(),
      publicKeyInfo: info,
      keyId,
      altNames,
      uses,
      ca: null,
    };
    const der = issue({ ...wish, ...this.#validity(LEAF_DAYS) }, by);
    const files: NewFile[] = [
      [`${name}.key`, pem, PRIVATE],
      [`${name}.pem`, toPem("CERTIFICATE", der), PUBLIC],
    ];
    return { ca, der, pem, files };
  }
  /** `hosts`: names and addresses of the server; the files have the first as their name. */
  server(hosts: readonly string[]): void {
    const wrong = hosts.find((h) => !/^[A-Za-z0-9._:-]+$/.test(h));
    if (wrong !== undefined) throw new CertRefused(`${JSON.stringify(wrong)} is no host name and no address`);
    const altNames = hosts.map((text) => ({ type: parseIp(text) ? 1 : 2, text }));
    this.#create(...this.#leaf(hosts[0] ?? "", altNames, SERVER_USES).files);
  }
  /** `server`: null, or what a profile for iOS and macOS dials. */
  user(name: string, server: string | null): void {
    if (name === "") throw new CertRefused("a user needs a name");
    const altNames = name.includes("@") ? [{ type: 3, text: name }] : [];
    const { ca, der, pem, files } = this.#leaf(name, altNames, CLIENT_USES);
    const password = generatedKey(this.#t.rng);
    const p12 = this.#t.maker.pkcs12(password, name, pem, [der, ca]);
    if (!p12) throw new CertRefused("libcrypto could not write PKCS #12");
    files.push([`${name}.p12`, p12, PRIVATE]);
    if (server !== null) {
      const key = { p12: base64(p12), ca: base64(ca) };
      const profile = { server, user: name, password: "", all: true, key };
      files.push([`${name}.mobileconfig`, mobileConfig(profile, this.#t.rng), PRIVATE]);
    }
    this.#create(...files);
    this.#t.say(`password of ${name}.p12: ${password}\n`);
  }
  revoke(name: string): void {
    const { by } = this.#issuer();
    const der = fromPem("CERTIFICATE", this.#text(`${name}.pem`))?.[0];
    const old = fromPem("X509 CRL", this.#text("crl.pem"))?.[0];
    if (!der || !old) throw new CertRefused(`${this.#path(`${name}.pem`)} holds no certificate, or crl.pem no CRL`);
    const { serial, issuer } = readCertificate(der);
    if (issuer !== by.name) throw new CertRefused(`${name}.pem was not issued by this CA`);
    const revoked = revokedBy(old).filter((r) => hex(r.serial) !== hex(serial));
    const path = this.#path("crl.pem");
    this.#t.replace(path, this.#crl(by, [...revoked, { serial, at: this.#now() }]));
    this.#t.say(`${path}\n`);
  }
  /** From PKCS #12: the key, the certificate with those between it and its CA, and the CA. */
  import(file: string, name: string, password: string): void {
    const all = this.#t.maker.fromPkcs12(this.#t.read(file), password);
    if (!all) throw new CertRefused(`${file}: the password is wrong, or it is not PKCS #12 that this libcrypto reads`);
    const text = fromUtf8(all);
    const key = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----\n/.exec(text)?.[0];
    const certs = fromPem("CERTIFICATE", text) ?? [];
    const roots = certs.filter((c) => readCertificate(c).selfIssued);
    const chain = certs.filter((c) => !roots.includes(c));
    if (key === undefined || chain.length === 0)
      throw new CertRefused(`${file}: holds no private key, or no certificate that a CA issued`);
    const pem = (list: readonly Uint8Array[]): string => list.map((c) => toPem("CERTIFICATE", c)).join("");
    const files: NewFile[] = [
      [`${name}.key`, key, PRIVATE],
      [`${name}.pem`, pem(chain), PUBLIC],
    ];
    if (roots.length > 0) files.push([`${name}-ca.pem`, pem(roots), PUBLIC]);
    this.#create(...files);
  }
}
