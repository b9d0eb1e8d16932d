// argv and exit codes. 0 done, 1 failed, 2 wrong usage or configuration, 3 daemon not reachable.
import { type DataEngine, kernelProbe, pkiOf, runDaemon } from "./build.ts";
import { type Program, Usage } from "./cli/command.ts";
import { COMMANDS, OPTIONS } from "./cli/commands.ts";
import { parse } from "./cli/parse.ts";
import { usage } from "./cli/usage.ts";
import type { Config } from "./config/schema.ts";
import { SystemError } from "./core/errors.ts";
import { describeSpeeds, measureCiphers } from "./esp/speed.ts";
import { certificateFaults } from "./link/certificates.ts";
import { radsecFaults } from "./link/radius-server.ts";
import type { Runtime } from "./ports/runtime.ts";
import { VERSION } from "./version.ts";

/** `openEngine` loads the native library; only the daemon needs it. Throws SystemError with what to do. */
export async function main(rt: Runtime, openEngine: () => DataEngine): Promise<void> {
  if (rt.argv.includes("--version")) return rt.stdout(`l2tpsec ${VERSION} (${rt.name})\n`);
  if (rt.argv.length === 0 || rt.argv.includes("--help") || rt.argv.includes("-h")) {
    rt.stdout(usage(COMMANDS, OPTIONS));
    return rt.exit(rt.argv.length === 0 ? 2 : 0);
  }
  const program: Program = {
    rt,
    daemon: (source, syslog) => runDaemon(rt, source, openEngine, syslog),
    probe: () => probe(rt, openEngine),
    maker: () => openEngine().native.pki(),
    fileFaults: (config) => fileFaults(rt, config, openEngine),
  };
  try {
    const { command, call } = parse(rt.argv, COMMANDS, OPTIONS, program);
    await command.run(call);
  } catch (e) {
    if (!(e instanceof Usage)) throw e;
    rt.stderr(`l2tpsec: ${e.message}\n${usage(COMMANDS, OPTIONS)}`);
    rt.exit(2);
  }
}

function probe(rt: Runtime, openEngine: () => DataEngine): void {
  try {
    const { native } = openEngine();
    const why = kernelProbe(rt, native).why();
    rt.stdout(`${describeSpeeds(measureCiphers(rt.crypto, () => rt.clock.now()))}\n`);
    rt.stdout(`ML-KEM-768: ${rt.crypto.has("mlkem768") ? "yes" : "no, libcrypto is older than OpenSSL 3.5"}\n`);
    rt.stdout(`userspace: yes\nkernel: ${why === null ? "yes" : `no, ${why}`}\n`);
    rt.exit(0);
  } catch (e) {
    if (!(e instanceof SystemError)) throw e;
    rt.stderr(`l2tpsec: ${e.message}\n`);
    rt.exit(1);
  }
}

/** The native library is loaded for certificates only; without it there are none. */
function fileFaults(rt: Runtime, config: Config, openEngine: () => DataEngine): string[] {
  const native = (): DataEngine["native"] | null => {
    try {
      return openEngine().native;
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      return null;
    }
  };
  const ipsec = [...config.interfaces, ...config.servers].some((c) => "cert" in c && c.cert !== null);
  if (!ipsec && !config.radius.some((r) => r.tls)) return [];
  const tls = native();
  const pki = tls && pkiOf(rt, tls);
  return [...certificateFaults(config, { host: rt.host, pki }), ...radsecFaults(config.radius, { host: rt.host, tls })];
}
