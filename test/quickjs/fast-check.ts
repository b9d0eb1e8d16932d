// The same properties with fewer inputs: an interpreter without a compiler tries them too slowly.
// scripts/test-quickjs.mjs leaves the name alone in this file.
import fc from "fast-check";

const PART = Number(process.env["FC_PART"] ?? "10");

type Property = Parameters<typeof fc.assert>[0];
type Parameters2 = NonNullable<Parameters<typeof fc.assert>[1]>;
const fewer = {
  ...fc,
  assert: (p: Property, o: Parameters2 = {}) => fc.assert(p, { ...o, numRuns: Math.ceil((o.numRuns ?? 100) / PART) }),
};
export default fewer;
