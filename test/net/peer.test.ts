// The other side, as we say it: what `peer-config` writes for OpenWrt brings the tunnel up, in both directions.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { describe } from "node:test";
import { Daemon } from "./daemon.ts";
import { PROGRAM, run, scenario } from "./harness.ts";
import { B, clientSection, pair, serverConfig, two } from "./sites.ts";

const l2tpsec = (...args: string[]) => run(PROGRAM[0], [...PROGRAM.slice(1), ...args]);

/** More than one syntax would stumble over; the reader of our INI double as well. */
const PASSWORD = 'it\'s \\ a $(quote) ‘’ "x"';
const PSK = "0s'psk; #\\%";

describe("peer-config", { concurrency: 2 }, () => {
  for (const [way, section] of [
    ["a user's, on the client", "user branch1"],
    ["a link's, on the server", "interface hq"],
  ] as const) {
    scenario(`for OpenWrt: ${way}: imported there, the tunnel is up`, {}, async (lab) => {
      const { a, b } = await two(lab);
      const config = serverConfig({ psk: PSK });
      config["user branch1"] = { ...config["user branch1"], password: PASSWORD };
      const secrets = { psk: PSK, password: PASSWORD };
      const client = { "interface hq": { ...clientSection(), ...secrets, auto: "no" } };
      const d = await pair(a, b, client, config);
      await d.client.start();
      const from = section === "user branch1" ? d.server : d.client;
      const file = `${lab.dir}/peer.sh`;
      const how = ["--for", "openwrt", "--socket", from.socket, "--routes", "10.2.0.0/16", "--output", file];
      const r = await l2tpsec("peer-config", section, "--address", B, ...how);
      assert.equal(r.code, 0, r.stderr);
      assert.equal(r.stdout, `${file}: written\n`);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.match(readFileSync(file, "utf8"), /^uci batch <<'END'\nset (network|l2tpsec)\.lns='(interface|server)'$/m);

      // The router there: a new daemon with what was imported alone.
      const ns = section === "user branch1" ? a : b;
      await (ns === a ? d.client : d.server).stop();
      const there = new Daemon(ns, "there", {});
      const known = readFileSync(there.file, "utf8");
      const shown = await l2tpsec("import", file, "--dry-run", "--config", there.file);
      assert.equal(shown.code, 0, shown.stderr);
      assert.match(shown.stdout, /psk = "?\*\*\*/);
      assert.ok(!shown.stdout.includes(PSK) && !shown.stdout.includes(PASSWORD));
      assert.equal(readFileSync(there.file, "utf8"), known, "a dry run writes nothing");
      assert.equal((await l2tpsec("import", file, "--config", there.file)).code, 0);
      await there.start();
      const [end, name] = section === "user branch1" ? [there, "lns"] : [d.client, "hq"];
      if (end === d.client) await d.client.cli("up", "hq");
      const s = await end.waitUp(name, 20_000);
      assert.equal((await a.ping("10.99.0.1", 3, 0.1)).received, 3);
      if (end === there) assert.match((await a.run("ip", "route", "show", "10.2.0.0/16")).stdout, /l2tps-lns/);
      assert.match(s.ppp?.auth ?? "", /MS-CHAPv2/);
    });
  }

  scenario("what it cannot say is a sentence and exit code 1; without a system, usage", {}, async (lab) => {
    const { a, b } = await two(lab);
    const { server } = await pair(a, b);
    const peer = (...args: string[]) => l2tpsec("peer-config", ...args, "--socket", server.socket);
    const nobody = await peer("nobody", "--for", "windows");
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /^l2tpsec: there is no user and no tunnel "nobody"\n$/);
    assert.match((await peer("branch1", "--for", "amiga")).stderr, /for which system\? There is: windows /);
    assert.equal((await peer("branch1")).code, 2);
    const windows = await peer("branch1", "--for", "windows");
    assert.match(windows.stdout, /^Add-VpnConnection -Name 'lns' -ServerAddress '203\.0\.113\.1' /m);
  });
});
