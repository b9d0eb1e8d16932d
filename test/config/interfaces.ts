// The interfaces of a configuration by their kind.
import assert from "node:assert/strict";
import type { SerialConfig } from "../../src/config/nasdial.ts";
import type { ClientConfig, Config } from "../../src/config/schema.ts";

export function serialLines(c: Config): SerialConfig[] {
  return c.interfaces.flatMap((x) => (x.proto === "nasdial" ? [x] : []));
}
export function tunnels(c: Config): ClientConfig[] {
  return c.interfaces.flatMap((x) => (x.proto === "l2tpsec" ? [x] : []));
}
/** The first tunnel. */
export function tunnel(c: Config): ClientConfig {
  return tunnels(c)[0] ?? assert.fail("no tunnel");
}
