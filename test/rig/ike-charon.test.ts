// IKEv1 by a pre-shared key against strongSwan's charon; the network is drawn in charon-scenes.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  all,
  base,
  child,
  established,
  inside,
  isDown,
  isUp,
  missing,
  play,
  type Scene,
  works,
} from "./charon-scenes.ts";

if (child) await inside(JSON.parse(child) as Scene);
else {
  test("charon answers us: main mode and quick mode; it asks R-U-THERE, takes our answer, and hears the deletes", {
    skip: missing,
  }, async () => {
    const asked = /sending DPD request[\s\S]*parsed INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD_ACK\) \]/;
    const { said, log } = await play(
      { ...base, dpd: { us: 0, charon: 1 } },
      (x, l) => (isUp(x) && asked.test(l)) || isDown(x),
    );
    assert.ok(isUp(said) && !isDown(said.slice(0, -1)), all(said, log));
    assert.match(log, established);
    assert.match(log, asked);
    assert.match(log, /received DELETE for IKE_SA/);
  });
  test("charon answers our R-U-THERE", { skip: missing }, async () => {
    const question = /parsed INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD\) \]/g;
    const two = (log: string): boolean => [...log.matchAll(question)].length >= 2;
    const { said, log } = await play({ ...base, dpd: { us: 2, charon: 0 } }, (x, l) => two(l) || isDown(x));
    assert.ok(two(log), all(said, log));
    // a question without an answer is asked again after one second; the next of a row with answers comes after two
    const [first, second] = said
      .slice(
        0,
        said.findIndex((x) => "closing" in x),
      )
      .flatMap((x) => ("sent" in x ? [x["sent"] as number] : []))
      .slice(-2);
    assert.ok(first !== undefined && second !== undefined && second - first > 1500, all(said, log));
  });
  test("charon answers us in UDP", { skip: missing }, () => works({ ...base, encap: "udp" }));
  test("charon answers us: ECP and AES-GCM", { skip: missing }, () =>
    works({ ...base, ike: "aes256-sha384-ecp384", esp: "aes128gcm16" }),
  );
  test("charon answers us: X25519", { skip: missing }, () =>
    works({ ...base, ike: "aes128-sha256-x25519", esp: "aes128-sha1-x25519" }),
  );
  test("charon begins", { skip: missing }, () => works({ ...base, role: "responder" }));
  test("charon begins, 3DES", { skip: missing }, () =>
    works({ ...base, role: "responder", ike: "3des-sha1-modp1024", esp: "3des-sha1" }),
  );
  test("charon begins, in UDP, with PFS", { skip: missing }, () =>
    works({ ...base, role: "responder", encap: "udp", esp: "aes128-sha1-modp2048" }),
  );
  test("charon answers us in aggressive mode", { skip: missing }, () => works({ ...base, aggressive: true }));
  test("charon answers us in aggressive mode, in UDP", { skip: missing }, () =>
    works({ ...base, aggressive: true, encap: "udp" }),
  );
  test("charon begins aggressive mode", { skip: missing }, () =>
    works({ ...base, role: "responder", aggressive: true }),
  );
  test("charon begins aggressive mode, in UDP", { skip: missing }, () =>
    works({ ...base, role: "responder", aggressive: true, encap: "udp" }),
  );
  for (const role of ["initiator", "responder"] as const)
    test(`fragments: both cut their messages, charon is the ${role === "initiator" ? "responder" : "initiator"}`, {
      skip: missing,
    }, async () => {
      const scene: Scene = { ...base, role, fragment: 300, ike: "aes256-sha256-modp4096" };
      const cut = /received fragment #\d+/;
      const done = (log: string): boolean => established.test(log) && cut.test(log);
      const { said, log } = await play(scene, (x, l) => done(l) || isDown(x));
      assert.ok(done(log), all(said, log));
      assert.match(log, /splitting IKE message/);
    });
  test("a charon that insists on PFS gets phase 1's group", { skip: missing }, async () => {
    const { said, log } = await play({ ...base, charonEsp: "aes256-sha256-modp2048" }, (x) => isUp(x) || isDown(x));
    const up = said.find((x) => "up" in x) as { up: { espProposal: string } } | undefined;
    assert.equal(up?.up.espProposal, "aes256-sha256-modp2048", all(said, log));
  });
  for (const [what, scene, value] of [
    ["for phase 1", { charonIke: "3des-sha1-modp1024" }, "3des-sha1-modp1024"],
    ["for ESP, with PFS", { charonEsp: "aes128-sha1-modp1024" }, "aes128-sha1-modp1024"],
  ] as const)
    test(`what a charon takes ${what} is found`, { skip: missing }, async () => {
      const { said, log } = await play({ ...base, ...scene, survey: true }, isDown);
      const found = said.find((x) => "down" in x) as { down: { advice: { value: string } | null } } | undefined;
      assert.equal(found?.down.advice?.value, value, all(said, log));
    });
  test("a differing pre-shared key is named", { skip: missing }, async () => {
    const { said, log } = await play({ ...base, psk: "wrong" }, isDown);
    const down = said.find((x) => "down" in x) as { down: { code: string } } | undefined;
    assert.equal(down?.down.code, "psk-mismatch", all(said, log));
  });
}
