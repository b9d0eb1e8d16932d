// A package of apk-tools 3, as `apk mkpkg` writes it, byte for byte: "ADBd", and deflated: the header, a block of
// metadata (schema "pckg"), and a block for each file's data. Integers are little-endian. apk-v3(5) of apk-tools has
// the format; the fields of each object are numbered from 1 in the order that they have here.
import { createHash } from "node:crypto";
import { deflateRawSync } from "node:zlib";

/** The upper four bits of a value; the rest is the value, or where it is in the block. */
const INT = 0x1;
const INT_32 = 0x2;
const BLOB = [
  [0x8, 1],
  [0x9, 2],
  [0xa, 4],
];
const OBJECT = 0xe;
const ADB = 0;
const DATA = 2;
const tag = (type, value) => type * 2 ** 28 + value;
const sha256 = (data) => createHash("sha256").update(data).digest();
const u32 = (...values) => {
  const b = Buffer.alloc(4 * values.length);
  for (const [i, v] of values.entries()) b.writeUInt32LE(v, 4 * i);
  return b;
};

/** The metadata's values. What is there already is not written twice. */
class Values {
  #parts = [Buffer.alloc(8)]; // versions 0 of the format, and the root
  #size = 8;
  #known = new Map();

  #put(data, align, shared) {
    const key = data.toString("latin1");
    const known = shared ? this.#known.get(key) : undefined;
    if (known !== undefined && known % align === 0) return known;
    const at = Math.ceil(this.#size / align) * align;
    this.#parts.push(Buffer.alloc(at - this.#size), data);
    this.#size = at + data.length;
    if (shared) this.#known.set(key, at);
    return at;
  }
  /** data: a string or bytes; nothing at all is null. */
  blob(data, shared = true) {
    const bytes = Buffer.from(data ?? "");
    if (bytes.length === 0) return 0;
    const [type, width] = BLOB[bytes.length > 0xffff ? 2 : Number(bytes.length > 0xff)];
    const length = Buffer.alloc(width);
    length.writeUIntLE(bytes.length, 0, width);
    return tag(type, this.#put(Buffer.concat([length, bytes]), width, shared));
  }
  int(n) {
    return n < 2 ** 28 ? tag(INT, n) : tag(INT_32, this.#put(u32(n), 4, true));
  }
  /** Of its fields in order, 0 for what it does not have; also of an array's items. Null without any. */
  object(fields) {
    const last = fields.findLastIndex((v) => v !== 0);
    return last < 0 ? 0 : tag(OBJECT, this.#put(u32(last + 2, ...fields.slice(0, last + 1)), 4, true));
  }
  bytes(root) {
    const all = Buffer.concat(this.#parts);
    all.writeUInt32LE(root, 4);
    return all;
  }
}

function block(type, ...parts) {
  const data = Buffer.concat(parts);
  const size = 4 + data.length;
  return Buffer.concat([u32(type * 2 ** 30 + size), data, Buffer.alloc((8 - (size % 8)) % 8)]);
}

const byBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** path -> file, as folders in order: [name, [[file name, file]]]; the root is "". */
function folders(files) {
  const all = new Map([["", []]]);
  for (const [path, file] of files) {
    const parts = path.split("/");
    const name = parts.pop();
    for (let i = 1; i <= parts.length; i++) {
      const dir = parts.slice(0, i).join("/");
      if (!all.has(dir)) all.set(dir, []);
    }
    all.get(parts.join("/")).push([name, file]);
  }
  for (const list of all.values()) list.sort(([a], [b]) => byBytes(a, b));
  return [...all].sort(([a], [b]) => byBytes(a, b));
}

/** In the order of the scripts' object. */
const SCRIPTS = [
  "trigger",
  "pre-install",
  "post-install",
  "pre-deinstall",
  "post-deinstall",
  "pre-upgrade",
  "post-upgrade",
];

/**
 * info: name, version, description, arch, license, origin, maintainer, url, depends and recommends (names without
 * versions). files: path without a leading slash -> { data, mode }, all root's. scripts: by apk's names. mtime:
 * seconds. Without `compressed` the bytes are those of `apk mkpkg --compression none`.
 */
export function adbPackage(info, files, scripts, mtime, compressed = true) {
  const v = new Values();
  const fields = Object.fromEntries(
    ["name", "version", "description", "arch", "license", "origin", "maintainer", "url"].map((k) => [
      k,
      v.blob(info[k]),
    ]),
  );
  const dependencies = (names) =>
    v.object(
      [...new Set(names)]
        .map((d) => [d, v.object([v.blob(d)])])
        .sort(([a], [b]) => byBytes(a, b))
        .map(([, d]) => d),
    );
  const depends = dependencies(info.depends);
  const recommends = dependencies(info.recommends ?? []);
  const acl = (mode) => v.object([v.int(mode), v.blob("root"), v.blob("root")]);
  const tree = folders(files);
  const paths = tree.map(([dir, list]) => {
    const inside = list.map(([name, f]) => {
      const [called, hash, time, size] = [v.blob(name), v.blob(sha256(f.data)), v.int(mtime), v.int(f.data.length)];
      return v.object([called, acl(f.mode), size, time, hash]);
    });
    const called = v.blob(dir);
    return v.object([called, acl(0o755), v.object(inside)]);
  });
  const installed = [...files.values()].reduce((n, f) => n + f.data.length, 0);
  const size = v.int(Math.max(1, installed));
  // The package's identity: the hash of this block with zeros in its place.
  const identity = v.blob(Buffer.alloc(20), false);
  const about = v.object([
    fields.name,
    fields.version,
    identity,
    fields.description,
    fields.arch,
    fields.license,
    fields.origin,
    fields.maintainer,
    fields.url,
    ...[0, 0], // the repository's commit and the time of the build
    size,
    ...[0, 0], // the size of this file and the priority of what it provides
    depends,
    ...[0, 0, 0], // what it provides, replaces and is installed with
    recommends,
  ]);
  const all = v.object(paths);
  const root = v.object([about, all, v.object(SCRIPTS.map((s) => v.blob(scripts[s])))]);
  const meta = v.bytes(root);
  sha256(meta).copy(meta, (identity % 2 ** 28) + 1, 0, 20);
  const data = tree.flatMap(([, list], i) =>
    list.flatMap(([, f], j) => (f.data.length > 0 ? [block(DATA, u32(i + 1, j + 1), f.data)] : [])),
  );
  const plain = Buffer.concat([Buffer.from("ADB.pckg"), block(ADB, meta), ...data]);
  return compressed ? Buffer.concat([Buffer.from("ADBd"), deflateRawSync(plain, { level: 9 })]) : plain;
}
