// ML-KEM with a libcrypto that has it, of Debian's unstable release, unpacked by scripts/newer-peers, which ours is
// started with. On the executable alone: Node brings an OpenSSL of its own.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { lacking, RUNTIME, run, scenario } from "../net/harness.ts";
import { client, pings, server } from "./lab.ts";

const HYBRID = "IKEv2 aes256gcm16-sha256-x25519-mlkem768";
/** The folder of scripts/newer-peers, or why there is none. */
function peers(): { readonly dir: string; readonly skip: string | false } {
  if (RUNTIME !== "qjs") return { dir: "", skip: "Node's own OpenSSL has no ML-KEM: RUNTIME=qjs" };
  const why = lacking("daemon");
  if (why !== undefined) return { dir: "", skip: why };
  const r = spawnSync("sh", ["scripts/newer-peers"], { encoding: "utf8" });
  return { dir: r.stdout.trim(), skip: r.status === 0 ? false : (r.stderr.trim().split("\n").at(-1) ?? "no peers") };
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
