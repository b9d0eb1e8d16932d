// ML-KEM with a libcrypto that has it, of Debian's unstable release, unpacked by scripts/newer-peers, which ours is
// started with. On the executable alone: Node brings an OpenSSL of its own.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { lacking, RUNTIME, run, scenario } from "../net/harness.ts";
import { GUEST_NEEDS } from "./harness.ts";
import { client, direct, GUEST, NEEDS, OURS, pings, server } from "./lab.ts";
import { ipsec, lac, lns } from "./peers.ts";

const HYBRID = "IKEv2 aes256gcm16-sha256-x25519-mlkem768";
/** The folder of scripts/newer-peers, or why there is none. */
function peers(): { readonly dir: string; readonly skip: string | false } {
  if (RUNTIME !== "qjs") return { dir: "", skip: "Node's own OpenSSL has no ML-KEM: RUNTIME=qjs" };
  const why = lacking("daemon");
  if (why !== undefined) return { dir: "", skip: why };
  const r = spawnSync("sh", ["scripts/newer-peers"], { encoding: "utf8" });
  return { dir: r.stdout.trim(), skip: r.status === 0 ? false : (r.stderr.trim().split("\n").at(-1) ?? "no peers") };
}
/** What scripts/unstable unpacks. */
function tree(name: string, packages: readonly string[]): { readonly dir: string; readonly skip: string | false } {
  if (skip !== false) return { dir: "", skip };
  const r = spawnSync("sh", ["scripts/unstable", name, ...packages], { encoding: "utf8" });
  const why = r.stderr.trim().split("\n").at(-1) ?? "it cannot be had";
  return { dir: `${process.cwd()}/.cache/${name}/tree`, skip: r.status === 0 ? false : why };
}
const { dir: NEWER, skip } = peers();
const WITH = [`${NEWER}/bin/with`] as const;
/** One more need that is never there. */
const HAS = skip === false ? { needs: ["daemon"], timeout: 180_000 } : { needs: [`/${skip}`] };

test("ML-KEM's vectors, with the newer libcrypto", { skip, timeout: 300_000 }, async () => {
  const r = await run("env", [
    `RUN=${WITH[0]}`,
    process.execPath,
    "scripts/test-quickjs.mjs",
    "test/runtime/kem.test.ts",
  ]);
  assert.equal(r.code, 0, r.stdout + r.stderr);
  assert.match(r.stdout, /mlkem768, vector 2\n/);
  assert.doesNotMatch(r.stdout, /SKIP needs a libcrypto/);
});
scenario("two of ours: ML-KEM by default, and rekeys have it", HAS, async (lab) => {
  const [a, b] = [await lab.ns("a"), await lab.ns("b")];
  await a.link("wan", "10.77.1.1/24", b, "wan", "10.77.1.2/24");
  const life = { ike_lifetime: 60, esp_lifetime: 30 };
  const d = server(b, "10.77.1.2", { auth: "mschapv2" });
  const c = client(a, "10.77.1.2", { ike: "v2", esp_proposals: "aes256gcm16-x25519-mlkem768", ...life });
  await d.start(undefined, WITH);
  await c.start(undefined, WITH);
  assert.equal((await c.waitUp("hq", 20_000)).ike?.proposal, HYBRID);
  await pings(a, "10.99.0.1", 700);
  for (const x of [c, d]) {
    assert.match(x.log, /ike\.rekeyed .*what="?esp/);
    assert.match(x.log, /ike\.rekeyed .*what="?isakmp/);
    assert.doesNotMatch(x.log, /link\.down|session\.down/);
  }
});

// strongSwan 6 of the same release, with xl2tpd and pppd above it, in a User-mode Linux guest; drawn in lab.ts.
const STRONGSWAN = tree("strongswan", [
  ...["libstrongswan", "libstrongswan-standard-plugins", "strongswan-charon", "strongswan-libcharon"],
  "strongswan-swanctl",
]);
/** The guest's strongSwan is the newer one from now on. */
const TAKEN = `rm -rf /usr/lib/ipsec && cp -a '${STRONGSWAN.dir}/usr/lib/ipsec' /usr/lib/ || exit 1
mv /usr/lib/ipsec/charon /usr/lib/ipsec/charon6
rm /usr/sbin/swanctl
printf '#!/bin/sh\\nexec ${WITH[0]} %s "$@"\\n' /usr/lib/ipsec/charon6 >/usr/lib/ipsec/charon
printf '#!/bin/sh\\nexec ${WITH[0]} %s "$@"\\n' '${STRONGSWAN.dir}/usr/sbin/swanctl' >/usr/sbin/swanctl
chmod 755 /usr/lib/ipsec/charon /usr/sbin/swanctl
`;
const V6 = {
  version: 2,
  ike: "aes256gcm16-prfsha256-x25519-ke1_mlkem768",
  esp: "aes256gcm16-x25519-ke1_mlkem768",
  ikeRekey: 16,
  espRekey: 9,
} as const;
const ESP = { esp_proposals: "aes256gcm16-x25519-mlkem768" };
const GUEST_HAS =
  skip === false && STRONGSWAN.skip === false
    ? { ...NEEDS, needs: GUEST_NEEDS }
    : { needs: [`/${skip === false ? STRONGSWAN.skip : skip}`] };
/** charon has rekeyed both, each with ML-KEM again. */
function rekeyed(log: string): void {
  assert.match(log, /IKE_SA l2tp\[\d+\] rekeyed between/);
  assert.ok([...log.matchAll(/CHILD_SA l2tp\{\d+\} established/g)].length >= 2, log.slice(-3000));
  assert.ok([...log.matchAll(/IKE_FOLLOWUP_KE request/g)].length >= 2, log.slice(-3000));
}
scenario("our client to strongSwan 6 with ML-KEM, over rekeys that it starts", GUEST_HAS, async (lab) => {
  const { ns, guest } = await direct(lab);
  await guest.sh(TAKEN + ipsec(V6) + lns("mschap-v2"));
  const c = client(ns, GUEST, ESP);
  await c.start(undefined, WITH);
  assert.equal((await c.waitUp("hq", 20_000)).ike?.proposal, HYBRID);
  await pings(ns, "10.99.0.1", 220);
  assert.doesNotMatch(c.log, /link\.down/);
  rekeyed(guest.log("charon.log"));
});
scenario("strongSwan 6 as client to our server with ML-KEM, over rekeys that it starts", GUEST_HAS, async (lab) => {
  const { ns, guest } = await direct(lab);
  const d = server(ns, OURS, { auth: "mschapv2", ...ESP });
  await d.start(undefined, WITH);
  await guest.sh(TAKEN + ipsec({ ...V6, peer: OURS }));
  await guest.sh(lac(OURS));
  assert.match(d.log, new RegExp(`ike\\.up .*proposal="${HYBRID}`));
  await pings(ns, (await d.serverStatus("lns")).sessions[0]?.ip ?? "", 220);
  assert.doesNotMatch(d.log, /session\.down/);
  rekeyed(guest.log("charon.log"));
});
