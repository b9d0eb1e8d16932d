// The Crypto port on the native library's primitives.
import type { Flat } from "node-tuntap2";
import { concat } from "../../core/text.ts";
import type { AeadName, BlockCipherName, Crypto, DhGroupName, DhKey, HashName } from "../../ports/ports.ts";
import { haveGroup, isKem, nativeKems } from "../kems.ts";

const HASH: Readonly<Record<HashName, number>> = { md5: 16, sha1: 20, sha256: 32, sha384: 48, sha512: 64 };
/** Bytes of the private value, the public one, and the shared secret. */
const GROUP: Readonly<Record<DhGroupName, readonly [secret: number, publicValue: number, shared: number]>> = {
  modp1024: [64, 128, 128],
  modp1536: [64, 192, 192],
  modp2048: [64, 256, 256],
  modp3072: [64, 384, 384],
  modp4096: [64, 512, 512],
  modp6144: [64, 768, 768],
  modp8192: [64, 1024, 1024],
  ecp256: [32, 64, 32],
  ecp384: [48, 96, 48],
  ecp521: [66, 132, 66],
  modp2048s256: [64, 256, 256],
  x25519: [32, 32, 32],
  x448: [56, 56, 56],
};
const NOTHING = new Uint8Array(0);
const POOL = 4096;

function cbcName(cipher: BlockCipherName, key: Uint8Array): string {
  return cipher === "3des" ? "des-ede3-cbc" : `${cipher}-${key.length * 8}-cbc`;
}
function aeadName(name: AeadName, key: Uint8Array): string {
  return name === "aes-gcm" ? `aes-${key.length * 8}-gcm` : name;
}
function whole(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : concat(parts);
}

export function nativeCrypto(flat: Flat): Crypto {
  let pool = NOTHING;
  let used = 0;
  const hash = (name: HashName, keyed: boolean, key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array => {
    const out = new Uint8Array(HASH[name] ?? 0);
    flat.cryptoHash(name, keyed, key, whole(parts), out);
    return out;
  };
  const cbc = (
    encrypt: boolean,
    cipher: BlockCipherName,
    key: Uint8Array,
    iv: Uint8Array,
    data: Uint8Array,
  ): Uint8Array => {
    const out = new Uint8Array(data.length);
    flat.cryptoCbc(encrypt, cbcName(cipher, key), key, iv, data, out);
    return out;
  };
  const dh = (group: DhGroupName): DhKey => {
    const [secretSize, publicSize, sharedSize] = GROUP[group];
    const secret = new Uint8Array(secretSize);
    const publicValue = new Uint8Array(publicSize);
    flat.cryptoDhNew(group, secret, publicValue);
    return {
      publicValue,
      shared(peer) {
        if (peer.length !== publicSize) return null;
        const out = new Uint8Array(sharedSize);
        return flat.cryptoDhShared(group, secret, peer, out) === 1 ? out : null;
      },
    };
  };
  const kems = nativeKems(() => flat);
  return {
    random(n) {
      if (n < 0 || n > 65536) throw new RangeError("random: 0 to 65,536 bytes");
      const out = new Uint8Array(n);
      if (n > 64) {
        flat.cryptoRandom(out);
        return out;
      }
      if (used + n > pool.length) {
        pool = new Uint8Array(POOL); // one call for many small requests
        flat.cryptoRandom(pool);
        used = 0;
      }
      out.set(pool.subarray(used, used + n));
      pool.fill(0, used, used + n);
      used += n;
      return out;
    },
    hash: (name, parts) => hash(name, false, NOTHING, parts),
    hmac: (name, key, parts) => hash(name, true, key, parts),
    cbcEncrypt: (cipher, key, iv, data) => cbc(true, cipher, key, iv, data),
    cbcDecrypt: (cipher, key, iv, data) => cbc(false, cipher, key, iv, data),
    aeadSeal(name, key, nonce, aad, plain) {
      const out = new Uint8Array(plain.length + 16);
      flat.cryptoAead(true, aeadName(name, key), key, nonce, aad, plain, out);
      return out;
    },
    aeadOpen(name, key, nonce, aad, sealed) {
      if (sealed.length < 16) return null;
      const out = new Uint8Array(sealed.length - 16);
      return flat.cryptoAead(false, aeadName(name, key), key, nonce, aad, sealed, out) === 1 ? out : null;
    },
    desBlock(key, block) {
      if (key.length !== 8 || block.length !== 8) throw new RangeError("des: key and block are 8 bytes");
      // OpenSSL 3 has single DES only in its legacy provider; EDE with one key three times, on one block, is the
      // same function.
      return cbc(true, "3des", concat([key, key, key]), new Uint8Array(8), block);
    },
    dh,
    has: (name) => (isKem(name) ? kems.has(name) : haveGroup(name, dh)),
    kem: kems.kem,
    encapsulate: kems.encapsulate,
  };
}
