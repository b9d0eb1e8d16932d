// `l2tpsec radius test`: the password comes from stdin, where no list of processes shows it.
import type { RadiusFinding } from "../link/status.ts";
import { ask } from "./ask.ts";
import { remote } from "./remote.ts";

export const radiusTest = remote(async (client, { rt, words: [name = "", user = ""] }) => {
  const password = ask(rt, `Password of ${user}`, { hidden: true });
  const found = (await client.call("radius-test", { name, user, password })) as readonly RadiusFinding[];
  for (const f of found) rt.stdout(`${f.text}\n`);
  return found.every((f) => f.accepted) ? 0 : 1;
});
