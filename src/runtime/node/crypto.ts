// The Crypto port on node:crypto, used on Node, and the reference for the native library's primitives.
import * as nc from "node:crypto";
import type { AeadName, BlockCipherName, Crypto, DhGroupName, DhKey, HashName } from "../../ports/ports.ts";
import { haveGroup, isKem, nativeKems } from "../kems.ts";
import { loadFlat } from "./native.ts";

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
/** RFC 8410 §4: SubjectPublicKeyInfo up to the key. */
const SPKI = {
  x25519: Buffer.from("302a300506032b656e032100", "hex"),
  x448: Buffer.from("3042300506032b656f033900", "hex"),
} as const;
/** RFC 5114 §2.3: the prime, and a generator. */
const MODP2048S256 = [
  "h6jmHbS2Zjz/u9GcZRlZmYzu9ghmDdDyXSzu1ENeOwDgDfjx1hlX1Pr330VhsqowFsPZETQJb6o79Cltgw6afCCeDGSXUXq9Woqd" +
    "MGvPZ+2R+eZyW0dYwCLgse9Cdb97bFv8EdRfkIi5QfVOseWbuLw5oL8SMH9cT9twxYGyP3a2Osrhyqa3kC1SUmc1SIoO8TxtmlG/" +
    "pKs62DR3llJNjvahZ7WkGCXZZ+FE5RQFZCUcysuD5rSG9rPKP3lxUGAmwLhX9omWKFbe1AEKvQvmIcOjlgpU5xDDdfJjddcBQQOk" +
    "tUMwwZivEmEW0iduEXFfaTh3+tfvCcrbCUrpHhoVlw==",
  "P7Msm3MTTQsud1BmYO29SEynsY8h7yBUB/R5OhoLoSUQ28FQd75GP/9P7UqsC7VVvjpsGwxrR7G8N3O/foxvYpASKPjCjLsYpVrj" +
    "E0EACmUBlvkxx3pX8t30Y+Xp7BRLd33mKqq4qGKKw3bSgtbtOGTmeYJCjryDHRQ0j28vkZO1BFrydnFk4d/JZ8H7Py5VpL0b/+g7" +
    "nIDQUrmF0YLqCtsqO3MT0/4UyEhLHgUliLm30rvS3wFhmezQbhVXzQkVszU7u2Tg7Dd/0Cg3DfkrUseJFCjNxn62GEtSPR2yRsMv" +
    "YweEkPAO+NZH0UjUeVRRXiMnz++YxYJmS0wPbMQWWQ==",
].map((h) => Buffer.from(h, "base64"));

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

function modpKey(group: DhGroupName): DhKey {
  const [prime = Buffer.of(), generator = Buffer.of()] = MODP2048S256;
  const name = MODP[group];
  const dh = name === undefined ? nc.createDiffieHellman(prime, generator) : nc.createDiffieHellmanGroup(name);
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

function rfc7748Key(name: keyof typeof SPKI): DhKey {
  const { publicKey, privateKey } = name === "x25519" ? nc.generateKeyPairSync(name) : nc.generateKeyPairSync(name);
  const publicValue = new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(SPKI[name].length));
  return {
    publicValue,
    shared(peer) {
      if (peer.length !== publicValue.length) return null;
      try {
        const key = nc.createPublicKey({ key: Buffer.concat([SPKI[name], peer]), format: "der", type: "spki" });
        const s = new Uint8Array(nc.diffieHellman({ privateKey, publicKey: key }));
        return s.every((x) => x === 0) ? null : s; // RFC 7748 §6
      } catch {
        return null;
      }
    },
  };
}

function dh(group: DhGroupName): DhKey {
  if (group === "x25519" || group === "x448") return rfc7748Key(group);
  const ecp = ECP[group];
  return ecp ? ecpKey(ecp[0], ecp[1]) : modpKey(group);
}
const kems = nativeKems(loadFlat);

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
  dh,
  has: (name) => (isKem(name) ? kems.has(name) : haveGroup(name, dh)),
  kem: kems.kem,
  encapsulate: kems.encapsulate,
};
