// The Crypto port on node:crypto, used on Node, and the reference for the native library's primitives.
import * as nc from "node:crypto";
import type { AeadName, BlockCipherName, Crypto, DhGroupName, DhKey, HashName } from "../../ports/ports.ts";

const MODP: Readonly<Partial<Record<DhGroupName, string>>> = {
  modp1024: "modp2",
  modp1536: "modp5",
  modp2048: "modp14",
  modp3072: "modp15",
  modp4096: "modp16",
  modp6144: "modp17",
  modp8192: "modp18",
};
const ECP: Readonly<Partial<Record<DhGroupName, readonly [curve: string, bytes: number]>>> = {
  ecp256: ["prime256v1", 32],
  ecp384: ["secp384r1", 48],
  ecp521: ["secp521r1", 66],
};
const X25519_SPKI = Buffer.from("302a300506032b656e032100", "hex"); // RFC 8410 §4: SubjectPublicKeyInfo up to the key

function cbcName(cipher: BlockCipherName, key: Uint8Array): string {
  if (cipher === "3des") {
    if (key.length !== 24) throw new RangeError("3des: key must be 24 bytes");
    return "des-ede3-cbc";
  }
  if (key.length !== 16 && key.length !== 24 && key.length !== 32)
    throw new RangeError(`${cipher}: key must be 16, 24 or 32 bytes`);
  return `${cipher}-${key.length * 8}-cbc`;
}

function cbc(encrypt: boolean, cipher: BlockCipherName, key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  const block = cipher === "3des" ? 8 : 16;
  if (iv.length !== block || data.length % block !== 0) throw new RangeError(`${cipher}: IV or data not a whole block`);
  const make = encrypt ? nc.createCipheriv : nc.createDecipheriv;
  const c = make(cbcName(cipher, key), key, iv).setAutoPadding(false);
  return new Uint8Array(Buffer.concat([c.update(data), c.final()]));
}

function aeadCipher(name: AeadName, key: Uint8Array): nc.CipherGCMTypes {
  // Node types ChaCha20-Poly1305 separately from GCM; both take authTagLength and setAAD.
  return (name === "aes-gcm" ? `aes-${key.length * 8}-gcm` : "chacha20-poly1305") as nc.CipherGCMTypes;
}

function modpKey(name: string): DhKey {
  const dh = nc.createDiffieHellmanGroup(name);
  dh.generateKeys();
  const size = dh.getPrime().length;
  const pad = (b: Uint8Array): Uint8Array => {
    const out = new Uint8Array(size);
    out.set(b, size - b.length);
    return out;
  };
  const p = BigInt(`0x${dh.getPrime("hex")}`);
  return {
    publicValue: pad(dh.getPublicKey()),
    shared(peer) {
      if (peer.length !== size) return null;
      const y = BigInt(`0x${Buffer.from(peer).toString("hex")}`);
      if (y <= 1n || y >= p - 1n) return null; // would make the secret predictable
      try {
        return pad(dh.computeSecret(peer));
      } catch {
        return null;
      }
    },
  };
}

function ecpKey(curve: string, bytes: number): DhKey {
  const dh = nc.createECDH(curve);
  dh.generateKeys();
  return {
    publicValue: new Uint8Array(dh.getPublicKey().subarray(1)),
    shared(peer) {
      if (peer.length !== 2 * bytes) return null;
      try {
        return new Uint8Array(dh.computeSecret(Buffer.concat([Buffer.of(4), peer]))); // throws for points off the curve
      } catch {
        return null;
      }
    },
  };
}

function x25519Key(): DhKey {
  const { publicKey, privateKey } = nc.generateKeyPairSync("x25519");
  return {
    publicValue: new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(X25519_SPKI.length)),
    shared(peer) {
      if (peer.length !== 32) return null;
      try {
        const key = nc.createPublicKey({ key: Buffer.concat([X25519_SPKI, peer]), format: "der", type: "spki" });
        const s = new Uint8Array(nc.diffieHellman({ privateKey, publicKey: key }));
        return s.every((x) => x === 0) ? null : s; // RFC 7748 §6.1
      } catch {
        return null;
      }
    },
  };
}

let pool = new Uint8Array(0);
let used = 0;

export const nodeCrypto: Crypto = {
  random(n) {
    if (n < 0 || n > 65536) throw new RangeError("random: 0 to 65,536 bytes");
    if (n > 64) return new Uint8Array(nc.randomBytes(n));
    if (used + n > pool.length) {
      pool = new Uint8Array(nc.randomBytes(4096)); // one call for many small requests
      used = 0;
    }
    const out = pool.slice(used, used + n);
    pool.fill(0, used, used + n);
    used += n;
    return out;
  },
  hash(name: HashName, parts) {
    const h = nc.createHash(name);
    for (const p of parts) h.update(p);
    return new Uint8Array(h.digest());
  },
  hmac(name: HashName, key, parts) {
    const h = nc.createHmac(name, key);
    for (const p of parts) h.update(p);
    return new Uint8Array(h.digest());
  },
  cbcEncrypt: (cipher, key, iv, data) => cbc(true, cipher, key, iv, data),
  cbcDecrypt: (cipher, key, iv, data) => cbc(false, cipher, key, iv, data),
  aeadSeal(name, key, nonce, aad, plain) {
    const c = nc.createCipheriv(aeadCipher(name, key), key, nonce, { authTagLength: 16 });
    c.setAAD(aad, { plaintextLength: plain.length });
    return new Uint8Array(Buffer.concat([c.update(plain), c.final(), c.getAuthTag()]));
  },
  aeadOpen(name, key, nonce, aad, sealed) {
    if (sealed.length < 16) return null;
    const at = sealed.length - 16;
    const d = nc.createDecipheriv(aeadCipher(name, key), key, nonce, { authTagLength: 16 });
    d.setAAD(aad, { plaintextLength: at });
    d.setAuthTag(sealed.subarray(at));
    const out = d.update(sealed.subarray(0, at));
    try {
      d.final();
    } catch {
      return null;
    }
    return new Uint8Array(out);
  },
  desBlock(key, block) {
    if (key.length !== 8 || block.length !== 8) throw new RangeError("des: key and block are 8 bytes");
    // OpenSSL 3 has single DES only in its legacy provider; EDE with one key three times is the same function.
    const c = nc.createCipheriv("des-ede3", Buffer.concat([key, key, key]), null).setAutoPadding(false);
    return new Uint8Array(Buffer.concat([c.update(block), c.final()]));
  },
  dh(group) {
    if (group === "x25519") return x25519Key();
    const ecp = ECP[group];
    if (ecp) return ecpKey(ecp[0], ecp[1]);
    return modpKey(MODP[group] as string);
  },
};
