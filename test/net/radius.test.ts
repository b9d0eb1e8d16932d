// The server against Debian's freeradius: every method, what it grants, accounting, and two servers of which one dies.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe } from "node:test";
import { hex, unhex, utf8 } from "../../src/core/text.ts";
import { md4 } from "../../src/ppp/auth/md4.ts";
import { ntPasswordHash } from "../../src/ppp/auth/mschapv2.ts";
import { opened } from "../radius/expired.ts";
import { Daemon, type Section } from "./daemon.ts";
import { FreeRadius, RADIUS_NEEDS, radclient, SECRET } from "./freeradius.ts";
import { type Lab, type Ns, PROGRAM, run, scenario, until } from "./harness.ts";
import { clientConfig, PASSWORD, serverConfig, two } from "./sites.ts";

const NEEDS = { needs: ["daemon", ...RADIUS_NEEDS], timeout: 90_000 };
const USERS = `branch1 Cleartext-Password := "${PASSWORD}"
	Framed-IP-Address = 10.97.0.7,
	Framed-Route = "10.20.1.0/24 0.0.0.0 1",
	Class = 0x636c617373,
	Filter-Id = "gold",
	Mikrotik-Rate-Limit = "10M/20M",
	Reply-Message = "Welcome"

plain Cleartext-Password := "${PASSWORD}"

slow Cleartext-Password := "${PASSWORD}"
	Mikrotik-Rate-Limit = "80k/1M 1M/2M"

timed Cleartext-Password := "${PASSWORD}"
	Session-Timeout = 3
`;

interface Site {
  readonly a: Ns;
  readonly b: Ns;
  readonly radius: FreeRadius;
  readonly lns: Daemon;
}
async function site(lab: Lab, more: Section = {}, radius: Section = {}, mschap = ""): Promise<Site> {
  const { a, b } = await two(lab);
  const free = new FreeRadius(b, "127.0.0.1", USERS, null, mschap);
  await free.start();
  const config = serverConfig({ users: "radius", framed_routes: "10.20.0.0/16", ...more });
  const lns = new Daemon(b, "lns", { ...config, "radius one": { address: "127.0.0.1", secret: SECRET, ...radius } });
  await lns.start();
  return { a, b, radius: free, lns };
}
const caller = (a: Ns, name: string, more: Section = {}): Daemon =>
  new Daemon(a, name, clientConfig({ refuse_pap: "no", refuse_eap: "no", ...more }));

describe("users of freeradius", () => {
  for (const [auth, words, more] of [
    ["pap", "PAP", {}],
    ["chap", "CHAP-MD5", {}],
    ["mschap", "MS-CHAP", {}],
    ["mschapv2", "MS-CHAPv2", {}],
    ["eap", "EAP", {}],
    ["mschapv2", "MS-CHAPv2", { mppe: "128" }],
    ["mschap", "MS-CHAP", { mppe: "128" }],
  ] as const) {
    const name = `${words}${"mppe" in more ? " with MPPE" : ""}`;
    scenario(`${name}: in with the right password and what RADIUS grants, out with a wrong one`, NEEDS, async (lab) => {
      const { a, lns } = await site(lab, { auth, ...more });
      const good = caller(a, "good", more);
      await good.start();
      const up = await good.waitUp("hq");
      assert.equal(up.local_ip, "10.97.0.7");
      assert.ok((await a.ping("10.99.0.1", 3)).received > 0, "packets pass");
      const [s] = (await lns.serverStatus("lns")).sessions;
      assert.deepEqual([s?.user, s?.auth, s?.ip], ["branch1", words, "10.97.0.7"]);
      await good.stop();
      const bad = caller(a, "bad", { password: "wrong", ...more });
      await bad.start();
      await bad.event("hq", "link.down", 15_000);
      assert.match(bad.log, /link\.down layer="ppp" code="auth-failed"/);
      assert.ok(![lns.log, bad.log, good.log].join("").includes(PASSWORD));
    });
  }
  // Its own change of passwords (local_cpw) crashes with OpenSSL 3: what ntlm_auth would be asked goes to scripts.
  scenario("an expired password is changed at freeradius, and status says what to do next", NEEDS, async (lab) => {
    const next = "second rosebud";
    const key = hex(md4(ntPasswordHash(utf8(next)))).toUpperCase();
    const state = `${lab.dir}/changed`;
    lab.write("login.sh", `[ -e ${state} ] && echo "NT_KEY: ${key}" || { echo "Password expired"; exit 1; }\n`);
    lab.write("change.sh", `sed /^.$/q > ${state}\necho "Password-Change: Yes"\n`);
    const mschap =
      `ntlm_auth = "/bin/sh ${lab.dir}/login.sh"\n    passchange {\n` +
      `      ntlm_auth = "/bin/sh ${lab.dir}/change.sh"\n` +
      '      ntlm_auth_username = "username: %{User-Name}"\n    }';
    const { a, lns } = await site(lab, { auth: "mschapv2" }, {}, mschap);
    const c = caller(a, "c", { new_password: next });
    await c.start();
    const up = await c.waitUp("hq");
    assert.match(up.stages.find((s) => s.name === "ppp")?.text ?? "", /put it into password/);
    assert.ok((await a.ping("10.99.0.1", 3)).received > 0, "packets pass");
    assert.match(lns.log, /the RADIUS server one says that the password has expired of user/);
    const blob = (name: string): Uint8Array =>
      unhex(new RegExp(`^${name}: (.*)$`, "m").exec(readFileSync(state, "utf8"))?.[1] ?? "") ?? assert.fail(name);
    assert.equal(opened(PASSWORD, blob("new-nt-password-blob"), blob("old-nt-hash-blob")), next);
    assert.ok(![lns.log, c.log].join("").includes("rosebud"));
  });
  scenario("a wrong secret: nobody comes in, and the sentence says what to look at", NEEDS, async (lab) => {
    const { a, lns } = await site(lab, { auth: "chap" }, { secret: "another secret", timeout: 2 });
    const c = caller(a, "c");
    await c.start();
    await lns.proc.line(
      /RADIUS server one \(127\.0\.0\.1\) does not answer: is this machine one of its clients/,
      15_000,
    );
  });
  scenario("radius test: what each server says, and no password in sight", NEEDS, async (lab) => {
    const { lns, radius } = await site(lab);
    const ask = async (name: string, user: string, password: string): Promise<string> => {
      const given = lab.write("given", `${password}\n`);
      const words = [...PROGRAM, "radius", "test", name, user, "--socket", lns.socket];
      const r = await run("sh", ["-c", `exec "$@" < ${given}`, "sh", ...words]);
      return `${r.code} ${r.stdout}${r.stderr}`;
    };
    assert.match(
      await ask("one", "branch1", PASSWORD),
      /^0 the RADIUS server one accepts user "branch1", with the address 10\.97\.0\.7, the networks 10\.20\.1\.0\/24/,
    );
    assert.match(await ask("lns", "branch1", "wrong"), /^1 the RADIUS server one refuses user "branch1"/);
    assert.match(await ask("nobody", "branch1", "x"), /^1 .*there is no RADIUS server "nobody"; there is: one/s);
    await radius.kill();
    assert.match(await ask("one", "branch1", PASSWORD), /^1 .*does not answer: no program listens on that port there/);
    assert.ok(!lns.log.includes(PASSWORD));
  });
  scenario("a rate limit holds in userspace, and status says so", NEEDS, async (lab) => {
    const { a, lns } = await site(lab);
    const c = caller(a, "c", { username: "slow" });
    await c.start();
    await c.waitUp("hq");
    const { received } = await a.ping("10.99.0.1", 60, 0.02, ["-s", "1200"]);
    assert.ok(received >= 10 && received <= 45, `${received} of 60 with 80 kbit/s`);
    const { sessions, drops } = await lns.serverStatus("lns");
    assert.deepEqual([sessions[0]?.rate, sessions[0]?.rate_enforced], ["80k/1M 1M/2M", true]);
    assert.ok((drops["rate.in"] ?? 0) > 0);
    assert.match((await lns.cli("status")).stdout, /RADIUS says rate "80k\/1M 1M\/2M"$/m);
  });
  scenario("one of two servers dies: logins go to the other", NEEDS, async (lab) => {
    const { a, b } = await two(lab);
    const first = new FreeRadius(b, "127.0.0.1", USERS);
    const second = new FreeRadius(b, "127.0.0.2", USERS.replace("10.97.0.7", "10.97.0.8"));
    await first.start();
    await second.start();
    const lns = new Daemon(b, "lns", {
      ...serverConfig({ users: "radius", framed_routes: "10.20.0.0/16" }),
      "radius one": { address: "127.0.0.1", secret: SECRET, timeout: 2 },
      "radius two": { address: "127.0.0.2", secret: SECRET },
    });
    await lns.start();
    const c = caller(a, "c");
    await c.start();
    assert.equal((await c.waitUp("hq")).local_ip, "10.97.0.7");
    await first.kill();
    const { mark } = c;
    await c.cli("down", "hq");
    await c.cli("up", "hq");
    assert.equal((await c.waitUp("hq", 20_000, mark)).local_ip, "10.97.0.8");
    assert.ok(((await lns.serverStatus("lns")).drops["radius.failover"] ?? 0) > 0);
  });
  scenario("accounting: start, interim, and the stop with its cause; a session's time ends", NEEDS, async (lab) => {
    const { a, radius, lns } = await site(lab);
    const c = caller(a, "c");
    await c.start();
    await c.waitUp("hq");
    await a.ping("10.99.0.1", 5, 0.1);
    const [s] = (await lns.serverStatus("lns")).sessions;
    assert.deepEqual([s?.filter, s?.rate], ["gold", "10M/20M"]);
    const of = (type: string): Record<string, string>[] =>
      radius.records().filter((r) => r["Acct-Status-Type"] === type);
    await until("a start", 5000, () => of("Start").length === 1);
    assert.equal(of("Accounting-On").length, 1);
    assert.deepEqual(
      [of("Start")[0]?.["User-Name"], of("Start")[0]?.["Framed-IP-Address"], of("Start")[0]?.["Class"]],
      ["branch1", "10.97.0.7", "0x636c617373"],
    );
    await c.stop();
    const [stop] = await until("a stop", 5000, () => (of("Stop").length === 1 ? of("Stop") : null));
    assert.equal(stop?.["Acct-Terminate-Cause"], "User-Request");
    assert.ok(Number(stop?.["Acct-Input-Packets"]) >= 5, JSON.stringify(stop));
    assert.equal(stop?.["Acct-Session-Id"], of("Start")[0]?.["Acct-Session-Id"]);
    const timed = caller(a, "timed", { username: "timed" });
    await timed.start();
    await timed.waitUp("hq");
    await until("its time is over", 8000, () => of("Stop")[1]?.["Acct-Terminate-Cause"] === "Session-Timeout");
  });
  scenario("a daemon that is killed owes a stop; the next one sends it", NEEDS, async (lab) => {
    const { a, radius, lns } = await site(lab);
    const c = caller(a, "c");
    await c.start();
    await c.waitUp("hq");
    await until("a start", 5000, () => radius.records().some((r) => r["Acct-Status-Type"] === "Start"));
    await lns.kill();
    await lns.start();
    const owed = await until("the stop", 8000, () => radius.records().find((r) => r["Acct-Status-Type"] === "Stop"));
    assert.deepEqual([owed["User-Name"], owed["Acct-Terminate-Cause"]], ["branch1", "NAS-Error"]);
  });
  scenario("Disconnect and CoA by radclient: only with the secret, only fresh, once", NEEDS, async (lab) => {
    const { a, b, lns } = await site(lab, { coa_port: 3799 });
    const c = caller(a, "c");
    await c.start();
    await c.waitUp("hq");
    const ask = (kind: string, what: string, secret?: string): Promise<string> =>
      radclient(b, "127.0.0.1:3799", kind, what, secret);
    const stamp = (): string => `Event-Timestamp = ${Math.floor(Date.now() / 1000)}`;
    const ends = (what: string): Promise<string> => ask("disconnect", `${what}, ${stamp()}`);
    assert.match(await ask("disconnect", `User-Name = branch1, ${stamp()}`, "wrong"), /No reply/);
    assert.match(await ask("disconnect", "User-Name = branch1"), /No reply/, "it could be a replay");
    assert.match(await ask("disconnect", "User-Name = branch1, Event-Timestamp = 1000"), /No reply/);
    assert.match(await ends("User-Name = nobody"), /Disconnect-NAK[\s\S]*Session-Context-Not-Found/);
    assert.match(await ask("disconnect", stamp()), /Missing-Attribute/);
    assert.match(await ends("User-Name = branch1, NAS-Identifier = other"), /NAS-Identification/);
    assert.match(await ask("coa", `User-Name = branch1, Framed-MTU = 1200, ${stamp()}`), /Unsupported-Attribute/);
    assert.match(await ask("coa", `User-Name = branch1, Filter-Id = silver, ${stamp()}`), /CoA-ACK/);
    assert.equal((await lns.serverStatus("lns")).sessions[0]?.filter, "silver");
    const { mark } = c;
    assert.match(await ends("Framed-IP-Address = 10.97.0.7"), /Disconnect-ACK/);
    await c.event("hq", "link.down", 5000, mark);
    const { drops } = await lns.serverStatus("lns");
    assert.deepEqual([drops["radius.coa-forged"], drops["radius.coa-stale"]], [1, 2]);
  });
});
