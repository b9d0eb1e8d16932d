import type { Rng } from "../../src/core/rng.ts";

let last = 0;
/** For identifiers that are to differ: no two calls give the same. Needs no libcrypto: an emulated CPU has none. */
export const rng: Rng = {
  random: (n) => {
    last++;
    return Uint8Array.from({ length: n }, (_, i) => (last >>> (8 * (i & 3))) & 0xff);
  },
};
