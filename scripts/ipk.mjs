// make ipk: the LuCI packages as .ipk, without the SDK: a gzipped tar of ./debian-binary, ./control.tar.gz and ./data.tar.gz.
// The same sources give the same bytes: sorted, root:root, one time stamp, no names of this machine.
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** 1980-01-01, as old as any unpacker takes without a word. */
const MTIME = 315532800;

function header(name, mode, size, type) {
  const b = Buffer.alloc(512);
  if (Buffer.byteLength(name) > 100) throw new RangeError(`name too long for plain tar: ${name}`);
  const octal = (n, at, width) => b.write(`${n.toString(8).padStart(width - 1, "0")}\0`, at);
  b.write(name, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(MTIME, 136, 12);
  b.write("        ", 148);
  b.write(type, 156);
  b.write("ustar\x0000", 257, "latin1");
  b.write("root", 265);
  b.write("root", 297);
  b.write(`${b.reduce((a, x) => a + x, 0).toString(8).padStart(6, "0")}\0 `, 148);
  return b;
}

/** files: path without a leading slash -> { data, mode }. Folders are added. */
export function tar(files) {
  const folders = new Set(["./"]);
  for (const path of files.keys()) {
    const parts = path.split("/").slice(0, -1);
    for (let i = 1; i <= parts.length; i++) folders.add(`./${parts.slice(0, i).join("/")}/`);
  }
  const all = [...[...folders].map((f) => [f, null]), ...[...files].map(([p, f]) => [`./${p}`, f])].sort(([a], [b]) => (a < b ? -1 : 1));
  const out = [];
  for (const [name, f] of all) {
    if (f === null) out.push(header(name, 0o755, 0, "5"));
    else out.push(header(name, f.mode, f.data.length, "0"), f.data, Buffer.alloc((512 - (f.data.length % 512)) % 512));
  }
  return Buffer.concat([...out, Buffer.alloc(1024)]);
}

const gzip = (b) => {
  const z = gzipSync(b, { level: 9 });
  z[9] = 255; // "unknown" system, whatever built it
  return z;
};
const plain = (data, mode = 0o644) => ({ data: Buffer.from(data), mode });

/** control: the fields in order; scripts: postinst and the like. */
export function ipk(control, files, scripts = {}) {
  const size = [...files.values()].reduce((n, f) => n + f.data.length, 0);
  const text = Object.entries({ ...control, "Installed-Size": size }).map(([k, v]) => `${k}: ${v}\n`).join("");
  const meta = new Map([["control", plain(text)], ...Object.entries(scripts).map(([n, s]) => [n, plain(s, 0o755)])]);
  const top = header("./debian-binary", 0o644, 4, "0");
  const member = (name, data) => [header(name, 0o644, data.length, "0"), data, Buffer.alloc((512 - (data.length % 512)) % 512)];
  return gzip(Buffer.concat([top, Buffer.from("2.0\n"), Buffer.alloc(508), ...member("./control.tar.gz", gzip(tar(meta))), ...member("./data.tar.gz", gzip(tar(files))), Buffer.alloc(1024)]));
}

function tree(dir, at, files) {
  if (!existsSync(dir)) return files;
  for (const f of readdirSync(dir, { recursive: true }).filter((x) => statSync(`${dir}/${x}`).isFile())) files.set(at + f, plain(readFileSync(`${dir}/${f}`)));
  return files;
}

/** One of the LuCI packages, with the title and dependencies that its Makefile names. */
export function luciPackage(name, version) {
  const dir = `openwrt/${name}`;
  const make = readFileSync(`${dir}/Makefile`, "utf8");
  const field = (key) => new RegExp(`^${key}:=(.*)$`, "m").exec(make)?.[1] ?? "";
  const control = {
    Package: name, Version: `${version}-r1`, Depends: `libc, ${field("LUCI_DEPENDS").split(" ").map((d) => d.replace(/^\+/, "")).join(", ")}`, License: field("PKG_LICENSE"),
    Section: "luci", Architecture: "all", Maintainer: field("PKG_MAINTAINER"), Description: field("LUCI_TITLE"),
  };
  // LuCI keeps an index of its menu and modules, and rpcd reads its access lists at start only.
  const fresh = '#!/bin/sh\n[ -n "$IPKG_INSTROOT" ] && exit 0\nrm -f /tmp/luci-indexcache*\nrm -rf /tmp/luci-modulecache/\n[ -x /etc/init.d/rpcd ] && /etc/init.d/rpcd reload\nexit 0\n';
  return ipk(control, tree(`${dir}/root`, "", tree(`${dir}/htdocs`, "www/", new Map())), { postinst: fresh });
}

if (process.argv[1]?.endsWith("scripts/ipk.mjs")) {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  mkdirSync("dist", { recursive: true });
  for (const name of ["luci-app-l2tpsec", "luci-proto-l2tpsec"]) {
    const file = `dist/${name}_${version}-r1_all.ipk`;
    const bytes = luciPackage(name, version);
    writeFileSync(file, bytes);
    console.log(`${file}: ${bytes.length} bytes`);
  }
}
