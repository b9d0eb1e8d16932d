import assert from "node:assert/strict";
import { test } from "node:test";
import { errnoNames } from "../../src/linux/errno.ts";
import * as uapi from "../../src/linux/uapi.ts";
import { loadNative } from "../../src/runtime/node/native.ts";

function constants(): Readonly<Record<string, number>> | null {
  try {
    return loadNative().constants;
  } catch {
    return null;
  }
}
const known = constants();
const skip = known ? false : "the native library is not built";

test("numbers are those of the kernel's headers", { skip }, () => {
  let compared = 0;
  for (const [name, value] of Object.entries({
    ...uapi.NL,
    ...uapi.RT,
    ...uapi.XFRM,
    AF_INET: uapi.AF_INET,
    AF_INET6: uapi.AF_INET6,
  })) {
    const real = known?.[name];
    if (real === undefined) continue;
    assert.equal(value, real, name);
    compared++;
  }
  assert.ok(compared > 40, `${compared} compared`);
});

test("errno names that the routes depend on are known", { skip }, () => {
  const names = new Set(errnoNames(known ?? {}).values());
  for (const name of ["ESRCH", "ENODEV", "EEXIST", "ENETUNREACH", "EPERM", "ENOENT"]) assert.ok(names.has(name), name);
});
