// Commands that read a configuration without a daemon.
import { type ConfigSource, iniSource, uciSource } from "../config/source.ts";
import type { Call } from "./command.ts";

/** Where the call says that the configuration is. */
export function sourceOf({ rt, values }: Call): ConfigSource {
  const dir = values.get("--uci");
  return dir !== undefined ? uciSource(rt.host, dir) : iniSource(rt.host, values.get("--config") ?? "");
}

export function check(c: Call): void {
  const { rt } = c;
  rt.noDumps();
  const source = sourceOf(c);
  const { config, faults, warnings } = source.read();
  const files = config === null ? [] : c.fileFaults(config).map((f) => `${source.name}: ${f}`);
  for (const f of [...faults, ...files]) rt.stderr(`${f}\n`);
  if (config === null || faults.length + files.length > 0) return rt.exit(2);
  for (const w of warnings) rt.stderr(`${source.name}: warning: ${w}\n`);
  rt.stdout(
    `${source.name}: good: ${config.interfaces.length} interfaces, ` +
      `${config.servers.length} servers, ${config.users.length} users\n`,
  );
  rt.exit(0);
}
