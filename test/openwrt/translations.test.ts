// The translations of LuCI's packages: none missing beyond what a new option brings, none stale, the same placeholders,
// as many plural forms as the language has. `node scripts/po.mjs` names each string.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
// @ts-expect-error: a script without types
import { faults, LANGUAGES, PACKAGES, parsePo, po, poFile, synced } from "../../scripts/po.mjs";
// @ts-expect-error: a script without types
import { strings } from "../../scripts/pot.mjs";

interface Text {
  readonly id: string;
  readonly plural: string | null;
}
/** Of a package's strings, in percent: an option that is new today is translated before the release. */
const NEW = 10;
const names = Object.keys(PACKAGES as object);
const languages = Object.keys(LANGUAGES as object);

for (const language of languages) {
  test(`${language}: complete, nothing stale, placeholders and plural forms as in the sources`, () => {
    for (const name of names) {
      const text = readFileSync(poFile(name, language) as string, "utf8");
      const { missing, wrong } = faults(name, language, text) as { missing: string[]; wrong: string[] };
      const all = (strings(`openwrt/${name}`) as Text[]).length;
      assert.deepEqual(wrong, [], name);
      assert.ok(missing.length <= (all * NEW) / 100, `${name}: ${missing.length} of ${all} untranslated`);
    }
  });
}

test("the files are as make generate leaves them", () => {
  for (const [file, text] of synced() as Map<string, string>) assert.equal(readFileSync(file, "utf8"), text, file);
});

test("what is wrong is found: untranslated, stale, other placeholders, too few forms, markup", () => {
  const [name = ""] = names;
  const list = strings(`openwrt/${name}`) as Text[];
  const known = parsePo(readFileSync(poFile(name, "ru") as string, "utf8")) as Map<string, string[]>;
  const check = (change: (m: Map<string, string[]>) => void): { missing: string[]; wrong: string[] } => {
    const m = new Map(known);
    change(m);
    return faults(name, "ru", po([...list, { id: "gone", plural: null }], "ru", m)) as ReturnType<typeof check>;
  };
  assert.deepEqual(check(() => {}).wrong, ["stale: gone"]);
  assert.deepEqual(check((m) => m.delete("Close")).missing, ["Close"]);
  assert.match(check((m) => m.set("Server on %s", ["Сервер на %d"])).wrong.join(), /other placeholders: Server on %s/);
  assert.match(check((m) => m.set("Close", ["<b>Закрыть</b>"])).wrong.join(), /markup/);
  const few = parsePo(`msgid "%d session"\nmsgid_plural "%d sessions"\nmsgstr[0] "%d сеанс"\nmsgstr[1] "%d сеанса"\n`);
  const text = po(list, "de", new Map([...known, ...(few as Map<string, string[]>)])) as string;
  assert.match((faults(name, "ru", text) as { wrong: string[] }).wrong.join(), /2 forms, not 3: %d session/);
});

test("gettext's own checker agrees, where it is installed", async (t) => {
  const { spawnSync } = await import("node:child_process");
  if (spawnSync("msgfmt", ["--version"]).status !== 0) return t.skip("no msgfmt here");
  for (const name of names)
    for (const language of languages) {
      const r = spawnSync("msgfmt", ["--check-format", "--check-header", "-o", "/dev/null", poFile(name, language)], {
        encoding: "utf8",
      });
      assert.equal(r.status, 0, r.stderr);
    }
});
