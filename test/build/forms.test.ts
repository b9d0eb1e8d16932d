// The words of forms are for LuCI and the reference: the program leaves them out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";
// @ts-expect-error: a script without types
import { withoutForms } from "../../scripts/forms.mjs";
import { NASDIAL } from "../../src/config/nasdial.ts";
import { SECTIONS } from "../../src/config/schema.ts";

test("the program holds every option, no help, and nothing of where a form has it", async () => {
  const r = await build({
    entryPoints: ["src/config/load.ts"],
    bundle: true,
    write: false,
    format: "esm",
    plugins: [withoutForms],
  });
  const text = r.outputFiles[0]?.text ?? "";
  assert.doesNotMatch(text, /\b(?:tab|title|offer|labels|against): ?["{n]/);
  for (const options of [...Object.values(SECTIONS), NASDIAL])
    for (const [name, o] of Object.entries(options)) {
      assert.ok(text.includes(name), name);
      assert.ok(
        !text.includes(JSON.stringify(o.help.split(" ").slice(0, 4).join(" ")).slice(1, -1)),
        `help of ${name}`,
      );
      if ("form" in o && o.form) assert.ok(!text.includes(o.form.slice(0, 30)), `form of ${name}`);
    }
});
