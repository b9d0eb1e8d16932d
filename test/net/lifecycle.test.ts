// Both formats through a package's life, in a root with busybox: installed, upgraded, downgraded, removed. The
// packages' own scripts run between the steps that opkg and apk-tools take (seen with apk-tools 3 itself), and
// OpenWrt's.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { test } from "node:test";
// @ts-expect-error: a script without types
import { daemonApk } from "../../scripts/apk.mjs";
// @ts-expect-error: a script without types
import { daemonIpk } from "../../scripts/ipk.mjs";
import { VERSION } from "../../src/version.ts";
import { readApk } from "../openwrt/adb.ts";
import { lacking, run } from "./harness.ts";

const CONFIG = "/etc/config/l2tpsec";
const INFO = "/usr/lib/opkg/info/l2tpsec";
const skip = lacking("busybox", "tar");

/** A root in which scripts find a shell, and tools that note their arguments. */
class Root {
  readonly dir = mkdtempSync(`${tmpdir()}/l2tpsec-root-`);
  put(path: string, data: string | Uint8Array, mode = 0o644): void {
    mkdirSync(dirname(this.dir + path), { recursive: true });
    writeFileSync(this.dir + path, data, { mode });
  }
  async make(): Promise<this> {
    const busybox = (await run("sh", ["-c", "command -v busybox"])).stdout.trim();
    const libraries = (await run("ldd", [busybox])).stdout.match(/\/\S+/g) ?? [];
    this.put("/bin/busybox", readFileSync(busybox), 0o755);
    for (const l of libraries) this.put(l, readFileSync(l), 0o755);
    for (const t of ["sh", "grep", "cat", "basename", "rm", "echo", "mkdir"])
      symlinkSync("busybox", `${this.dir}/bin/${t}`);
    cpSync("test/openwrt/standin/functions.sh", `${this.dir}/lib/functions.sh`);
    const note = (name: string, more = ""): string => `#!/bin/sh\necho "${name} $*" >>/log\n${more}\n`;
    this.put("/etc/rc.common", `#!/bin/sh\necho "$(basename $1) $2" >>/log\n`, 0o755);
    this.put("/etc/init.d/network", note("network", "echo known >/tmp/known"), 0o755);
    mkdirSync(`${this.dir}/tmp`);
    this.put("/dev/null", "");
    for (const t of ["ifup", "ifdown"]) this.put(`/bin/${t}`, note(t), 0o755);
    const known = `[ -f /tmp/known ] && echo '{ "l2tpsec": {}, "nasdial": {} }' || echo '{ "static": {} }'`;
    this.put("/bin/ubus", `#!/bin/sh\ncase $* in *status) echo '"up": true' ;; *) ${known} ;; esac\n`, 0o755);
    return this;
  }
  /** What a script's tools noted. */
  async script(path: string, env: readonly string[] = [], ...args: string[]): Promise<string[]> {
    this.put("/log", "");
    const r = await run("env", ["-i", "PATH=/bin:/usr/sbin:/usr/bin:/sbin", ...env, "chroot", this.dir, path, ...args]);
    assert.deepEqual([r.code, r.stderr], [0, ""], path);
    return readFileSync(`${this.dir}/log`, "utf8").trim().split("\n");
  }
  has = (path: string): boolean => existsSync(this.dir + path);
  text = (path: string): string => readFileSync(this.dir + path, "utf8");
  remove = (path: string): void => rmSync(this.dir + path);
  close = (): void => rmSync(this.dir, { recursive: true, force: true });
}

const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");
type Files = ReadonlyMap<string, { readonly mode: number; readonly data: Uint8Array }>;

/** A file that somebody changed stays, and the package's is put beside it. */
function lay(root: Root, files: Files, installed: Map<string, string>, beside: string): void {
  for (const [path, f] of files) {
    const at = `/${path}`;
    const changed = at === CONFIG && root.has(at) && sha256(root.text(at)) !== installed.get(at);
    root.put(changed ? at + beside : at, f.data, f.mode);
    installed.set(at, sha256(f.data));
  }
}
function unlay(root: Root, installed: Map<string, string>): void {
  for (const [at, hash] of installed) if (sha256(readFileSync(root.dir + at)) === hash) root.remove(at);
}

interface Manager {
  readonly beside: string;
  install(root: Root, program: Buffer, upgrade: boolean, installed: Map<string, string>): Promise<string[]>;
  remove(root: Root, installed: Map<string, string>): Promise<string[]>;
}

const opkg: Manager = {
  beside: "-opkg",
  async install(root, program, upgrade, installed) {
    const before = upgrade ? await root.script(`${INFO}.prerm`, ["PKG_UPGRADE=1"], "upgrade", VERSION) : [];
    const dir = mkdtempSync(`${tmpdir()}/l2tpsec-ipk-`);
    try {
      writeFileSync(`${dir}/p.ipk`, daemonIpk({ data: program, arch: "all" }, VERSION) as Uint8Array);
      for (const f of ["p.ipk", "control.tar.gz"]) await run("tar", ["-C", dir, "-xzf", `${dir}/${f}`]);
      mkdirSync(`${dir}/data`);
      await run("tar", ["-C", `${dir}/data`, "-xpzf", `${dir}/data.tar.gz`]);
      const list = (await run("sh", ["-c", `cd ${dir}/data && find . -type f`])).stdout.trim().split("\n").sort();
      const files = new Map(
        list.map((f) => [
          f.slice(2),
          { data: readFileSync(`${dir}/data/${f}`), mode: f.includes("etc/l2") ? 0o644 : 0o755 },
        ]),
      );
      lay(root, files, installed, opkg.beside);
      root.put(`${INFO}.list`, list.map((f) => `${f.slice(1)}\n`).join(""));
      for (const s of ["postinst", "postinst-pkg", "prerm", "prerm-pkg"])
        root.put(`${INFO}.${s}`, readFileSync(`${dir}/${s}`), 0o755);
    } finally {
      rmSync(dir, { recursive: true });
    }
    const env = upgrade ? ["PKG_UPGRADE=1"] : [];
    return [...before, ...(await root.script(`${INFO}.postinst`, env, "configure"))];
  },
  async remove(root, installed) {
    const said = await root.script(`${INFO}.prerm`, [], "remove");
    unlay(root, installed);
    return said;
  },
};

const apk: Manager = {
  beside: ".apk-new",
  async install(root, program, upgrade, installed) {
    const p = readApk(daemonApk({ data: program, arch: "noarch" }, VERSION) as Buffer);
    lay(root, p.files, installed, apk.beside);
    for (const [name, text] of Object.entries(p.scripts)) root.put(`/lib/apk/exec/${name}`, text, 0o755);
    return root.script(`/lib/apk/exec/${upgrade ? "post-upgrade" : "post-install"}`);
  },
  async remove(root, installed) {
    const said = await root.script("/lib/apk/exec/pre-deinstall");
    unlay(root, installed);
    return said;
  },
};

const program = (what: string): Buffer => Buffer.from(`#!/bin/sh\necho ${what}\n`);
const start = "l2tpsec start";
for (const [name, manager, want] of [
  [
    "opkg",
    opkg,
    {
      install: ["network restart", "l2tpsec enable", start],
      // Its links say goodbye, and come up again.
      upgrade: ["ifdown hq", "l2tpsec stop", "ifup hq", start],
      remove: ["ifdown hq", "l2tpsec disable", "l2tpsec stop"],
    },
  ],
  [
    "apk",
    apk,
    {
      install: ["l2tpsec enable", start, "network restart"],
      // procd sees another program, and starts it in the old one's place.
      upgrade: [start],
      remove: ["l2tpsec disable", "l2tpsec stop", "ifdown hq"],
    },
  ],
] as const) {
  test(`${name}: installed, upgraded, downgraded, removed`, { skip: skip ?? false }, async () => {
    const root = await new Root().make();
    const installed = new Map<string, string>();
    try {
      assert.deepEqual(await manager.install(root, program("one"), false, installed), want.install);
      assert.ok(root.has("/lib/netifd/proto/l2tpsec.sh") && root.has("/etc/init.d/l2tpsec"));
      root.put(CONFIG, `${root.text(CONFIG)}# mine\n`);
      for (const what of ["two", "one"]) {
        assert.deepEqual(await manager.install(root, program(what), true, installed), want.upgrade, what);
        assert.equal(root.text("/usr/sbin/l2tpsec"), program(what).toString());
        assert.match(root.text(CONFIG), /# mine\n$/);
        assert.doesNotMatch(root.text(CONFIG + manager.beside), /# mine/);
      }
      assert.deepEqual(await manager.remove(root, installed), want.remove);
      assert.deepEqual(
        ["/usr/sbin/l2tpsec", "/etc/init.d/l2tpsec", "/lib/netifd/proto/l2tpsec.sh", CONFIG].map(root.has),
        [false, false, false, true],
      );
    } finally {
      root.close();
    }
  });
}
