// Translations of LuCI's packages. `node scripts/po.mjs` says what is untranslated, stale or wrong in openwrt/*/po;
// make generate keeps the files in step with the sources: new strings come in empty, and stale ones go.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { strings } from "./pot.mjs";

/** By LuCI's names; GNU gettext's rules for plural forms. */
export const LANGUAGES = {
  de: ["nplurals=2; plural=(n != 1);", 2],
  es: ["nplurals=2; plural=(n != 1);", 2],
  pl: ["nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);", 3],
  ru: ["nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);", 3],
  uk: ["nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);", 3],
  zh_Hans: ["nplurals=1; plural=0;", 1],
};
export const PACKAGES = { "luci-app-l2tpsec": "l2tpsec", "luci-proto-l2tpsec": "luci-proto-l2tpsec" };

export const poFile = (name, language) => `openwrt/${name}/po/${language}/${PACKAGES[name]}.po`;

/** id -> the texts of its forms, as a .po file has them. */
export function parsePo(text) {
  const out = new Map();
  let id = null;
  for (const line of text.split("\n")) {
    const m = /^(msgid|msgid_plural|msgstr(?:\[\d+\])?) (".*")$/.exec(line);
    if (!m) continue;
    const value = JSON.parse(m[2]);
    if (m[1] === "msgid") {
      id = value;
      out.set(id, []);
    } else if (m[1].startsWith("msgstr")) out.get(id)?.push(value);
  }
  out.delete("");
  return out;
}

/** The file for these strings, with what `known` (id -> forms) has of them. */
export function po(list, language, known) {
  const [rule, forms] = LANGUAGES[language];
  const entries = list.map(({ id, plural }) => {
    const texts = known.get(id) ?? [];
    const rest =
      plural === null
        ? [`msgstr ${JSON.stringify(texts[0] ?? "")}`]
        : [
            `msgid_plural ${JSON.stringify(plural)}`,
            ...Array.from({ length: forms }, (_, i) => `msgstr[${i}] ${JSON.stringify(texts[i] ?? "")}`),
          ];
    return [`msgid ${JSON.stringify(id)}`, ...rest, ""].join("\n");
  });
  const head = [`Language: ${language}`, "Content-Type: text/plain; charset=UTF-8", `Plural-Forms: ${rule}`];
  return `msgid ""\nmsgstr ""\n${head.map((h) => JSON.stringify(`${h}\n`)).join("\n")}\n\n${entries.join("\n")}`;
}

const placeholders = (s) => [...s.matchAll(/%(?:\d+\$)?(?:\.\d+)?[a-zA-Z]|%%/g)].map((m) => m[0]).join(" ");

/** What is wrong with one language's file, one line each; `missing` counts strings without a translation. */
export function faults(name, language, text) {
  const list = strings(`openwrt/${name}`);
  const known = parsePo(text);
  const [, forms] = LANGUAGES[language];
  const out = { missing: [], wrong: [] };
  const ids = new Set(list.map((s) => s.id));
  for (const id of known.keys()) if (!ids.has(id)) out.wrong.push(`stale: ${id}`);
  for (const { id, plural } of list) {
    const texts = known.get(id) ?? [];
    if (texts.length === 0 || texts.some((t) => t === "")) {
      out.missing.push(id);
      continue;
    }
    const wanted = plural === null ? 1 : forms;
    if (texts.length !== wanted) out.wrong.push(`${texts.length} forms, not ${wanted}: ${id}`);
    for (const t of texts) {
      if (placeholders(t) !== placeholders(id) && placeholders(t) !== placeholders(plural ?? id))
        out.wrong.push(`other placeholders: ${id} / ${t}`);
      if (/[<>&]/.test(t) && !/[<>&]/.test(id)) out.wrong.push(`markup, which LuCI would render: ${t}`);
    }
  }
  return out;
}

/** Every package and language that has a file. */
export function translations() {
  return Object.keys(PACKAGES).flatMap((name) => {
    const dir = `openwrt/${name}/po`;
    const languages = readdirSync(dir).filter((l) => l !== "templates");
    return languages.filter((l) => existsSync(poFile(name, l))).map((language) => ({ name, language }));
  });
}

/** path -> text of the files in step with the sources. */
export function synced() {
  return new Map(
    translations().map(({ name, language }) => {
      const file = poFile(name, language);
      return [file, po(strings(`openwrt/${name}`), language, parsePo(readFileSync(file, "utf8")))];
    }),
  );
}

if (process.argv[1]?.endsWith("scripts/po.mjs")) {
  let bad = 0;
  for (const { name, language } of translations()) {
    const { missing, wrong } = faults(name, language, readFileSync(poFile(name, language), "utf8"));
    bad += missing.length + wrong.length;
    console.log(`${name} ${language}: ${missing.length} untranslated, ${wrong.length} wrong`);
    for (const id of missing) console.log(`  untranslated: ${id}`);
    for (const w of wrong) console.log(`  ${w}`);
  }
  process.exitCode = bad > 0 ? 1 : 0;
}
