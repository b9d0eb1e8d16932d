// Keys and stores of certificates of the library as objects.
import type { Flat } from "./flat.ts";
import { ascii } from "./tls.ts";
import type { PkiKey, PkiLibrary, PkiStore } from "./types.ts";

const WORDS = 200;
const SIGNATURE = 2048;
/** For keys and whole files, bytes. */
const ROOM = 1 << 17;
const DEPTH = 2 ** 20;

function key(flat: Flat, pem: Uint8Array, cert: Uint8Array): PkiKey | string {
  const words = new Uint8Array(WORDS);
  const handle = flat.pkiKey(pem, cert, words);
  if (handle < 0) return ascii(words.subarray(0, -handle));
  return {
    sign(form, hash, data) {
      const into = new Uint8Array(SIGNATURE);
      const n = flat.pkiSign(handle, form, hash, data, into);
      return n > 0 ? into.slice(0, n) : null;
    },
    close: () => flat.pkiKeyClose(handle),
  };
}
function whole(chain: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(chain.reduce((n, c) => n + c.length, 0));
  let at = 0;
  for (const c of chain) {
    out.set(c, at);
    at += c.length;
  }
  return out;
}
function store(flat: Flat): PkiStore | null {
  const handle = flat.pkiTrust();
  if (handle === 0) return null;
  return {
    add: (cert) => flat.pkiTrustAdd(handle, cert) === 1,
    addCrls: (pem) => flat.pkiTrustCrls(handle, pem),
    validate(chain, seconds, level) {
      const r = flat.pkiValidate(handle, whole(chain), seconds, level);
      return r === 0 ? null : { error: r % DEPTH, depth: Math.floor(r / DEPTH) };
    },
    close: () => flat.pkiTrustClose(handle),
  };
}
function made(make: (into: Uint8Array) => number): Uint8Array | null {
  const into = new Uint8Array(ROOM);
  const n = make(into);
  const out = into.slice(0, n);
  into.fill(0);
  return n > 0 ? out : null;
}
export function pkiLibrary(flat: Flat): PkiLibrary | null {
  if (flat.pkiHave() !== 1) return null;
  return {
    key: (pem, cert) => key(flat, pem, cert),
    verify: (cert, form, hash, data, signature) => flat.pkiVerify(cert, form, hash, data, signature) === 1,
    store: () => store(flat),
    generate: (kind) => made((into) => flat.pkiGenerate(kind, into)),
    publicKey: (pem) => made((into) => flat.pkiPublic(pem, into)),
    pkcs12: (password, name, pem, certs) => made((into) => flat.pkiPkcs12(password, name, pem, whole(certs), into)),
    fromPkcs12: (file, password) => made((into) => flat.pkiOfPkcs12(file, password, into)),
  };
}
