// Small CAs for tests, by the program's own code (x509/issue.ts) and libcrypto: a certificate takes a millisecond.
import type {
  CertFault,
  Certificates,
  Credentials,
  Identity,
  KeyKind,
  PeerCertificate,
  Pki,
  Trust,
} from "../../src/ports/pki.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import { certificateKeyId, openIssuer } from "../../src/x509/ca.ts";
import { type Issuer, issue, issueCrl, type Wish } from "../../src/x509/issue.ts";
import { toPem } from "../../src/x509/pem.ts";
import { openPki } from "../../src/x509/pki.ts";

const pki = loadNative().pki();
if (!pki) throw new Error("no libcrypto");
export const library = pki;
const sha1 = (data: Uint8Array): Uint8Array => nodeCrypto.hash("sha1", [data]);
export const testPki: Pki = openPki({ library, sha1 });

export const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
export const SERVER_USE = "1.3.6.1.5.5.7.3.1";
export const CLIENT_USE = "1.3.6.1.5.5.7.3.2";

export interface Held {
  readonly der: Uint8Array;
  readonly pem: string;
  readonly key: Uint8Array;
  readonly serial: Uint8Array;
  readonly notAfter: number;
}
export type Kind = "rsa2048" | Exclude<KeyKind, "rsa">;
type Options = Partial<Wish> & { readonly kind?: Kind; readonly key?: Uint8Array };

let serials = 0;
function held(o: Options, by: Issuer | null): Held {
  const key = o.key ?? library.generate(o.kind ?? "ecp256");
  const publicKeyInfo = key && (o.publicKeyInfo ?? library.publicKey(key));
  if (!key || !publicKeyInfo) throw new Error("no key");
  const serial = o.serial ?? Uint8Array.of(1, ++serials >> 8, serials);
  const wish: Wish = {
    subject: "C=CH, O=Tests, CN=somebody",
    notBefore: NOW - 10 * DAY,
    notAfter: NOW + 300 * DAY,
    ca: null,
    altNames: [],
    uses: [],
    ...o,
    serial,
    publicKeyInfo,
    keyId: o.keyId ?? certificateKeyId(publicKeyInfo, sha1),
  };
  const der = issue(wish, by ?? openIssuer(library, key, wish.subject, publicKeyInfo, sha1));
  return { der, pem: toPem("CERTIFICATE", der), key, serial, notAfter: wish.notAfter };
}
export class TestCa {
  readonly name: string;
  readonly own: Held;
  readonly issuer: Issuer;
  /** `by`: an intermediate CA's issuer. */
  constructor(name: string, o: Options = {}, by: TestCa | null = null) {
    this.name = name;
    this.own = held(
      { subject: name, ca: 3, notBefore: NOW - 100 * DAY, notAfter: NOW + 3000 * DAY, ...o },
      by?.issuer ?? null,
    );
    const info = o.publicKeyInfo ?? library.publicKey(this.own.key);
    if (!info) throw new Error("no key");
    this.issuer = openIssuer(library, this.own.key, name, info, sha1);
  }
  leaf(subject: string, o: Options = {}): Held {
    return held({ subject, ...o }, this.issuer);
  }
  server(host: string, o: Options = {}): Held {
    const altNames: Identity[] = [{ type: 2, text: host }];
    return this.leaf(`O=Tests, CN=${host}`, { altNames, uses: [SERVER_USE], ...o });
  }
  client(user: string, o: Options = {}): Held {
    const altNames: Identity[] = [{ type: 3, text: user }];
    return this.leaf(`O=Tests, CN=${user}`, { altNames, uses: [CLIENT_USE], ...o });
  }
  crl(revoked: readonly Uint8Array[], o: { readonly now?: number; readonly nextUpdate?: number } = {}): string {
    const at = NOW - DAY;
    const list = revoked.map((serial) => ({ serial, at }));
    const times = { now: NOW - DAY, nextUpdate: NOW + 30 * DAY, ...o };
    return toPem("X509 CRL", issueCrl(this.issuer, { number: 1, revoked: list, ...times }));
  }
}

export function trust(of: readonly TestCa[], crl: string | null = null, leastRsaBits?: number): Trust {
  const pem = of.map((c) => c.own.pem).join("");
  const t = testPki.trust({ ca: pem, crl, ...(leastRsaBits === undefined ? {} : { leastRsaBits }) });
  if (typeof t === "string") throw new Error(t);
  return t;
}
export function credentials(h: Held, more: readonly Held[] = []): Credentials {
  const c = testPki.credentials({ cert: [h, ...more].map((x) => x.pem).join(""), key: h.key });
  if (typeof c === "string") throw new Error(c);
  return c;
}
export function good(x: PeerCertificate | CertFault): PeerCertificate {
  if (!x.trusted) throw new Error(`${x.code}: ${x.text}`);
  return x;
}
export function bad(x: PeerCertificate | CertFault, code: CertFault["code"], text: RegExp): void {
  if (x.trusted) throw new Error("was trusted");
  if (x.code !== code || !text.test(x.text)) throw new Error(`${x.code}: ${x.text}`);
}

/** Certificates by way of two CAs below the root, too long for one message: a server's of this name, and a client's. */
export function longChains(serverName: string): { readonly server: Certificates; readonly client: Certificates } {
  const kind = "rsa2048";
  const root = new TestCa("CN=root", { kind });
  const upper = new TestCa("CN=upper", { kind }, root);
  const lower = new TestCa("CN=lower", { kind }, upper);
  const long = (h: Held): Certificates => ({
    credentials: credentials(h, [lower.own, upper.own]),
    trust: trust([root]),
  });
  return { server: long(lower.server(serverName, { kind })), client: long(lower.client("me@example", { kind })) };
}
