// The command line: exit codes, check, status, events, up and down, reload, and where secrets must not appear.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { describe } from "node:test";
import { Daemon, type Section } from "./daemon.ts";
import { PROGRAM, run, scenario, sleep } from "./harness.ts";
import { B, clientConfig, clientSection, PASSWORD, PSK, pair, serverConfig, two, without } from "./sites.ts";

const l2tpsec = (...args: string[]) => run(PROGRAM[0], [...PROGRAM.slice(1), ...args]);

describe("command line", { concurrency: 3 }, () => {
  scenario("exit codes: 0 done, 1 failed, 2 usage or configuration, 3 not reachable", {}, async (lab) => {
    const nobody = `${lab.dir}/nobody.sock`;
    for (const [args, code] of [
      [["nonsense"], 2],
      [["run"], 2],
      [["run", "--config", `${lab.dir}/missing.conf`, "--foreground"], 2],
      [["check"], 2],
      [["check", "--config", `${lab.dir}/missing.conf`], 2],
      [["up"], 2],
      [["status", "--socket", nobody], 3],
      [["status", "--json", "--socket", nobody], 3],
      [["up", "hq", "--socket", nobody], 3],
      [["events", "--socket", nobody], 3],
      [["reload", "--socket", nobody], 3],
    ] as const) {
      const r = await l2tpsec(...args);
      assert.equal(r.code, code, `${args.join(" ")}: ${r.stderr}`);
      assert.notEqual(r.stderr.trim(), "", `${args.join(" ")} says why`);
      assert.doesNotMatch(r.stderr, /\n\s+at |Error:/, "no stack trace");
    }
  });

  scenario("check: FILE:LINE section.option: why, all faults at once, no secret in them", {}, async (lab) => {
    const file = lab.write(
      "bad.conf",
      `[interface hq]
proto = l2tpsec
server = 198.51.100.2
mtu = 99999
pskk = ${PSK}
encap = sometimes
psk = ${PSK}
`,
    );
    const r = await l2tpsec("check", "--config", file);
    assert.equal(r.code, 2);
    const out = r.stdout + r.stderr;
    for (const [line, option] of [
      [4, "mtu"],
      [5, "pskk"],
      [6, "encap"],
    ] as const) {
      assert.match(out, new RegExp(`bad\\.conf:${line} interface hq\\.${option}: \\S`), `line ${line}`);
    }
    assert.match(out, /allowed: .*auto/);
    assert.equal(out.includes(PSK), false, "a secret is repeated");
    const started = await l2tpsec("run", "--config", file, "--foreground");
    assert.equal(started.code, 2, "run refuses it as well");
    const good = lab.write(
      "good.conf",
      "[interface hq]\nproto = l2tpsec\nserver = 198.51.100.2\npsk = x\nusername = u\npassword = p\n",
    );
    assert.equal((await l2tpsec("check", "--config", good)).code, 0);
    const naked = lab.write("naked.conf", "[interface hq]\nproto = l2tpsec\nserver = 198.51.100.2\n");
    const n = await l2tpsec("check", "--config", naked);
    assert.equal(n.code, 2, "without a psk, ipsec = off must be said");
    assert.match(n.stdout + n.stderr, /ipsec/);
  });

  scenario("five commands to a tunnel by certificate; who is revoked is refused", {}, async (lab) => {
    const { a, b } = await two(lab);
    const [site, gate] = ["site", "gate"].map((d) => `${lab.dir}/${d}`);
    for (const d of [site, gate]) mkdirSync(d ?? "");
    const done = async (...args: string[]): Promise<string> => {
      const r = await l2tpsec(...args);
      assert.equal(r.code, 0, `${args.join(" ")}: ${r.stderr}`);
      return r.stdout;
    };
    const files = (dir = "", name = "", ca = ""): Section => ({
      cert: `${dir}/${name}.pem`,
      key: `${dir}/${name}.key`,
      ca: `${dir}/${ca}`,
    });
    const config = serverConfig();
    config["server lns"] = {
      ...without(config["server lns"] ?? {}, "psk"),
      ...files(gate, B, "ca.pem"),
      crl: `${gate}/crl.pem`,
    };
    const client = {
      "interface hq": { ...without(clientSection(), "psk"), ...files(site, "branch1", "branch1-ca.pem") },
    };
    const ca = ["--dir", gate ?? ""];
    await done("cert", "ca", "Example", ...ca);
    await done("cert", "server", B, ...ca);
    const said = await done("cert", "user", "branch1", "--server", B, ...ca);
    const password = lab.write("password", /password of branch1.p12: (\w+)/.exec(said)?.[1] ?? "");
    await done("cert", "import", `${gate}/branch1.p12`, "branch1", "--dir", site ?? "", "--password", password);
    const d = await pair(a, b, client, config);
    assert.match(await done("check", "--config", d.client.file), /good: 1 interfaces/);
    await d.client.start(); // brings its links up: otherwise "up hq" is the fifth
    const s = await d.client.waitUp("hq", 20_000);
    assert.equal((await a.ping("10.99.0.1", 3, 0.1)).received, 3);
    assert.equal(s.ike?.peer_id, `CN=${B}`);

    await done("cert", "revoke", "branch1", ...ca);
    await done("reload", "--socket", d.server.socket);
    await d.client.cli("down", "hq");
    await d.client.cli("up", "hq").catch(() => {});
    await d.server.proc.line(/cert-revoked/, 20_000);
    assert.equal((await a.ping("10.99.0.1", 1)).received, 0);
  });

  scenario("up, down, status, events; secrets nowhere", {}, async (lab) => {
    const { a, b } = await two(lab);
    const log = `${lab.dir}/sessions`;
    const { client, server } = await pair(a, b, clientConfig(), { ...serverConfig(), daemon: { session_log: log } });
    await client.start();
    await client.waitUp("hq");
    const events = lab.spawn("events", PROGRAM[0], [
      ...PROGRAM.slice(1),
      "events",
      "--json",
      "--socket",
      client.socket,
    ]);
    await sleep(400);
    const down = await client.cli("down", "hq");
    assert.equal(down.code, 0, down.stderr);
    await client.statusWhere("hq", "is down", 5000, (s) => s.state === "down");
    assert.equal(await a.hasDevice("l2tps-hq"), false);
    await sleep(3000);
    assert.equal((await client.status("hq")).state, "down", "down stays down");
    const up = await client.cli("up", "hq");
    assert.equal(up.code, 0, up.stderr);
    await client.statusWhere("hq", "is up", 15_000, (s) => s.state === "up");
    const unknown = await client.cli("up", "nobody");
    assert.equal(unknown.code, 1, "a link that is not there");
    assert.equal((await client.cli("status", "nobody", "--json")).code, 1);

    const table = await client.cli("status");
    assert.equal(table.code, 0);
    assert.match(table.stdout, /hq\b[\s\S]*\bup\b/);
    const both = JSON.parse((await client.cli("status", "--json")).stdout) as Record<string, unknown>;
    assert.deepEqual(Object.keys(both), ["hq"]);
    await events.stop();
    const seen = events.stdout
      .trim()
      .split("\n")
      .map((l) => JSON.parse(l) as { kind: string; link: string });
    for (const kind of ["link.state", "link.up", "ike.up", "esp.up", "l2tp.tunnel-up", "ppp.auth"]) {
      assert.ok(
        seen.some((e) => e.kind === kind && e.link === "hq"),
        `${kind} among ${seen.map((e) => e.kind).join(" ")}`,
      );
    }

    const doctor = await client.cli("doctor", "hq");
    assert.equal(doctor.code, 0, doctor.stderr);
    const metrics = (await server.cli("metrics")).stdout;
    assert.match(metrics, /^l2tpsec_server_sessions\{server="lns"\} 1$/m);
    assert.match(metrics, /^l2tpsec_server_sessions_ended_total\{server="lns"\} 1$/m);
    assert.ok(!metrics.includes("branch1"), "no names of users");
    const sessions = readFileSync(log, "utf8").trimEnd().split("\n");
    assert.deepEqual(
      sessions.map((l) => / (begin|end) server=lns user="branch1" peer=203\.0\.113\.2 ip=10\.99\.0\.10 /.exec(l)?.[1]),
      ["begin", "end", "begin"],
    );
    assert.match(sessions[1] ?? "", / seconds=\d+ in=\d+ out=\d+ code=peer-terminated why=".+"$/);
    const json = await client.cli("status", "--json");
    const serverJson = await server.cli("status", "--json");
    const places = {
      "client's log": client.log,
      "server's log": server.log,
      status: table.stdout + json.stdout + serverJson.stdout,
      events: events.output,
      doctor: doctor.stdout + doctor.stderr,
      metrics,
      "log of sessions": sessions.join(),
      argv: client.cmdline() + server.cmdline(),
      environment: readFileSync(`/proc/${client.proc.pid}/environ`, "utf8"),
    };
    for (const [place, text] of Object.entries(places)) {
      for (const secret of [PSK, PASSWORD]) assert.equal(text.includes(secret), false, `a secret in ${place}`);
    }
  });

  scenario("SIGHUP: only changed links restart", {}, async (lab) => {
    const { a, b } = await two(lab);
    const users = {
      "user branch2": { password: "other", ip: "10.99.0.11" },
      "user branch3": { password: "third", ip: "10.99.0.12" },
    };
    const one = clientSection();
    const two_ = clientSection({ username: "branch2", password: "other", source_port: 0 });
    const three_ = clientSection({ username: "branch3", password: "third", source_port: 0 });
    const { client } = await pair(a, b, { "interface one": one, "interface two": two_ }, serverConfig({}, users));
    await client.start();
    await client.waitUp("one");
    await client.waitUp("two");
    const before = await client.status("one");
    const mark = client.mark;
    client.configure({ "interface one": one, "interface two": { ...two_, mtu: 1300 }, "interface three": three_ });
    client.proc.signal("SIGHUP");
    await client.event("daemon", "daemon.reloaded", 5000, mark);
    await client.waitUp("two", 20_000, mark);
    await client.waitUp("three", 20_000, mark);
    const after = await client.status("one");
    assert.deepEqual(
      [after.state, after.since, after.l2tp],
      ["up", before.since, before.l2tp],
      "the unchanged link was left alone",
    );
    assert.match(await a.must("ip", "link", "show", "l2tps-two"), /mtu 1300/);

    const again = client.mark;
    client.configure({ "interface one": one, "interface three": three_ });
    assert.equal((await client.cli("reload")).code, 0);
    await client.event("daemon", "daemon.reloaded", 5000, again);
    await sleep(1500);
    assert.equal(await a.hasDevice("l2tps-two"), false, "a link that is no longer configured is gone");
    assert.equal((await client.cli("status", "two", "--json")).code, 1);
    // a file with a fault changes nothing
    const last = client.mark;
    client.configure({ "interface one": { ...one, mtu: "many" } });
    client.proc.signal("SIGHUP");
    await sleep(1500);
    assert.equal(client.proc.running, true);
    assert.match(client.log.slice(-(client.log.length - last)), /mtu/, "and says what is wrong");
    assert.equal((await client.status("three")).state, "up");
  });

  scenario(
    "a second daemon in the same namespace ends with one sentence, and the first one's link, routes and block stay",
    {},
    async (lab) => {
      const { a, b } = await two(lab);
      const { client } = await pair(a, b, clientConfig({ routes: "10.99.0.0/24 10.2.0.0/16" }));
      await client.start();
      await client.waitUp("hq");
      const before = await a.routes();
      assert.match(before, /^unreachable 10\.2\.0\.0\/16/m);
      assert.match(before, /^10\.2\.0\.0\/16 dev l2tps-hq/m);
      // Another configuration, another control socket: the host is the same.
      const second = new Daemon(a, "second", clientConfig({ ifname: "other", source_port: 0 }));
      assert.equal(await second.launch().exited, 1);
      assert.match(second.log, new RegExp(`^l2tpsec: a daemon runs already .*process ${client.proc.pid}\\b.*\n$`));
      assert.equal((await a.run(...PROGRAM, "check", "--config", second.file)).code, 0, "looking is free");
      const probe = await a.run(...PROGRAM, "probe");
      assert.equal(probe.code, 0);
      const planes = "ML-KEM-768: (yes|no, .*)\nuserspace: yes\nkernel: no, .*\n$";
      const speeds = "^(AES-GCM|ChaCha20-Poly1305) first: AES-GCM \\d+ MB/s, ChaCha20-Poly1305 \\d+ MB/s\n";
      assert.match(probe.stdout, new RegExp(speeds + planes));
      assert.equal(await a.routes(), before);
      assert.equal((await a.ping("10.99.0.1", 2)).received, 2);
      assert.doesNotMatch(client.log, /link\.down/);
      await client.kill();
      await second.start(); // what was killed holds nothing back
      assert.equal((await second.stop()).code, 0);
    },
  );

  scenario("a port that another program has is named in one sentence", {}, async (lab) => {
    const { a } = await two(lab);
    const bind = 'require("node:dgram").createSocket("udp4").bind(500, () => console.log("bound"))';
    await a.spawn(process.execPath, "-e", bind).line(/bound/, 5000);
    const d = new Daemon(a, "client", clientConfig());
    d.launch();
    await d.proc.line(/500/, 8000);
    assert.doesNotMatch(d.log, /\n\s+at /, "no stack trace");
  });

  scenario("without privileges: one sentence with what to do", { needs: ["daemon", "setpriv"] }, async (lab) => {
    const { a, b } = await two(lab);
    const { client } = await pair(a, b);
    const args = ["--bounding-set=-all", "--inh-caps=-all", ...PROGRAM, "run", "--config", client.file, "--foreground"];
    const p = a.spawn("setpriv", ...args);
    const m = await p.line(/(warn|error) .*/, 8000).catch(() => p.output.match(/.+/));
    assert.match(m?.[0] ?? "", /root|CAP_NET|privilege|permission/i);
    assert.doesNotMatch(p.output, /\n\s+at /, "no stack trace");
    await p.stop();
  });
});
