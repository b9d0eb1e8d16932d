// make apk: the same packages as .apk (version 3, OpenWrt 25.12 and later), by the apk tool itself: APK=/path/to/apk,
// or apk in PATH. The same sources give the same bytes.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { daemonFiles, daemonPackage, executable, LUCI, luciParts } from "./ipk.mjs";

/** Null when the tool can make packages, else why not. */
export function noApk(env = process.env) {
  const r = spawnSync(env.APK ?? "apk", ["--version"], { encoding: "utf8" });
  if (r.status !== 0) return "there is no apk tool here (apk-tools 3): name one with APK=/path/to/apk";
  if (!/apk-tools [3-9]/.test(r.stdout)) return `${r.stdout.trim()}: version 3 is needed`;
  if (process.getuid?.() !== 0) return "the files of a package belong to root: run this as root, or under fakeroot";
  return null;
}

const STEPS = { postinst: "add_group_and_user\ndefault_postinst", prerm: "default_prerm" };
/** A script without its first line. */
const body = (script) => script.replace(/^#!.*\n/, "");

/** As the SDK makes them: OpenWrt's own steps, then ours. */
const standard = (what, name, upgrade, own) => `#!/bin/sh
[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0
[ -s \${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. \${IPKG_INSTROOT}/lib/functions.sh
export root="\${IPKG_INSTROOT}"
export pkgname="${name}"
${upgrade ? "export PKG_UPGRADE=1\n" : ""}${STEPS[what]}
${body(own)}`;

/**
 * p: name, version, depends, license, maintainer, title, files (path -> {data, mode}); scripts: by apk's names. Returns
 * the bytes.
 */
export function apk(p, arch, scripts, env = process.env) {
  const dir = mkdtempSync(`${tmpdir()}/apk-`);
  const mask = process.umask(0o022);
  try {
    const put = (path, data, mode) => {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      writeFileSync(path, data);
      chmodSync(path, mode);
    };
    const files = new Map([...p.files].sort(([a], [b]) => (a < b ? -1 : 1)));
    // What OpenWrt's scripts look services up in.
    files.set(`lib/apk/packages/${p.name}.list`, {
      data: `${[...files.keys()].map((f) => `/${f}`).join("\n")}\n`,
      mode: 0o644,
    });
    if (p.conffiles) files.set(`lib/apk/packages/${p.name}.conffiles`, { data: p.conffiles, mode: 0o644 });
    for (const [path, f] of files) put(`${dir}/root/${path}`, f.data, f.mode);
    const args = ["mkpkg"];
    const info = {
      name: p.name,
      version: p.version,
      description: p.title,
      arch,
      license: p.license,
      maintainer: p.maintainer,
      origin: p.name,
      depends: p.depends.join(" "),
    };
    for (const [k, v] of Object.entries(info)) args.push("--info", `${k}:${v}`);
    for (const [name, text] of Object.entries(scripts)) {
      put(`${dir}/${name}`, text, 0o755);
      args.push("--script", `${name}:${dir}/${name}`);
    }
    args.push("--files", `${dir}/root`, "--output", `${dir}/out.apk`);
    const r = spawnSync(env.APK ?? "apk", args, { encoding: "utf8", env: { ...env, SOURCE_DATE_EPOCH: "315532800" } });
    if (r.status !== 0) throw new Error(`apk mkpkg: ${r.stderr}${r.stdout}`);
    return readFileSync(`${dir}/out.apk`);
  } finally {
    process.umask(mask);
    rmSync(dir, { recursive: true, force: true });
  }
}

export function daemonApk(exe, version, env = process.env) {
  const p = { ...daemonPackage(version), files: daemonFiles(exe.data) };
  return apk(
    p,
    exe.arch,
    {
      "post-install": standard("postinst", p.name, false, p.postinst),
      "post-upgrade": standard("postinst", p.name, true, p.postinst),
      "pre-deinstall": `${p.prerm.replace(/^exit 0\n/m, "")}${body(standard("prerm", p.name, false, ""))}`,
    },
    env,
  );
}
export function luciApk(name, version, env = process.env) {
  const p = luciParts(name, version);
  return apk(p, "noarch", { "post-install": p.postinst, "post-upgrade": p.postinst }, env);
}

if (process.argv[1]?.endsWith("scripts/apk.mjs")) {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  const stop = (why) => {
    console.error(`apk: ${why}`);
    process.exit(1);
  };
  const none = noApk();
  if (none !== null) stop(none);
  mkdirSync("dist", { recursive: true });
  const put = (file, bytes) => {
    writeFileSync(file, bytes);
    console.log(`${file}: ${bytes.length} bytes`);
  };
  for (const name of LUCI) put(`dist/${name}-${version}-r1.apk`, luciApk(name, version));
  const exe = executable();
  if (exe.why !== undefined) stop(exe.why);
  if (exe.warning !== null) console.error(`apk: ${exe.warning}`);
  put(`dist/l2tpsec-${daemonPackage(version).version}.apk`, daemonApk(exe, version));
}
