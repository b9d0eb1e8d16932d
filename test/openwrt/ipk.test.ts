// The quick packages: plain tar reads them, their fields are right, two builds are the same bytes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
// @ts-expect-error: a script without types
import { adbPackage } from "../../scripts/adb.mjs";
// @ts-expect-error: a script without types
import { daemonApk, luciApk } from "../../scripts/apk.mjs";
// @ts-expect-error: a script without types
import { daemonIpk, daemonPackage, executable, luciPackage, tar } from "../../scripts/ipk.mjs";
import { inflated, readApk } from "./adb.ts";
import { missing, Scene, SHELLS } from "./shell.ts";

const VERSION = "0.1.0";
/** The executable for a router where it is built, else this machine's `true`. */
const EXE = existsSync("dist/l2tpsec") ? "dist/l2tpsec" : "/bin/true";
const exe = executable({ L2TPSEC: EXE, ARCH: "x86_64" }) as { data: Uint8Array; arch: string };

function inDir(f: (dir: string, run: (program: string, ...args: string[]) => string) => void): void {
  const dir = mkdtempSync(`${tmpdir()}/ipk-`);
  try {
    f(dir, (program, ...args) =>
      execFileSync(program, args, { cwd: dir, encoding: "utf8", env: { ...process.env, TZ: "UTC" } }),
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
}

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
      const run = (...args: string[]): string =>
        execFileSync("tar", args, { cwd: dir, encoding: "utf8", env: { ...process.env, TZ: "UTC" } });
      assert.equal(run("-tzf", "p.ipk"), "./debian-binary\n./control.tar.gz\n./data.tar.gz\n");
      run("-xzf", "p.ipk");
      assert.equal(readFileSync(`${dir}/debian-binary`, "utf8"), "2.0\n");
      run("-xzf", "control.tar.gz");
      const control = readFileSync(`${dir}/control`, "utf8");
      assert.ok(
        control.startsWith(`Package: ${name}\nVersion: 0.1.0-r1\nDepends: ${depends}\nLicense: MIT\n`),
        control,
      );
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

test("l2tpsec.ipk: fields, files, modes, conffiles; two builds are the same bytes; what it carries runs", () => {
  const bytes = daemonIpk(exe, VERSION) as Uint8Array;
  assert.deepEqual(daemonIpk(exe, VERSION), bytes);
  inDir((dir, run) => {
    writeFileSync(`${dir}/p.ipk`, bytes);
    run("tar", "-xzf", "p.ipk");
    run("tar", "-xzf", "control.tar.gz");
    assert.match(
      readFileSync(`${dir}/control`, "utf8"),
      new RegExp(
        "^Package: l2tpsec\nVersion: 0\\.1\\.0-r1\nDepends: libc, libopenssl, libatomic, kmod-tun, resolveip\n" +
          "Recommends: kmod-pppol2tp, kmod-ipsec4, kmod-ipsec6, kmod-crypto-gcm, kmod-crypto-sha256, " +
          "kmod-crypto-sha512, kmod-crypto-chacha20poly1305\n" +
          "License: MIT\nSection: net\nURL: \\S+\nCPE-ID: cpe:/a:l2tpsec:l2tpsec\nMaintainer: .+ <\\S+@\\S+>\n" +
          "Architecture: x86_64\n",
      ),
    );
    assert.equal(readFileSync(`${dir}/conffiles`, "utf8"), "/etc/config/l2tpsec\n");
    for (const s of ["postinst", "postinst-pkg", "prerm", "prerm-pkg"]) {
      assert.equal(statSync(`${dir}/${s}`).mode & 0o777, 0o755);
      execFileSync("sh", ["-n", `${dir}/${s}`]);
    }
    const list = run("tar", "-tvzf", "data.tar.gz")
      .trim()
      .split("\n")
      .filter((l) => l.startsWith("-"))
      .map((l) => `${l.slice(0, 10)} ${l.slice(l.indexOf("./"))}`);
    assert.deepEqual(list, [
      "-rw------- ./etc/config/l2tpsec",
      "-rw-r--r-- ./etc/hotplug.d/tty/60-l2tpsec",
      "-rwxr-xr-x ./etc/init.d/l2tpsec",
      "-rw-r--r-- ./etc/l2tpsec/README",
      "-rwxr-xr-x ./lib/netifd/proto/l2tpsec.sh",
      "-rw-r--r-- ./lib/upgrade/keep.d/l2tpsec",
      "-rwxr-xr-x ./usr/sbin/l2tpsec",
    ]);
    run("tar", "-xzf", "data.tar.gz");
    const out = run("./usr/sbin/l2tpsec", "--version");
    if (EXE !== "/bin/true") assert.ok(out.startsWith(`l2tpsec ${VERSION}`), out);
  });
});

test("the package is at most 675 KB", { skip: EXE === "/bin/true" ? "dist/l2tpsec is not built" : false }, () => {
  const size = (daemonIpk(exe, VERSION) as Uint8Array).length;
  console.log(`# l2tpsec.ipk: ${size} bytes`);
  assert.ok(size <= 675_000, `${size} bytes`);
});

test("what cannot become a package is told", () => {
  inDir((dir) => {
    const why = (env: Record<string, string>): string => String((executable(env) as { why?: string }).why);
    assert.match(why({ L2TPSEC: `${dir}/none` }), /^there is no .*none/);
    writeFileSync(`${dir}/script`, "#!/bin/sh\n");
    assert.match(why({ L2TPSEC: `${dir}/script` }), /not ELF/);
    const mips = Buffer.alloc(128);
    mips.write("\x7fELF", 0, "latin1");
    mips.writeUInt16LE(8, 18);
    writeFileSync(`${dir}/mips`, mips);
    assert.match(why({ L2TPSEC: `${dir}/mips` }), /name the architecture with ARCH=/);
    assert.equal((executable({ L2TPSEC: `${dir}/mips`, ARCH: "mipsel_24kc" }) as { arch: string }).arch, "mipsel_24kc");
    assert.throws(() => daemonPackage("9.9.9"), /has version 0\.1\.0, package\.json 9\.9\.9/);
  });
});

/** `apk mkpkg` of apk-tools 3.0 made test/golden/hello.apk of these. */
const HELLO = {
  info: {
    name: "hello",
    version: "1.2.3-r4",
    description: "A test",
    arch: "noarch",
    license: "MIT",
    origin: "hello",
    maintainer: "Somebody <a@example.org>",
    url: "https://example.org/",
    depends: ["libc", "kmod-tun", "libc"],
  },
  files: new Map([
    ["usr/bin/hello", { data: Buffer.alloc(1000, "x"), mode: 0o755 }],
    ["etc/config/hello", { data: Buffer.from("config\n"), mode: 0o600 }],
    ["usr/bin/nothing", { data: Buffer.alloc(0), mode: 0o644 }],
  ]),
  scripts: {
    "post-install": "#!/bin/sh\necho post\n",
    "post-upgrade": "#!/bin/sh\necho post\n",
    "pre-deinstall": `#!/bin/sh\n${"# long\n".repeat(60)}`,
  },
};

test("a package of apk-tools: the bytes that its own tool writes", () => {
  const golden = readFileSync("test/golden/hello.apk");
  assert.deepEqual(adbPackage(HELLO.info, HELLO.files, HELLO.scripts, 315532800, false), inflated(golden));
  const p = readApk(golden);
  assert.deepEqual(p.info, Object.fromEntries(Object.entries(HELLO.info).filter(([k]) => k !== "depends")));
  assert.deepEqual([p.depends, p.installedSize, p.scripts], [["kmod-tun", "libc"], 1007, HELLO.scripts]);
  for (const [path, f] of HELLO.files) assert.deepEqual(p.files.get(path), { ...f, mtime: 315532800 });
  const damaged = Buffer.from(inflated(golden));
  damaged[damaged.length - 20] = 0;
  assert.throws(() => readApk(damaged), /hello/);
});

test("l2tpsec.apk: fields, files, modes, conffiles, scripts; the same bytes twice; what it carries runs", () => {
  const bytes = daemonApk(exe, VERSION) as Buffer;
  assert.deepEqual(daemonApk(exe, VERSION), bytes);
  const p = readApk(bytes);
  assert.deepEqual([p.info["name"], p.info["version"], p.info["arch"]], ["l2tpsec", "0.1.0-r1", "x86_64"]);
  assert.deepEqual(p.depends, ["kmod-tun", "libatomic", "libc", "libopenssl", "resolveip"]);
  const crypto = ["chacha20poly1305", "gcm", "sha256", "sha512"].map((a) => `kmod-crypto-${a}`);
  assert.deepEqual(p.recommends, [...crypto, "kmod-ipsec4", "kmod-ipsec6", "kmod-pppol2tp"]);
  const about = "lib/apk/packages/l2tpsec";
  assert.deepEqual(
    [...p.files].map(([path, f]) => [path, f.mode.toString(8)]),
    [
      ["etc/config/l2tpsec", "600"],
      ["etc/hotplug.d/tty/60-l2tpsec", "644"],
      ["etc/init.d/l2tpsec", "755"],
      ["etc/l2tpsec/README", "644"],
      [`${about}.conffiles`, "644"],
      [`${about}.conffiles_static`, "644"],
      [`${about}.list`, "644"],
      ["lib/netifd/proto/l2tpsec.sh", "755"],
      ["lib/upgrade/keep.d/l2tpsec", "644"],
      ["usr/sbin/l2tpsec", "755"],
    ],
  );
  const config = p.files.get("etc/config/l2tpsec")?.data ?? "";
  assert.deepEqual(
    ["list", "conffiles", "conffiles_static"].map((f) => String(p.files.get(`${about}.${f}`)?.data)),
    [
      `${[...p.files.keys()]
        .filter((f) => !f.startsWith(about))
        .map((f) => `/${f}\n`)
        .join("")}`,
      "/etc/config/l2tpsec\n",
      `/etc/config/l2tpsec ${createHash("sha256").update(config).digest("hex")}\n`,
    ],
  );
  assert.deepEqual(Object.keys(p.scripts), ["post-install", "pre-deinstall", "post-upgrade"]);
  inDir((dir, run) => {
    for (const s of Object.values(p.scripts)) {
      writeFileSync(`${dir}/s`, s);
      run("sh", "-n", "s");
    }
    writeFileSync(`${dir}/l2tpsec`, p.files.get("usr/sbin/l2tpsec")?.data ?? "", { mode: 0o755 });
    run("./l2tpsec", "--version");
  });
});

test("LuCI's .apk: for every architecture, with what their .ipk has", () => {
  for (const name of ["luci-app-l2tpsec", "luci-proto-l2tpsec"]) {
    const p = readApk(luciApk(name, VERSION) as Buffer);
    assert.deepEqual([p.info["name"], p.info["arch"]], [name, "noarch"]);
    assert.ok(p.depends.includes("luci-base"));
    assert.match(p.scripts["post-install"] ?? "", /luci-indexcache/);
    assert.ok([...p.files.keys()].some((f) => f.startsWith("www/")));
  }
});

for (const [name, words] of SHELLS) {
  test(`${name}: the package's own scripts`, { skip: missing(words[0] ?? "") ?? false }, () => {
    const s = new Scene(words);
    try {
      const p = daemonPackage(VERSION) as { postinst: string; prerm: string };
      const here = (text: string): string =>
        text
          .replaceAll("/tmp/l2tpsec.down", `${s.dir}/down`)
          .replace("/etc/init.d/network", "network")
          .replace(". /lib/functions.sh", `. ${s.dir}/functions.sh`);
      writeFileSync(`${s.dir}/postinst`, here(p.postinst));
      writeFileSync(`${s.dir}/prerm`, here(p.prerm));
      // uci's interfaces: proto, then what netifd says.
      writeFileSync(
        `${s.dir}/functions.sh`,
        'config_load() { :; }\nconfig_get() { case $2 in lan) eval "$1=static" ;; modem) eval "$1=nasdial" ' +
          ';; *) eval "$1=l2tpsec" ;; esac; }\n' +
          'config_foreach() { for i in lan hq idle modem; do "$1" "$i"; done; }\n',
      );
      for (const tool of ["network", "ifup", "ifdown"]) s.program(tool, "");
      s.program(
        "ubus",
        `case "$*" in *get_proto_handlers) echo '{ "static": {} }' ;; *hq*) echo '	"up": true,' ;; *) echo ` +
          `'	"up": false,' ;; esac`,
      );
      assert.deepEqual(
        s.run(`${s.dir}/postinst`, []),
        ["ubus call network get_proto_handlers", "network restart", "exit 0"],
        "new: netifd restarts",
      );
      assert.deepEqual(
        s.run(`${s.dir}/postinst`, [], { IPKG_INSTROOT: "/x" }),
        ["exit 0"],
        "an image is made, nothing runs",
      );
      assert.deepEqual(s.run(`${s.dir}/prerm`, []), [
        "ubus call network.interface.hq status",
        "ifdown hq",
        "ubus call network.interface.idle status",
        "ifdown idle",
        "ubus call network.interface.modem status",
        "ifdown modem",
        "exit 0",
      ]);
      const known = readFileSync(`${s.dir}/down`, "utf8");
      s.program("ubus", `echo '{ "static": {}, "l2tpsec": {} }'`);
      assert.deepEqual(
        s.run(`${s.dir}/postinst`, []),
        ["ubus call network get_proto_handlers", "network restart", "ifup hq", "exit 0"],
        "a package before it knew one protocol less",
      );
      writeFileSync(`${s.dir}/down`, known);
      s.program("ubus", `echo '{ "static": {}, "l2tpsec": {}, "nasdial": {} }'`);
      assert.deepEqual(
        s.run(`${s.dir}/postinst`, []),
        ["ubus call network get_proto_handlers", "ifup hq", "exit 0"],
        "an upgrade: what was up comes up",
      );
      assert.deepEqual(s.run(`${s.dir}/postinst`, []), ["ubus call network get_proto_handlers", "exit 0"]);
      s.program("ubus", "exit 4");
      assert.deepEqual(
        s.run(`${s.dir}/postinst`, []),
        ["ubus call network get_proto_handlers", "exit 0"],
        "no netifd: nothing to restart",
      );
    } finally {
      s.close();
    }
  });
}
