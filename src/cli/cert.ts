// l2tpsec cert: a small CA, without a daemon.
import { DecodeError, SystemError } from "../core/errors.ts";
import { fromUtf8 } from "../core/text.ts";
import type { Runtime } from "../ports/runtime.ts";
import { ask, NoAnswer } from "./ask.ts";
import { Authority, CertRefused, type CertTools } from "./authority.ts";
import { type Call, Usage } from "./command.ts";

export const CERT_DIR = "/etc/l2tpsec";

function tools(c: Call, dir: string): CertTools {
  const { rt } = c;
  const maker = c.maker();
  if (!maker) throw new CertRefused("certificates need OpenSSL's libcrypto, which is not there");
  return {
    maker,
    rng: rt.crypto,
    sha1: (data) => rt.crypto.hash("sha1", [data]),
    now: () => rt.host.wallClock(),
    read: (path) => rt.readBytes(path),
    create: (path, data, mode) => create(rt, dir, path, data, mode),
    replace: (path, text) => rt.replaceFiles([{ path, text }], 0o644),
    say: (text) => rt.stdout(text),
  };
}
/** Nothing half-written stays. */
function create(rt: Runtime, dir: string, path: string, data: Uint8Array, mode: number): void {
  let file: ReturnType<Runtime["newFile"]>;
  try {
    file = rt.newFile(path, mode);
  } catch (e) {
    if (!(e instanceof SystemError) || e.errno !== "ENOENT") throw e;
    throw new SystemError(e.errno, e.what, `make the folder first: mkdir -m 700 ${dir}`);
  }
  try {
    file.write(data);
    file.close();
  } catch {
    rt.removeTree(path);
    throw new SystemError("EIO", `cannot write ${path}`, "is the disk full?");
  }
}

function command(run: (a: Authority, c: Call) => void): (c: Call) => void {
  return (c) => {
    const { rt, values, flags } = c;
    const days = values.get("--days");
    if (days !== undefined && !/^[1-9]\d{0,4}$/.test(days)) throw new Usage("--days needs a number, 1 to 99999");
    const dir = values.get("--dir") ?? CERT_DIR;
    const o = { dir, days: days === undefined ? null : Number(days), ecdsa: flags.has("--ecdsa") };
    try {
      rt.noDumps();
      run(new Authority(o, tools(c, dir)), c);
      rt.exit(0);
    } catch (e) {
      const known = [CertRefused, SystemError, DecodeError, NoAnswer].some((k) => e instanceof k);
      if (!known) throw e;
      rt.stderr(`l2tpsec: ${(e as Error).message}\n`);
      rt.exit(1);
    }
  };
}
const word = (c: Call, i: number): string => c.words[i] ?? "";

export const certCa = command((a, c) => a.found(word(c, 0)));
export const certServer = command((a, c) => a.server(c.words));
export const certUser = command((a, c) => a.user(word(c, 0), c.values.get("--server") ?? null));
export const certRevoke = command((a, c) => a.revoke(word(c, 0)));
export const certImport = command((a, c) => {
  const file = c.values.get("--password");
  const password =
    file === undefined
      ? ask(c.rt, `Password of ${word(c, 0)}`, { hidden: true })
      : fromUtf8(c.rt.readBytes(file)).replace(/\r?\n$/, "");
  a.import(word(c, 0), word(c, 1), password);
});
