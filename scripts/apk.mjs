// make apk: the same packages as .apk (version 3, OpenWrt 25.12 and later), without the SDK or the apk tool. The same
// sources give the same bytes. They are not signed: `apk add --allow-untrusted`.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { adbPackage } from "./adb.mjs";
import { daemonFiles, daemonPackage, executable, LUCI, luciParts, MTIME } from "./ipk.mjs";

/** A script without its first line. */
const body = (script) => script.replace(/^#!.*\n/, "");

/** As the SDK makes them: OpenWrt's own steps, then ours. */
const steps = (name, own, ...words) => `[ -s \${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. \${IPKG_INSTROOT}/lib/functions.sh
export root="\${IPKG_INSTROOT}"
export pkgname="${name}"
${words.join("\n")}
${body(own)}`;
const scripts = (name, postinst, prerm) => {
  const install = `[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0
${steps(name, postinst, "add_group_and_user", "default_postinst")}`;
  return {
    "post-install": `#!/bin/sh\n${install}`,
    "post-upgrade": `#!/bin/sh\nexport PKG_UPGRADE=1\n${install}`,
    "pre-deinstall": `#!/bin/sh\n${steps(name, prerm, "default_prerm")}`,
  };
};

/** p: as luciParts gives it, with conffiles and prerm where it has them. Returns the bytes. */
function apk(p, arch) {
  const about = `lib/apk/packages/${p.name}`;
  const files = new Map(p.files);
  const put = (path, lines) => {
    if (lines.length > 0) files.set(path, { data: Buffer.from(lines.map((l) => `${l}\n`).join("")), mode: 0o644 });
  };
  // What OpenWrt's scripts look services up in, and sysupgrade what to keep.
  put(`${about}.list`, [...p.files.keys()].map((f) => `/${f}`).sort());
  const kept = (p.conffiles ?? "").split("\n").filter((l) => l !== "");
  put(`${about}.conffiles`, kept);
  put(
    `${about}.conffiles_static`,
    kept.flatMap((f) => {
      const file = p.files.get(f.slice(1));
      return file === undefined ? [] : [`${f} ${createHash("sha256").update(file.data).digest("hex")}`];
    }),
  );
  const info = {
    name: p.name,
    version: p.version,
    description: p.title,
    arch,
    license: p.license,
    origin: p.name,
    maintainer: p.maintainer,
    url: p.url,
    depends: p.depends,
    recommends: p.recommends ?? [], // which apk 3.0 shows, and installs none of
  };
  return adbPackage(info, files, scripts(p.name, p.postinst, p.prerm ?? ""), MTIME);
}

export const daemonApk = (exe, version) => apk({ ...daemonPackage(version), files: daemonFiles(exe.data) }, exe.arch);
export const luciApk = (name, version) => apk(luciParts(name, version), "noarch");

if (process.argv[1]?.endsWith("scripts/apk.mjs")) {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  mkdirSync("dist", { recursive: true });
  const put = (file, bytes) => {
    writeFileSync(file, bytes);
    console.log(`${file}: ${bytes.length} bytes`);
  };
  for (const name of LUCI) put(`dist/${name}-${version}-r1.apk`, luciApk(name, version));
  const exe = executable();
  if (exe.why !== undefined) {
    console.error(`apk: ${exe.why}`);
    process.exit(1);
  }
  if (exe.warning !== null) console.error(`apk: ${exe.warning}`);
  put(`dist/l2tpsec-${daemonPackage(version).version}.apk`, daemonApk(exe, version));
}
