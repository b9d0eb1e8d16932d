// IKEv2's keys against values computed with another program (HMAC of Python), from the formulas of RFC 7296 and RFC 8784.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hex, utf8 } from "../../../src/core/text.ts";
import { childKeymat, firstSeed, makeKeys, mixPpk, nextSeed, prfPlus } from "../../../src/ike/v2/keys.ts";
import { prfBytes, type Suite } from "../../../src/ike/v2/suite.ts";
import { nodeCrypto } from "../../../src/runtime/node/crypto.ts";

const run = (n: number, from = 0): Uint8Array => Uint8Array.from({ length: n }, (_, i) => from + i);
const SEED = { ni: run(16), nr: run(32, 100), spiI: utf8("initiato"), spiR: utf8("responde") };
const GIR = new Uint8Array(32).fill(0xaa);
const CASES = [
  {
    prf: "sha1",
    seed: "b195f568b57f0958c67ee33c0d16059cf8181f02",
    rekey: "35ee9f1a58a86a9186314d20554dfe6bd6a17d51",
    ppk: "d9841a422545782792ed9bc0361d722530dcde72",
    keys:
      "020062e1d6f2a51affc7b6e8fbad6be4e155f4723c178ffe49a4478031cce691dbd107d19289537cc598360a58ba5f1d" +
      "108f17be77c503f9cf8be471a43b8d3a1eff77eac73b9daeee9448bc61fc60110092abc02376c316c63a0e78aea380e6" +
      "353479f37e8dd95cc30d1dc02a0eea57b7ea0084de3dacf775847cc78b51d882bb95a6a7b910247cf281e4b96521c0ee" +
      "71b8442f0b5c7e347801fc1f0377bd499d9a7ae5ea8b1974b496d13a2adbdb26a27367506882abf859455c1bcf59c706" +
      "b0680daa305ac192dbaf899d35e0a530999ee493ba0b83c991fa38000d2b8bbbfbed84c3862230af1735b152a1ddf49f" +
      "959bdcc3b10dcffb0e081d912a0dd11dd5ff5f9991d7fbbc2604364d0935900c11bd210eb1fb311e19a8c7b487971802" +
      "b657b460a80e2d7343868505",
    keymat:
      "140446d9ffdbb868cc89b9e4a54fc529f8e2e56fc360e5c4b3153a9db69684db927dbbabf0f74a8401395599a245e84f" +
      "7b9729d6b994b1aea64d08df373e77978419cb08d2d09dd3e982c12ad2233371bca5b2a39e9adad6eb09116245f4a164" +
      "ef2c1aae",
  },
  {
    prf: "sha256",
    seed: "70e834343df7094866487fd120e8e795baba8fa2866255199411547aa4c65efe",
    rekey: "503ecd4eca92f4532347b2ed3d7936b7c25f064c5eb3f23f8b5917ca53a340e5",
    ppk: "f8b6c539443e795615a74c1ccefb0748b705ba9667c8ab02f73bc8d6f9d10549",
    keys:
      "8afb9edd8ece8e40244e1b2072fbfa71c91e3255f8141d2da52f5b60de0a1ffeaadab0c6dc283add36fd66825c35a5bd" +
      "bf412470af003a9e89fab1e619ec0b93bfa1bd30613dd656a6784591e273c41b2e18b52054216662d451a3f79b0fb0d1" +
      "4056da1d7931d2ed5f2a766aa506bb15053f02530899bb7309721527c75530e3102ee718964b6782e3bbfba4d8c6f02b" +
      "9c9171c348b35574f6c6132931dff241622f298bd99e4d18ac8d2e9e476511c5798d4968b663244a97f3e30573bf5ca5" +
      "ba822180b30d436440a0453058e040ce31344a55ff5ce8a9a2c6efa6492f1a392697f21bbf7e12c62323c710ce97c196" +
      "4f2149a3942ca6f4381a8d3aa6ef0ddbe2f91c389ca4e63205f77cc5cc4ed7f392d657c68623264554398d199690f138" +
      "4749709fa6007a33fec67214",
    keymat:
      "007152a34508534ba6814d3a881c251ef20c45335d8fe729dc8174dc319360be2083b41bc0993289cb6f0548fac8005f" +
      "e6f931969422f0624373cfab7a3f94298541068a92e42f55cef3f99175f080887a7f5720609ddf3c4ddcd8bff638b6f3" +
      "2c08406e",
  },
  {
    prf: "sha384",
    seed: "9e93ac4afb433b64d5429cf03fa303185a078d7a42873120ac786b2f22c83b0302e32f38906b2893506a8ff4816450a3",
    rekey: "4909eb2258dd82e171deb6e1d06e8c183525f94c1104da423b63b4e028be703895695dfafb8b554f1fb37b182347d18a",
    ppk: "ccfc01d855101849ce0c45d9b363e9c78be1495979a74cadc2bcf8955744365a70f533a6c79e62914e196ac69954b321",
    keys:
      "719d699c54e6b866f0abfc932ff3f5e99ba394627e41407e4a9b1d8e38f2166ba0816918c82f34dd9270cd981d1de812" +
      "f1146b31b2b52d2c71890e6f144769a2f25efc85f0f6730123f53cbf272d69ba718db0ad6783654a028384f030c2d846" +
      "56508ec9ad1fffb5fc4bdbacc15acc1cdbb251bbbf19d10c0d78d22540aa8098a0b1fccadaf2364f4205f81c07be56e4" +
      "504ba1eae4ce7ec2675b922ddc43974422ba53434e6d6585d0a6726cee3cbe09741486c1112ca06ef1fad516155d43a2" +
      "6308a5193f02b5532f2b41159134a373b793882a5aa8ac19afb301a85770f65a0e3022f9f14437e7bfafa0a28f2c136e" +
      "24d3f92a40b382bdd25c394ad0d22f98676a714169dc322b600c9e51488a691760677d7d341cbc7031a7d3561398ef1d" +
      "d2dc58b8eb62ca7d2376a5ee",
    keymat:
      "c89f25a5943b27586768d40645e59fc5ca05ddf82d45ec6ed65cf917b1b508fcdca8c25838be77f1383de20c3c27a63a" +
      "f73589a26178242e1bdde563fa44dbff278d941322e2cd57fcff4de9831f9fc79217324c104f87c78f83e4e47bb03e3c" +
      "38056127",
  },
] as const;
for (const c of CASES) {
  test(`keys under ${c.prf}`, () => {
    const s: Suite = { text: "", cipher: "aes", keyBits: 256, integ: c.prf, prf: c.prf, group: "x25519" };
    const seed = firstSeed(nodeCrypto, s, GIR, SEED);
    assert.equal(hex(seed), c.seed);
    assert.equal(hex(prfPlus(nodeCrypto, s, seed, [SEED.ni, SEED.nr, SEED.spiI, SEED.spiR], 300)), c.keys);
    const k = makeKeys(nodeCrypto, s, seed, SEED);
    const p = prfBytes(c.prf);
    const all = [k.d, k.initiator.integ, k.responder.integ, k.initiator.encr, k.responder.encr, k.initiator.auth];
    assert.equal([...all, k.responder.auth].map(hex).join("").slice(0, 600), c.keys.slice(0, 2 * (5 * p + 64)));
    assert.equal(hex(nextSeed(nodeCrypto, s, k.d, GIR, SEED)), c.rekey);
    assert.equal(hex(childKeymat(nodeCrypto, s, k.d, { gir: GIR, ni: SEED.ni, nr: SEED.nr }, 100)), c.keymat);
    const without = childKeymat(nodeCrypto, s, k.d, { gir: null, ni: SEED.ni, nr: SEED.nr }, 100);
    assert.notEqual(hex(without), c.keymat);
    assert.equal(hex(mixPpk(nodeCrypto, s, k, utf8("ppk-secret")).d), c.ppk);
  });
}
test("an AEAD cipher's keys have a salt behind them, and no key for a checksum", () => {
  const s: Suite = { text: "", cipher: "aes-gcm", keyBits: 128, integ: null, prf: "sha256", group: "x25519" };
  const k = makeKeys(nodeCrypto, s, firstSeed(nodeCrypto, s, GIR, SEED), SEED);
  assert.deepEqual([k.initiator.encr.length, k.responder.encr.length, k.initiator.integ.length], [20, 20, 0]);
  assert.equal(hex(k.initiator.encr), CASES[1].keys.slice(64, 64 + 40));
});
