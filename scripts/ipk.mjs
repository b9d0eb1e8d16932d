// make ipk: the daemon's package and LuCI's as .ipk, without the SDK: a gzipped tar of ./debian-binary,
// ./control.tar.gz and ./data.tar.gz. The same sources give the same bytes: sorted, root:root, one time stamp, no names
// of this machine.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** 1980-01-01, as old as any unpacker takes without a word. */
export const MTIME = 315532800;

function header(name, mode, size, type, mtime = MTIME) {
  const b = Buffer.alloc(512);
  if (Buffer.byteLength(name) > 100) throw new RangeError(`name too long for plain tar: ${name}`);
  const octal = (n, at, width) => b.write(`${n.toString(8).padStart(width - 1, "0")}\0`, at);
  b.write(name, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(mtime, 136, 12);
  b.write("        ", 148);
  b.write(type, 156);
  b.write("ustar\x0000", 257, "latin1");
  b.write("root", 265);
  b.write("root", 297);
  b.write(
    `${b
      .reduce((a, x) => a + x, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return b;
}

/** files: path without a leading slash -> { data, mode }, all below `top`. Folders are added. mtime: seconds. */
export function tar(files, top = ".", mtime = MTIME) {
  const folders = new Set([`${top}/`]);
  for (const path of files.keys()) {
    const parts = path.split("/").slice(0, -1);
    for (let i = 1; i <= parts.length; i++) folders.add(`${top}/${parts.slice(0, i).join("/")}/`);
  }
  const all = [...[...folders].map((f) => [f, null]), ...[...files].map(([p, f]) => [`${top}/${p}`, f])].sort(
    ([a], [b]) => (a < b ? -1 : 1),
  );
  const out = [];
  for (const [name, f] of all) {
    if (f === null) out.push(header(name, 0o755, 0, "5", mtime));
    else
      out.push(
        header(name, f.mode, f.data.length, "0", mtime),
        f.data,
        Buffer.alloc((512 - (f.data.length % 512)) % 512),
      );
  }
  return Buffer.concat([...out, Buffer.alloc(1024)]);
}

const gzip = (b) => {
  const z = gzipSync(b, { level: 9, memLevel: 7 }); // shorter blocks, each with its own codes, fit an executable better
  z[9] = 255; // "unknown" system, whatever built it
  return z;
};
const plain = (data, mode = 0o644) => ({ data: Buffer.from(data), mode });

/**
 * control: the fields in order; scripts: postinst and the like; conffiles: paths, one a line, whose changes an upgrade
 * keeps.
 */
export function ipk(control, files, scripts = {}, conffiles = "") {
  const size = [...files.values()].reduce((n, f) => n + f.data.length, 0);
  const text = Object.entries({ ...control, "Installed-Size": size })
    .map(([k, v]) => `${k}: ${v}\n`)
    .join("");
  const meta = new Map([["control", plain(text)], ...Object.entries(scripts).map(([n, s]) => [n, plain(s, 0o755)])]);
  if (conffiles !== "") meta.set("conffiles", plain(conffiles));
  const top = header("./debian-binary", 0o644, 4, "0");
  const member = (name, data) => [
    header(name, 0o644, data.length, "0"),
    data,
    Buffer.alloc((512 - (data.length % 512)) % 512),
  ];
  return gzip(
    Buffer.concat([
      top,
      Buffer.from("2.0\n"),
      Buffer.alloc(508),
      ...member("./control.tar.gz", gzip(tar(meta))),
      ...member("./data.tar.gz", gzip(tar(files))),
      Buffer.alloc(1024),
    ]),
  );
}

function tree(dir, at, files) {
  if (!existsSync(dir)) return files;
  for (const f of readdirSync(dir, { recursive: true })) {
    const s = statSync(`${dir}/${f}`);
    if (s.isFile()) files.set(at + f, plain(readFileSync(`${dir}/${f}`), s.mode & 0o100 ? 0o755 : 0o644));
  }
  return files;
}

/** The executable for a router, and what kind of machine it is for by OpenWrt's names; `why` when there is none. */
export function executable(env = process.env) {
  const path = env.L2TPSEC ?? "dist/l2tpsec";
  if (!existsSync(path))
    return {
      why:
        `there is no ${path}: the package of the daemon needs the executable for the router (build it, or ` +
        "name it with L2TPSEC=)",
    };
  const data = readFileSync(path);
  const elf = data.length > 64 && data.toString("latin1", 0, 4) === "\x7fELF";
  if (!elf) return { why: `${path} is no executable of a router (not ELF)` };
  const arch = env.ARCH ?? (data.readUInt16LE(18) === 62 ? "x86_64" : null);
  if (arch === null)
    return {
      why:
        `${path} is not for x86_64: name the architecture with ARCH=, as \`opkg print-architecture\` or ` +
        `\`apk --print-arch\` does on the router`,
    };
  const foreign = /\/ld-linux[\w.-]*/.exec(data.toString("latin1", 0, 4096))?.[0];
  return {
    data,
    arch,
    warning:
      foreign === undefined
        ? null
        : `${path} is linked with this machine's C library (${foreign.slice(1)}), which OpenWrt does not ` +
          "have: for trying the package only",
  };
}

/** Name, texts and scripts of the daemon's package, as its Makefile for the SDK has them. */
export function daemonPackage(version) {
  const make = readFileSync("openwrt/l2tpsec/Makefile", "utf8");
  const about = make.slice(make.indexOf("define Package/l2tpsec\n"));
  const field = (key) => new RegExp(`^ *${key}:=(.*)$`, "m").exec(key.startsWith("PKG_") ? make : about)?.[1] ?? "";
  const define = (key) =>
    (new RegExp(`^define Package/l2tpsec/${key}\\n([\\s\\S]*?)^endef$`, "m").exec(make)?.[1] ?? "").replaceAll(
      "$$",
      "$",
    );
  if (field("PKG_VERSION") !== version)
    throw new Error(`openwrt/l2tpsec/Makefile has version ${field("PKG_VERSION")}, package.json ${version}`);
  return {
    name: "l2tpsec",
    version: `${version}-r${field("PKG_RELEASE")}`,
    depends: [
      "libc",
      ...field("DEPENDS")
        .split(" ")
        .map((d) => d.replace(/^\+/, "")),
    ],
    recommends: /^L2TPSEC_KMODS:=(.*)$/m.exec(make)[1].split(" "),
    license: field("PKG_LICENSE"),
    maintainer: field("PKG_MAINTAINER"),
    url: field("URL"),
    cpe: field("PKG_CPE_ID"),
    title: field("TITLE"),
    conffiles: define("conffiles"),
    postinst: define("postinst"),
    prerm: define("prerm"),
  };
}

/** path -> { data, mode } of what the daemon's package installs. */
export function daemonFiles(data) {
  const files = tree("openwrt/l2tpsec/files", "", new Map());
  const config = files.get("etc/config/l2tpsec");
  if (config) config.mode = 0o600; // passwords will stand in it
  return files.set("usr/sbin/l2tpsec", { data, mode: 0o755 });
}

/** As the SDK makes them: OpenWrt's own steps (services on, and off again), with ours before. */
const standard = (what, first = "") => `#!/bin/sh
${first}[ -s \${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. \${IPKG_INSTROOT}/lib/functions.sh
default_${what} $0 $@
`;

export function daemonIpk(exe, version) {
  const p = daemonPackage(version);
  const control = {
    Package: p.name,
    Version: p.version,
    Depends: p.depends.join(", "),
    Recommends: p.recommends.join(", "), // opkg installs those that its feeds have
    License: p.license,
    Section: "net",
    URL: p.url,
    "CPE-ID": p.cpe,
    Maintainer: p.maintainer,
    Architecture: exe.arch,
    Description: p.title,
  };
  return ipk(
    control,
    daemonFiles(exe.data),
    {
      postinst: standard("postinst", `[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0\n`),
      "postinst-pkg": p.postinst,
      prerm: standard("prerm"),
      "prerm-pkg": p.prerm,
    },
    p.conffiles,
  );
}

export const LUCI = ["luci-app-l2tpsec", "luci-proto-l2tpsec"];

/** One of the LuCI packages, with the title and dependencies that its Makefile names. */
export function luciParts(name, version) {
  const dir = `openwrt/${name}`;
  const make = readFileSync(`${dir}/Makefile`, "utf8");
  const field = (key) => new RegExp(`^${key}:=(.*)$`, "m").exec(make)?.[1] ?? "";
  return {
    name,
    version: `${version}-r1`,
    depends: [
      "libc",
      ...field("LUCI_DEPENDS")
        .split(" ")
        .map((d) => d.replace(/^\+/, "")),
    ],
    license: field("PKG_LICENSE"),
    maintainer: field("PKG_MAINTAINER"),
    url: field("LUCI_URL"),
    title: field("LUCI_TITLE"),
    files: tree(`${dir}/root`, "", tree(`${dir}/htdocs`, "www/", new Map())),
    // LuCI keeps an index of its menu and modules, and rpcd reads its access lists at start only.
    postinst:
      '#!/bin/sh\n[ -n "$IPKG_INSTROOT" ] && exit 0\nrm -f /tmp/luci-indexcache*\n' +
      "rm -rf /tmp/luci-modulecache/\n[ -x /etc/init.d/rpcd ] && /etc/init.d/rpcd reload\nexit 0\n",
  };
}
export function luciPackage(name, version) {
  const p = luciParts(name, version);
  const control = {
    Package: p.name,
    Version: p.version,
    Depends: p.depends.join(", "),
    License: p.license,
    Section: "luci",
    Architecture: "all",
    Maintainer: p.maintainer,
    Description: p.title,
  };
  return ipk(control, p.files, { postinst: p.postinst });
}

if (process.argv[1]?.endsWith("scripts/ipk.mjs")) {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  mkdirSync("dist", { recursive: true });
  const put = (file, bytes) => {
    writeFileSync(file, bytes);
    console.log(`${file}: ${bytes.length} bytes`);
  };
  for (const name of LUCI) put(`dist/${name}_${version}-r1_all.ipk`, luciPackage(name, version));
  const exe = executable();
  if (exe.why !== undefined) {
    console.error(`ipk: ${exe.why}`);
    process.exit(1);
  }
  if (exe.warning !== null) console.error(`ipk: ${exe.warning}`);
  put(`dist/l2tpsec_${daemonPackage(version).version}_${exe.arch}.ipk`, daemonIpk(exe, version));
}
