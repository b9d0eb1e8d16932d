// A reader of apk-tools 3's packages for tests, from apk-v3(5) alone: it shares nothing with scripts/adb.mjs.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { inflateRawSync } from "node:zlib";

type Value = null | number | Buffer | Value[];

interface File {
  readonly mode: number;
  readonly mtime: number;
  readonly data: Buffer;
}
interface Package {
  readonly info: Readonly<Record<string, string>>;
  readonly depends: readonly string[];
  readonly recommends: readonly string[];
  readonly installedSize: number;
  /** By path; folders with the mode alone. */
  readonly files: ReadonlyMap<string, File>;
  readonly folders: ReadonlyMap<string, number>;
  readonly scripts: Readonly<Record<string, string>>;
}

const INFO: Readonly<Record<string, number>> = {
  name: 1,
  version: 2,
  description: 4,
  arch: 5,
  license: 6,
  origin: 7,
  maintainer: 8,
  url: 9,
};
const SCRIPTS = [
  "trigger",
  "pre-install",
  "post-install",
  "pre-deinstall",
  "post-deinstall",
  "pre-upgrade",
  "post-upgrade",
];

/** What a value's tag says; of arrays and objects the items from index 1, with null at 0. */
function read(meta: Buffer, tag: number): Value {
  const [type, at] = [tag >>> 28, tag & 0x0fff_ffff];
  const bytes = (width: number): Buffer => {
    const n = meta.readUIntLE(at, width);
    assert.ok(at + width + n <= meta.length, "a blob within the block");
    assert.equal(at % width, 0, "aligned");
    return meta.subarray(at + width, at + width + n);
  };
  switch (type) {
    case 0:
      assert.equal(at, 0, "of the special values only null");
      return null;
    case 1:
      return at;
    case 2:
      return meta.readUInt32LE(at);
    case 8:
      return bytes(1);
    case 9:
      return bytes(2);
    case 10:
      return bytes(4);
    case 13:
    case 14: {
      assert.equal(at % 4, 0, "aligned");
      const n = meta.readUInt32LE(at);
      return [null, ...Array.from({ length: n - 1 }, (_, i) => read(meta, meta.readUInt32LE(at + 4 + 4 * i)))];
    }
    default:
      throw new assert.AssertionError({ message: `a value of type ${type}` });
  }
}
const items = (v: Value | undefined): Value[] => (Array.isArray(v) ? v.slice(1) : []);
const text = (v: Value | undefined): string => (Buffer.isBuffer(v) ? v.toString() : "");
const number = (v: Value | undefined): number => {
  assert.equal(typeof v, "number");
  return v as number;
};

/** The bytes without compression. */
export function inflated(apk: Buffer): Buffer {
  return apk.toString("latin1", 0, 4) === "ADBd" ? inflateRawSync(apk.subarray(4)) : apk;
}

/** Everything in it, its hashes checked: of the metadata, and of each file. */
export function readApk(apk: Buffer): Package {
  const all = inflated(apk);
  assert.equal(all.toString("latin1", 0, 8), "ADB.pckg");
  const blocks: { type: number; data: Buffer }[] = [];
  for (let at = 8; at < all.length; ) {
    const word = all.readUInt32LE(at);
    const size = word & 0x3fff_ffff;
    blocks.push({ type: word >>> 30, data: all.subarray(at + 4, at + size) });
    at += (size + 7) & ~7;
    assert.ok(at <= all.length, "whole blocks");
  }
  const meta = blocks.shift();
  assert.ok(meta?.type === 0 && meta.data[0] === 0, "metadata first, of a version that all readers know");
  const [info, paths, scripts] = items(read(meta.data, meta.data.readUInt32LE(4)));
  const about = Array.isArray(info) ? info : [];

  const identity = about[3] as Buffer;
  const without = Buffer.from(meta.data);
  without.fill(0, identity.byteOffset - meta.data.byteOffset, identity.byteOffset - meta.data.byteOffset + 20);
  assert.deepEqual(createHash("sha256").update(without).digest().subarray(0, 20), identity, "identity");

  const acl = (v: Value | undefined): number => {
    const [mode, user, group] = items(v);
    assert.deepEqual([text(user), text(group)], ["root", "root"]);
    return number(mode);
  };
  const files = new Map<string, File>();
  const folders = new Map<string, number>();
  for (const [i, path] of items(paths).entries()) {
    const [dir, dirAcl, list] = items(path);
    folders.set(text(dir), acl(dirAcl));
    for (const [j, file] of items(list).entries()) {
      const [name, fileAcl, size, mtime, hash] = items(file);
      let data: Buffer = Buffer.alloc(0);
      if (number(size) > 0) {
        const b = blocks.shift();
        assert.ok(b?.type === 2, "a block of data, in the files' order");
        assert.deepEqual([b.data.readUInt32LE(0), b.data.readUInt32LE(4)], [i + 1, j + 1]);
        data = b.data.subarray(8);
      }
      assert.equal(data.length, size);
      assert.deepEqual(createHash("sha256").update(data).digest(), hash, text(name));
      files.set([text(dir), text(name)].filter((p) => p !== "").join("/"), {
        mode: acl(fileAcl),
        mtime: number(mtime),
        data,
      });
    }
  }
  assert.deepEqual(blocks, [], "nothing else");
  return {
    info: Object.fromEntries(Object.entries(INFO).map(([k, i]) => [k, text(about[i])])),
    depends: items(about[15]).map((d) => text(items(d)[0])),
    recommends: items(about[19]).map((d) => text(items(d)[0])),
    installedSize: number(about[12]),
    files,
    folders,
    scripts: Object.fromEntries(items(scripts).flatMap((s, i) => (s === null ? [] : [[SCRIPTS[i] ?? "?", text(s)]]))),
  };
}
