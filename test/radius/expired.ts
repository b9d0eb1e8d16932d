// A RADIUS server whose user's password has expired, and who may change it (RFC 2548 §2.1.7, §2.2, §2.3.4).
import assert from "node:assert/strict";
import { Secret } from "../../src/core/secret.ts";
import { concat, sameBytes, utf8 } from "../../src/core/text.ts";
import { ntPasswordHash } from "../../src/ppp/auth/mschapv2.ts";
import { encryptedHash } from "../../src/ppp/auth/new-password.ts";
import { judge } from "../../src/ppp/auth/proof.ts";
import { Rc4 } from "../../src/ppp/compress/mppe.ts";
import { Attributes } from "../../src/radius/attributes.ts";
import { CODE } from "../../src/radius/packet.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { type Asked, knowing } from "./double.ts";

/** The new password, where whoever wrote this knows the old one. */
export function opened(old: string, password: Uint8Array, hash: Uint8Array): string | null {
  const oldHash = ntPasswordHash(utf8(old));
  const block = password.slice();
  new Rc4(oldHash).crypt(block);
  const length = (block[512] ?? 0) + 256 * (block[513] ?? 0);
  let next = "";
  if (length <= 512)
    for (let at = 512 - length; at + 1 < 512; at += 2)
      next += String.fromCharCode((block[at] ?? 0) | ((block[at + 1] ?? 0) << 8));
  return sameBytes(hash, encryptedHash(crypto, oldHash, ntPasswordHash(utf8(next)))) ? next : null;
}

export class Expiring {
  password = "arctangent";
  expired = true;
  readonly user = "nemo";

  readonly serve = (q: Asked): void => {
    const a = q.packet.attributes;
    if (q.packet.code !== CODE.accessRequest) return void q.answer(CODE.accountingResponse);
    const cpw = a.get("MS-CHAP2-CPW") ?? a.get("MS-CHAP-CPW-2");
    if (cpw) return this.#change(q, cpw);
    if (!this.expired || a.get("EAP-Message")) return knowing({ [this.user]: { password: this.password } })(q);
    const id = Uint8Array.of((a.get("MS-CHAP2-Response") ?? a.get("MS-CHAP-Response"))?.[0] ?? 0);
    const error = utf8("E=648 R=1 C=000102030405060708090A0B0C0D0E0F V=3 M=Password expired");
    q.answer(CODE.accessReject, new Attributes().add("MS-CHAP-Error", concat([id, error])));
  };
  #change(q: Asked, cpw: Uint8Array): void {
    const a = q.packet.attributes;
    const [code = 0, id = 0] = cpw;
    const parts = a.all("MS-CHAP-NT-Enc-PW");
    assert.deepEqual(
      parts.map((p) => [p[0], p[1], p[2], p[3], p.length]),
      [243, 243, 30].map((n, i) => [6, id, 0, i + 1, n + 4]),
    );
    assert.equal(cpw.length, code === 7 ? 68 : 84);
    const method = code === 7 ? "mschapv2" : "mschap";
    const value = concat([cpw.subarray(-50, -2), Uint8Array.of(code === 7 ? 0 : 1)]);
    const challenge = a.get("MS-CHAP-Challenge") ?? new Uint8Array(0);
    const next = opened(this.password, concat(parts.map((p) => p.subarray(4))), cpw.subarray(2, 18));
    const proof = { method, user: this.user, id, challenge, value } as const;
    const v = judge(crypto, proof, () => (next === null ? null : Secret.of(next)));
    if (next === null || v.is !== "accepted" || next.length < 8) {
      const error = utf8("E=709 R=0 V=3 M=too simple");
      return void q.answer(
        CODE.accessReject,
        new Attributes().add("MS-CHAP-Error", concat([Uint8Array.of(id), error])),
      );
    }
    this.password = next;
    this.expired = false;
    const out = new Attributes();
    if (code === 7) out.add("MS-CHAP2-Success", concat([Uint8Array.of(id), v.message]));
    q.answer(CODE.accessAccept, out);
  }
}
