// Published vectors against the Crypto port, and whole ESP packets against the reference and the library.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DROPS, Kind } from "node-tuntap2";
import { hex, unhex, utf8 } from "../../src/core/text.ts";
import { referenceFastPath } from "../../src/dataplane/userspace/reference.ts";
import { openEsp } from "../../src/esp/open.ts";
import { espSa } from "../../src/esp/sa.ts";
import { sealEsp } from "../../src/esp/seal.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import { A4, B4, get, put } from "./fixture.ts";

const lib = loadNative();

function x(s: string): Uint8Array {
  const b = unhex(s.replace(/\s/g, ""));
  if (!b) throw new Error(`not hex: ${s}`);
  return b;
}

test("RFC 3602 §4: AES-CBC cases 1 to 4", () => {
  const cases = [
    [
      "06a9214036b8a15b512e03d534120006",
      "3dafba429d9eb430b422da802c9fac41",
      hex(utf8("Single block msg")),
      "e353779c1079aeb82708942dbe77181a",
    ],
    [
      "c286696d887c9aa0611bbb3e2025a45a",
      "562e17996d093d28ddb3ba695a2e6f58",
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
      "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1",
    ],
    [
      "6c3ea0477630ce21a2ce334aa746c2cd",
      "c782dc4c098c66cbd9cd27d825682c81",
      hex(utf8("This is a 48-byte message (exactly 3 AES blocks)")),
      "d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5021c19216bad525c8579695d83ba2684",
    ],
    [
      "56e47a38c5598974bc46903dba290349",
      "8ce82eefbea0da3c44699ed7db51b7d9",
      "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf" +
        "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
      "c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e35907aa632c3ffdf868bb7b29d3d46ad" +
        "83ce9f9a102ee99d49a53e87f4c3da55",
    ],
  ] as const;
  for (const [key, iv, plain, sealed] of cases) {
    assert.equal(hex(nodeCrypto.cbcEncrypt("aes", x(key), x(iv), x(plain))), sealed);
    assert.equal(hex(nodeCrypto.cbcDecrypt("aes", x(key), x(iv), x(sealed))), plain);
  }
});

test("RFC 2202: HMAC-MD5 and HMAC-SHA1; RFC 4231: HMAC-SHA2, with the truncations of ESP", () => {
  const hi = [utf8("Hi There")];
  const jefe = [utf8("what do ya want "), utf8("for nothing?")];
  assert.equal(hex(nodeCrypto.hmac("md5", new Uint8Array(16).fill(0x0b), hi)), "9294727a3638bb1c13f48ef8158bfc9d");
  assert.equal(hex(nodeCrypto.hmac("md5", utf8("Jefe"), jefe)), "750c783e6ab0b503eaa86e310a5db738");
  assert.equal(
    hex(nodeCrypto.hmac("sha1", new Uint8Array(20).fill(0x0b), hi)),
    "b617318655057264e28bc0b6fb378c8ef146be00",
  );
  assert.equal(hex(nodeCrypto.hmac("sha1", utf8("Jefe"), jefe)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  assert.equal(
    hex(nodeCrypto.hmac("sha256", new Uint8Array(20).fill(0x0b), hi)),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  );
  assert.equal(
    hex(nodeCrypto.hmac("sha384", utf8("Jefe"), jefe)),
    "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
  );
  assert.equal(
    hex(nodeCrypto.hmac("sha512", utf8("Jefe"), jefe)),
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd" +
      "caeab1a34d4a6b4b636e070a38bce737",
  );
});

test("GCM specification, test cases 3 and 4; RFC 8439 §2.8.2", () => {
  const key = x("feffe9928665731c6d6a8f9467308308");
  const iv = x("cafebabefacedbaddecaf888");
  const plain = x(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525" +
      "b16aedf5aa0de657ba637b391aafd255",
  );
  const text =
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05" +
    "1ba30b396a0aac973d58e091473f5985";
  assert.equal(
    hex(nodeCrypto.aeadSeal("aes-gcm", key, iv, new Uint8Array(0), plain)),
    `${text}4d5c2af327cd64a62cf35abd2ba6fab4`,
  );
  const aad = x("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  assert.equal(
    hex(nodeCrypto.aeadSeal("aes-gcm", key, iv, aad, plain.subarray(0, 60))),
    `${text.slice(0, 120)}5bc94fbc3221a5db94fae95ae7121a47`,
  );
  const sunscreen = utf8(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen " +
      "would be it.",
  );
  const k = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
  const sealed = nodeCrypto.aeadSeal(
    "chacha20-poly1305",
    k,
    x("070000004041424344454647"),
    x("50515253c0c1c2c3c4c5c6c7"),
    sunscreen,
  );
  assert.equal(hex(sealed.subarray(0, 16)), "d31a8d34648e60db7b86afbc53ef7ec2");
  assert.equal(hex(sealed.subarray(-16)), "1ae10b594f09e26a7e902ecbd0600691");
});

// RFC 7634 appendix A: an ICMP echo in tunnel mode, SPI 0x01020304, sequence number 5, IV 1011121314151617.
const CHACHA = {
  key: x("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f a0a1a2a3"),
  iv: x("1011121314151617"),
  source: x(`45000054a6f200004001e778c6336405c000020508005b7a3a0800005 53bec100007362708090a0b0c0d0e0f10111213
    1415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637`),
  packet: `0102030400000005101112131415161724039428b97f417e3c13753a4f05087b
    67c352e6a7fab1b982d466ef407ae5c614ee8099d52844eb61aa95dfab4c02f7
    2aa71e7c4c4f64c9befe2facc638e8f3cbec163fac469b502773f6fb94e664da
    9165b82829f641e076aaa8266b7fb0f7b11b369907e1ad43`.replace(/\s/g, ""),
};

test("RFC 7634 appendix A: a whole ESP packet, both ways", () => {
  const sa = espSa(0x01020304, "chacha20poly1305", "none", CHACHA.key, new Uint8Array(0));
  assert.equal(hex(sealEsp(nodeCrypto, sa, 5, 4, CHACHA.source, CHACHA.iv)), CHACHA.packet);
  assert.deepEqual(openEsp(nodeCrypto, sa, x(CHACHA.packet)), { payload: CHACHA.source, next: 4 });
  for (const fp of [lib.fastPath(), referenceFastPath(nodeCrypto)]) {
    assert.ok(fp);
    const flow = fp.addFlow({ local: A4, remote: B4, localPort: 4500, remotePort: 4500, encap: "udp" });
    const p = {
      spi: 0x01020304,
      cipher: "chacha20poly1305",
      integ: "none",
      encr: CHACHA.key,
      integKey: new Uint8Array(0),
      flow,
      hardBytes: 0,
      hardPackets: 0,
      window: 0,
    };
    const inbound = fp.addSaIn(p);
    const ring = lib.ring(1);
    put(ring, 0, x(CHACHA.packet));
    fp.rx("udp4500", ring, 1);
    // Authentic, but tunnel mode is not ours.
    assert.equal(get(ring, 0).body.length, 0);
    assert.equal(fp.drops()[DROPS.indexOf("esp.next-header")], 1);
    assert.deepEqual(fp.saCounters(inbound), { packets: 1, bytes: CHACHA.source.length, seq: 5 });
    fp.close();
  }
});

// draft-mcgrew-gcm-test-01, one of the ESP packets: AES-128-GCM, SPI a5f8, sequence number 10, an IPv4 packet inside.
test("GCM for ESP: a published packet opens", () => {
  const sa = espSa(
    0x0000a5f8,
    "aes128gcm16",
    "none",
    x("feffe9928665731c6d6a8f9467308308 cafebabe"),
    new Uint8Array(0),
  );
  const inner = x(
    `4500003e698f000080114dccc0a80102c0a801010a9800350
    02a2343b2d0010000010000000000000373697004 6379626572 6369747902646b0000010001`.replace(/\s/g, ""),
  );
  const sealed = sealEsp(nodeCrypto, sa, 10, 4, inner, x("facedbaddecaf888"));
  assert.equal(hex(sealed.subarray(16, 32)), "deb22cd9b07c72c16e3a65beeb8df304");
  assert.deepEqual(openEsp(nodeCrypto, sa, sealed), { payload: inner, next: 4 });
});

test("RFC 4106 in the library: IV is the sequence number, the reference opens it", () => {
  const fp = lib.fastPath();
  assert.ok(fp);
  const key = x("00112233445566778899aabbccddeeff 01020304");
  const flow = fp.addFlow({ local: A4, remote: B4, localPort: 4500, remotePort: 4500, encap: "udp" });
  fp.setFlowSa(
    flow,
    fp.addSaOut({
      spi: 0x12345678,
      cipher: "aes128gcm16",
      integ: "none",
      encr: key,
      integKey: new Uint8Array(0),
      flow,
      hardBytes: 0,
      hardPackets: 0,
      window: 0,
    }),
  );
  const ring = lib.ring(2);
  for (const i of [0, 1]) put(ring, i, utf8("hello"));
  assert.equal(fp.txControl(flow, 1701, 1234, ring, 2), 2);
  const sent = get(ring, 1);
  assert.equal(sent.kind, Kind.udp4500);
  assert.equal(hex(sent.body.subarray(0, 16)), "12345678" + "00000002" + "0000000000000002");
  const sa = espSa(0x12345678, "aes128gcm16", "none", key, new Uint8Array(0));
  const opened = openEsp(nodeCrypto, sa, sent.body);
  assert.ok("payload" in opened);
  assert.equal(hex(opened.payload), "06a504d2000d0000" + hex(utf8("hello")));
  fp.close();
});
