// Commands that write files, in both programs: from a pipe, with modes, and with nothing half-written.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { load } from "../../src/config/load.ts";
import { fromUtf8 } from "../../src/core/text.ts";

const PROGRAMS: readonly (readonly [string, readonly string[]])[] = [
  ["node", [process.execPath, "dist/l2tpsec.cjs"]],
  ["quickjs", ["dist/l2tpsec"]],
];
const mode = (path: string): number => statSync(path).mode & 0o777;

for (const [name, words] of PROGRAMS) {
  const skip = existsSync(words.at(-1) ?? "") ? false : `no ${words.at(-1)}`;
  const run = (args: readonly string[], input = ""): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(words[0] ?? "", [...words.slice(1), ...args], { input, encoding: "utf8" });
  const folder = (body: (dir: string) => void): void => {
    const dir = mkdtempSync(`${tmpdir()}/l2tpsec-cli-`);
    try {
      body(dir);
    } finally {
      rmSync(dir, { recursive: true });
    }
  };

  test(`${name}: init from a pipe: a client, a server with generated keys, and what is not allowed`, { skip }, () =>
    folder((dir) => {
      const file = `${dir}/a.conf`;
      const r = run(["init", "--config", file], `client\nvpn.example.com\nmax\nge#heim\n"key\n10.2.0.0/16\n`);
      assert.equal(r.status, 0, r.stderr);
      assert.doesNotMatch(r.stdout + r.stderr, /heim|key$/m);
      assert.equal(mode(file), 0o600);
      const c = load(readFileSync(file, "utf8"));
      assert.ok(c.ok && c.config.interfaces[0]?.proto === "l2tpsec");
      assert.equal(c.config.interfaces[0].psk?.use(fromUtf8), '"key');
      assert.equal(run(["init", "--config", file], "client\n").status, 2, "it is there already");

      const keys = ["b", "c"].map((f) => {
        const s = run(["init", "--config", `${dir}/${f}.conf`], "server\n\n\n\nmax\n\n");
        assert.equal(s.status, 0, s.stderr);
        const l = load(readFileSync(`${dir}/${f}.conf`, "utf8"));
        assert.ok(l.ok);
        return [l.config.servers[0]?.psk?.use(fromUtf8), l.config.users[0]?.password.use(fromUtf8)];
      });
      for (const k of keys.flat()) assert.match(k ?? "", /^[a-z2-9]{26}$/);
      assert.equal(new Set(keys.flat()).size, 4);

      for (const input of ["", "client\n", "client\n!!\n", "neither\n", "server\nx\n"]) {
        const bad = run(["init", "--config", `${dir}/d.conf`], input);
        assert.equal(bad.status, 2, input);
        assert.match(bad.stderr, /nothing was written: /);
      }
      assert.deepEqual(readdirSync(dir).sort(), ["a.conf", "b.conf", "c.conf"]);
    }),
  );
  test(`${name}: init on a router adds its section to the files that are there`, { skip }, () =>
    folder((dir) => {
      writeFileSync(`${dir}/network`, "config interface 'lan'\n\toption proto 'static'\n");
      const r = run(["init", "--uci", dir], "client\nvpn.example.com\nmax\nit's\nkey\n0.0.0.0/0\n");
      assert.equal(r.status, 0, r.stderr);
      assert.match(readFileSync(`${dir}/network`, "utf8"), /'lan'[\s\S]*\n\nconfig interface 'vpn'[\s\S]*'it'\\''s'/);
      assert.equal(existsSync(`${dir}/l2tpsec`), false);
    }),
  );
  test(`${name}: export and import: modes, links, and an error leaves everything as it was`, { skip }, () =>
    folder((dir) => {
      const good = "[interface hq] # main\nproto = l2tpsec\nserver = a\nusername = u\npassword = p\npsk = geheim\n";
      writeFileSync(`${dir}/real.conf`, good);
      chmodSync(`${dir}/real.conf`, 0o640);
      symlinkSync(`${dir}/real.conf`, `${dir}/l.conf`);
      assert.equal(run(["export", "--config", `${dir}/l.conf`, "--output", `${dir}/out`, "--secrets"]).status, 0);
      assert.equal(readFileSync(`${dir}/out`, "utf8"), good);
      assert.equal(mode(`${dir}/out`), 0o600);
      assert.doesNotMatch(run(["export", "--config", `${dir}/l.conf`]).stdout, /geheim/);

      writeFileSync(`${dir}/new`, good.replace("server = a", "server = b"));
      const ok = run(["import", `${dir}/new`, "--config", `${dir}/l.conf`]);
      assert.equal(ok.status, 0, ok.stderr);
      assert.match(readFileSync(`${dir}/real.conf`, "utf8"), /server = b/);
      assert.equal(mode(`${dir}/real.conf`), 0o640);

      writeFileSync(`${dir}/bad`, `${good}mtu = 1\n`);
      const bad = run(["import", `${dir}/bad`, "--config", `${dir}/l.conf`]);
      assert.equal(bad.status, 2);
      assert.match(bad.stderr, new RegExp(`^${dir}/bad:7 interface hq\\.mtu: `));
      mkdirSync(`${dir}/folder`);
      assert.equal(run(["import", `${dir}/new`, "--config", `${dir}/folder`]).status, 1);
      assert.equal(run(["import", `${dir}/new`, "--config", `${dir}/none/x`]).status, 1);
      assert.equal(run(["import", `${dir}/none`, "--config", `${dir}/l.conf`]).status, 1);
      assert.match(readFileSync(`${dir}/real.conf`, "utf8"), /server = b/);
      assert.deepEqual(readdirSync(dir).sort(), ["bad", "folder", "l.conf", "new", "out", "real.conf"]);
    }),
  );
  test(`${name}: cert: a CA and a user in a folder, PKCS #12 back by a typed password, and check`, { skip }, () =>
    folder((dir) => {
      for (const d of ["ca", "user"]) mkdirSync(`${dir}/${d}`);
      const ca = ["--dir", `${dir}/ca`, "--ecdsa"];
      assert.equal(run(["cert", "ca", "Example", ...ca]).status, 0);
      const user = run(["cert", "user", "branch1", "--days", "30", ...ca]);
      assert.equal(user.status, 0, user.stderr);
      for (const f of readdirSync(`${dir}/ca`))
        assert.equal(mode(`${dir}/ca/${f}`), f.endsWith(".pem") ? 0o644 : 0o600);
      const p12 = `${dir}/ca/branch1.p12`;
      const own = ["--dir", `${dir}/user`];
      const wrong = run(["cert", "import", p12, "own", ...own], "no\n");
      assert.match(wrong.stderr, /password is wrong/);
      assert.equal(wrong.status, 1);
      const password = /password of branch1.p12: (\w+)/.exec(user.stdout)?.[1] ?? "";
      assert.equal(run(["cert", "import", p12, "own", ...own], `${password}\n`).status, 0);
      assert.deepEqual(readdirSync(`${dir}/user`).sort(), ["own-ca.pem", "own.key", "own.pem"]);
      assert.equal(readFileSync(`${dir}/user/own.key`, "utf8"), readFileSync(`${dir}/ca/branch1.key`, "utf8"));
      assert.equal(run(["cert", "revoke", "branch1", "--dir", `${dir}/ca`]).status, 0);
      const again = run(["cert", "ca", "Example", ...ca]);
      assert.match(again.stderr, /exists already/);
      const nowhere = run(["cert", "ca", "Example", "--dir", `${dir}/none`]);
      assert.match(nowhere.stderr, /ENOENT \(make the folder first: mkdir -m 700 /);
      assert.deepEqual([again.status, nowhere.status], [1, 1]);

      const files = ["cert = own.pem", "key = own.key", "ca = own-ca.pem"].map((l) =>
        l.replace("= ", `= ${dir}/user/`),
      );
      const section = "[interface hq]\nproto = l2tpsec\nserver = a\nusername = u\npassword = p\n";
      writeFileSync(`${dir}/a.conf`, `${section}${files.join("\n")}\n`);
      assert.equal(run(["check", "--config", `${dir}/a.conf`]).status, 0);
      writeFileSync(`${dir}/user/own.pem`, "");
      const bad = run(["check", "--config", `${dir}/a.conf`]);
      assert.equal(bad.status, 2);
      assert.match(bad.stderr, /a\.conf: hq: cert .*own\.pem: holds no certificate/);
    }),
  );
}
