// What is taken of a peer's offers, and what the user is told to write where it is nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseIke, expand, noEsp } from "../../src/ike/choice.ts";
import {
  ENCAP,
  espDefaults,
  espTransform,
  IKE_INITIATOR,
  IKE_RESPONDER,
  type IkeProposal,
  ikeTransform,
  parseEspProposal,
  parseIkeProposal,
} from "../../src/ike/proposals.ts";
import type { Transform } from "../../src/ike/wire/sa.ts";
import { writeSa } from "../../src/ike/wire/sa.ts";
import { client, pair, server } from "./double.ts";

const none = new Uint8Array(0);
const offer = (transforms: readonly Transform[]): Uint8Array =>
  writeSa([{ number: 1, protocol: 1, spi: none, transforms }]);
const of = (list: string): IkeProposal[] => list.split(" ").map((s) => parseIkeProposal(s));
const refused = (ours: readonly IkeProposal[], theirs: string, odd: readonly Transform[] = []): string => {
  const r = chooseIke(
    server({ ikeProposals: ours }),
    offer([...of(theirs).map((p, i) => ikeTransform(p, i + 1, 3600)), ...odd]),
  );
  assert.equal(typeof r, "string");
  return r as string;
};

// Facts of the field: Windows 10 and 11, macOS and iOS, Android up to 11, Windows 7
for (const [who, list, taken] of [
  [
    "Windows 10",
    "aes256-sha1-ecp384 aes128-sha1-ecp256 aes256-sha1-modp2048 3des-sha1-modp2048 3des-sha1-modp1024",
    "aes256-sha1-ecp384",
  ],
  [
    "macOS",
    "aes256-sha256-modp2048 aes256-sha1-modp2048 aes256-sha256-modp1536 aes256-sha1-modp1024 3des-sha1-modp1024",
    "aes256-sha256-modp2048",
  ],
] as const) {
  test(`${who}'s list: the strongest that both have`, () => {
    const r = chooseIke(
      server({ ikeProposals: IKE_RESPONDER }),
      offer(of(list).map((p, i) => ikeTransform(p, i + 1, 3600))),
    );
    assert.equal(typeof r === "string" ? r : r.proposal.text, taken);
  });
}
test("a peer with nothing but weak ones: the line to write, and it works", async () => {
  const text = refused(IKE_RESPONDER, "3des-sha1-modp1024 aes256-sha1-modp1024");
  assert.match(
    text,
    new RegExp(
      "the peer offers 3des-sha1-modp1024 aes256-sha1-modp1024; it offers only weak ones: " +
        "to allow it set ike_proposals = default 3des-sha1-modp1024$",
    ),
  );
  const { net, a, b } = pair();
  const old = of("3des-sha1-modp1024");
  b.ike.addResponder(server({ ikeProposals: expand(["default", ...old], IKE_RESPONDER) }), b);
  a.ike.connect(client(b.address, a.address, { ikeProposals: old }), a);
  await net.run(300);
  assert.equal(a.ups[0]?.info.proposal, "3des-sha1-modp1024");
});
test("the advice adds to what is configured, prefers what is not weak, and names only what we can do", () => {
  assert.match(
    refused(of("aes128-sha1-modp2048"), "3des-sha1-modp1024 aes256-sha256-x25519"),
    /; to allow it set ike_proposals = aes128-sha1-modp2048 aes256-sha256-x25519$/,
  );
  assert.match(
    refused([...IKE_RESPONDER, ...of("3des-sha1-modp1024")], "aes256-md5-modp2048"),
    /ike_proposals = default 3des-sha1-modp1024 aes256-md5-modp2048$/,
  );
  const des: Transform = {
    number: 1,
    id: 1,
    attributes: [
      { type: 1, value: 1 },
      { type: 2, value: 1 },
      { type: 3, value: 1 },
      { type: 4, value: 1 },
    ],
  };
  const r = chooseIke(server({ ikeProposals: IKE_RESPONDER }), offer([des]));
  const brief = chooseIke(server({ ikeProposals: IKE_RESPONDER }), offer([des]), false);
  assert.equal(brief, "no common phase 1 proposal", "under a flood");
  assert.match(String(r), /the peer offers des-md5-group1$/);
  const prf = ikeTransform(of("aes256-sha256-modp2048")[0] as IkeProposal, 1, 60);
  assert.match(
    String(
      chooseIke(
        server({ ikeProposals: IKE_RESPONDER }),
        offer([{ ...prf, attributes: [...prf.attributes, { type: 13, value: 1 }] }]),
      ),
    ),
    /offers aes256-sha256-modp2048.*attribute 13/,
  );
});
test("ESP: the line to write", () => {
  const transforms = ["3des-sha1", "3des-md5"].map((s, i) =>
    espTransform(parseEspProposal(s), i + 1, ENCAP.transport, 3600, 0),
  );
  const text = noEsp(
    server({ espProposals: espDefaults("aes", "initiator") }),
    [{ number: 1, protocol: 3, spi: new Uint8Array(4), transforms }],
    [ENCAP.transport],
  );
  assert.match(text, /; it offers only weak ones: to allow it set esp_proposals = default 3des-sha1$/);
});
test("a client that is refused by an old server is told what to try", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server({ ikeProposals: of("3des-sha1-modp1024") }), b);
  a.ike.connect(client(b.address, a.address, { ikeProposals: IKE_INITIATOR }), a);
  await net.run(25_000, 100);
  assert.match(
    a.downs[0]?.text ?? "",
    /old server may want ike_proposals = default aes256-sha1-modp1024 3des-sha1-modp1024$/,
  );
});
