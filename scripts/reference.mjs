// Writes the configuration reference into README.md, between its two markers. A test compares them.
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

await build({ entryPoints: ["src/config/reference.ts"], outfile: ".cache/reference.mjs", bundle: true, format: "esm", platform: "node", packages: "external" });
const { reference } = await import(`${process.cwd()}/.cache/reference.mjs`);
const readme = readFileSync("README.md", "utf8");
const next = readme.replace(/(<!-- reference -->\n)[\s\S]*?(\n<!-- \/reference -->)/, (_, a, b) => `${a}${reference()}${b}`);
writeFileSync("README.md", next);
