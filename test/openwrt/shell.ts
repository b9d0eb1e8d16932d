// Shells as routers have them, and stand-ins for what they find there.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";

export const HANDLER = "openwrt/l2tpsec/files/lib/netifd/proto/l2tpsec.sh";
export const HOTPLUG = "openwrt/l2tpsec/files/etc/hotplug.d/tty/60-l2tpsec";
export const INIT = "openwrt/l2tpsec/files/etc/init.d/l2tpsec";

export const SHELLS: readonly (readonly [name: string, words: readonly string[]])[] = [
  ["busybox sh", ["busybox", "sh"]],
  ["dash", ["dash"]],
];

/** Null when the program is there, else why a test is skipped. */
export function missing(program: string): string | null {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0
    ? null
    : `no ${program} here (sh scripts/setup --peers installs it)`;
}

export class Scene {
  readonly dir = mkdtempSync(`${tmpdir()}/owrt-`);
  readonly #shell: readonly string[];
  constructor(shell: readonly string[]) {
    this.#shell = shell;
    mkdirSync(`${this.dir}/bin`);
  }
  /** A program in front of PATH; it notes its arguments. */
  program(name: string, body: string): void {
    writeFileSync(`${this.dir}/bin/${name}`, `#!/bin/sh\necho "${name} $*" >>"$LOG"\n${body}\n`);
    chmodSync(`${this.dir}/bin/${name}`, 0o755);
  }
  /** The lines that were noted, with the exit status last. */
  run(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string[] {
    const log = `${this.dir}/log`;
    rmSync(log, { force: true });
    const [program, ...words] = this.#shell;
    const r = spawnSync(program ?? "sh", [...words, file, ...args], {
      encoding: "utf8",
      env: { ...process.env, ...env, LOG: log, PATH: `${this.dir}/bin:${process.env["PATH"]}` },
    });
    if (r.stderr !== "") throw new Error(`${file} ${args.join(" ")}: ${r.stderr}`);
    return [...(existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []), `exit ${r.status}`];
  }
  handler(args: readonly string[], values: Readonly<Record<string, string>> = {}, proto = "l2tpsec"): string[] {
    const env = Object.fromEntries(Object.entries(values).map(([k, v]) => [`VALUE_${k}`, v]));
    return this.run("test/openwrt/standin/netifd-proto.sh", [proto, ...args], { ...env, HANDLER });
  }
  init(command: string, program = ""): string[] {
    return this.run("test/openwrt/standin/rc.common", [INIT, command], { FAKE_PROG: program });
  }
  close(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
