// The option lists of netifd's handler, from the schema: netifd compares these options to detect a change.
// scripts/generate.mjs writes them.

import { NASDIAL } from "./nasdial.ts";
import type { Option, Options } from "./option.ts";
import { isList, isSecret } from "./options.ts";
import { CLIENT } from "./schema.ts";

/** netifd has these for every protocol. */
const NETIFDS_OWN = new Set(["proto", "auto"]);
/** netifd has these too, with these types. */
const TYPES: Readonly<Record<string, string>> = { defaultroute: "boolean", peerdns: "boolean", metric: "int" };
const WIDTH = 116;

function words(name: string, o: Option<unknown>): readonly [type: string, word: string] {
  const called = o.uci ?? name;
  if (isList(o.kind)) return ["array", `'${called}:list(string)'`];
  return [TYPES[name] ?? "string", name === "device" ? "'device:device'" : called];
}

/** Shell: one or more calls for each type, without secrets. */
function list(options: Options): string {
  const byType = new Map<string, string[]>();
  for (const [name, o] of Object.entries(options)) {
    if (NETIFDS_OWN.has(name) || isSecret(o.kind) || o.mayHoldSecret) continue;
    const [type, word] = words(name, o);
    byType.set(type, [...(byType.get(type) ?? []), word]);
  }
  return [...byType]
    .flatMap(([type, all]) => {
      const lines: string[] = [];
      for (const word of all) {
        const last = lines.at(-1);
        if (last === undefined || last.length + word.length > WIDTH) lines.push(`\tproto_config_add_${type} ${word}`);
        else lines[lines.length - 1] = `${last} ${word}`;
      }
      return lines;
    })
    .join("\n");
}

/** The handler with the lists between its markers regenerated. */
export function handlerWithLists(handler: string): string {
  const lists = { l2tpsec: CLIENT, nasdial: NASDIAL };
  return handler.replace(
    /(\t# <options (\w+)>.*\n)[\s\S]*?(\t# <\/options>\n)/g,
    (whole, start: string, proto: string, end: string) => {
      if (!Object.hasOwn(lists, proto)) return whole;
      return `${start}${list(lists[proto as keyof typeof lists])}\n${end}`;
    },
  );
}
