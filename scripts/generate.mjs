// make generate: writes what follows from the schema of options (src/config): LuCI's option tables, the lists of
// netifd's handler, the translators' templates, the reference and the manual page. A test compares them with what is
// committed.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { synced } from "./po.mjs";
import { pot } from "./pot.mjs";

const LUCI = "openwrt/luci-proto-l2tpsec/htdocs/luci-static/resources/l2tpsec/options.js";
const LUCI_ERRORS = "openwrt/luci-proto-l2tpsec/htdocs/luci-static/resources/l2tpsec/errors.js";
const HANDLER = "openwrt/l2tpsec/files/lib/netifd/proto/l2tpsec.sh";
const REFERENCE = "src/config/OPTIONS.md";
const MANUAL = "src/cli/l2tpsec.8";
const TEMPLATES = {
  "openwrt/luci-proto-l2tpsec/po/templates/luci-proto-l2tpsec.pot": "openwrt/luci-proto-l2tpsec",
  "openwrt/luci-app-l2tpsec/po/templates/l2tpsec.pot": "openwrt/luci-app-l2tpsec",
};

/** grammar.ts as a script for LuCI, whose minifier knows no template literals. */
export async function reader() {
  const r = await build({
    entryPoints: ["src/config/grammar.ts"],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "grammar",
    target: "es2019",
    supported: { "template-literal": false },
    legalComments: "none",
  });
  return r.outputFiles[0].text.replace(/^ *\/\/ .*\n/gm, "");
}

async function main() {
  await build({
    stdin: {
      contents:
        "export * from './luci.ts'; export * from './handler.ts'; export * from './reference.ts';" +
        "export * from '../cli/man.ts';",
      resolveDir: "src/config",
      loader: "ts",
    },
    outfile: ".cache/generate.mjs",
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
  });
  const { luciOptions, luciErrors, handlerWithLists, withReference, manual } = await import(
    pathToFileURL(".cache/generate.mjs").href
  );
  const write = (file, text) => {
    if (existsSync(file) && readFileSync(file, "utf8") === text) return;
    writeFileSync(file, text);
    console.log(`generate: ${file}`);
  };
  write(LUCI, luciOptions(await reader()));
  write(LUCI_ERRORS, luciErrors());
  write(HANDLER, handlerWithLists(readFileSync(HANDLER, "utf8")));
  write(REFERENCE, withReference(readFileSync(REFERENCE, "utf8")));
  write(MANUAL, manual());
  for (const [file, dir] of Object.entries(TEMPLATES)) write(file, pot(dir));
  for (const [file, text] of synced()) write(file, text);
}
if (process.argv[1]?.endsWith("scripts/generate.mjs")) await main();
