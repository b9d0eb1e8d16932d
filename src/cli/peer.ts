// l2tpsec peer-config: what to type on the other side.
import type { PeerConfig } from "../config/peer.ts";
import { type Call, Usage } from "./command.ts";
import { remote } from "./remote.ts";

const PRIVATE = 0o600;

export const peer = (c: Call): Promise<void> => {
  const { rt, values, words } = c;
  const system = values.get("--for");
  if (system === undefined) throw new Usage("peer-config needs --for SYSTEM");
  rt.noDumps();
  const said = (option: string): string => values.get(option) ?? "";
  const wish = { name: words[0] ?? "", system, server: said("--server"), address: said("--address") };
  return remote(async (client) => {
    const got = (await client.call("peer-config", { ...wish, routes: said("--routes") })) as PeerConfig;
    const path = values.get("--output");
    if (path !== undefined) rt.replaceFiles([{ path, text: got.content }], PRIVATE);
    rt.stdout(path === undefined || got.content !== got.text ? got.text : `${path}: written\n`);
    return 0;
  })(c);
};
