// The quick packages: plain tar reads them, their fields are right, two builds are the same bytes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
// @ts-expect-error: a script without types
import { luciPackage, tar } from "../../scripts/ipk.mjs";

for (const [name, depends, file] of [
  ["luci-proto-l2tpsec", "libc, luci-base, l2tpsec", "www/luci-static/resources/protocol/l2tpsec.js"],
  ["luci-app-l2tpsec", "libc, luci-base, luci-proto-l2tpsec", "usr/share/rpcd/acl.d/luci-app-l2tpsec.json"],
] as const) {
  test(`${name}.ipk`, () => {
    const bytes = luciPackage(name, "0.1.0") as Uint8Array;
    assert.deepEqual(luciPackage(name, "0.1.0"), bytes);
    const dir = mkdtempSync(`${tmpdir()}/ipk-`);
    try {
      writeFileSync(`${dir}/p.ipk`, bytes);
      const run = (...args: string[]): string => execFileSync("tar", args, { cwd: dir, encoding: "utf8", env: { ...process.env, TZ: "UTC" } });
      assert.equal(run("-tzf", "p.ipk"), "./debian-binary\n./control.tar.gz\n./data.tar.gz\n");
      run("-xzf", "p.ipk");
      assert.equal(readFileSync(`${dir}/debian-binary`, "utf8"), "2.0\n");
      run("-xzf", "control.tar.gz");
      const control = readFileSync(`${dir}/control`, "utf8");
      assert.ok(control.startsWith(`Package: ${name}\nVersion: 0.1.0-r1\nDepends: ${depends}\nLicense: MIT\n`), control);
      assert.match(control, /^Architecture: all$/m);
      execFileSync("sh", ["-n", `${dir}/postinst`]);
      const list = run("-tvzf", "data.tar.gz").trim().split("\n");
      for (const l of list) assert.match(l, /^(drwxr-xr-x|-rw-r--r--) root\/root +\d+ 1980-01-01 00:00 \.\//);
      const names = list.map((l) => l.slice(l.indexOf("./")));
      assert.deepEqual(names, [...names].sort());
      run("-xzf", "data.tar.gz");
      const source = file.startsWith("www/") ? file.replace("www/", "htdocs/") : `root/${file}`;
      assert.deepEqual(readFileSync(`${dir}/${file}`), readFileSync(`openwrt/${name}/${source}`));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
}

test("a name that plain tar cannot hold is refused", () => {
  assert.throws(() => tar(new Map([["x".repeat(99), { data: new Uint8Array(0), mode: 0o644 }]])), RangeError);
});
