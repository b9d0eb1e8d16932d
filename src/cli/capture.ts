// l2tpsec capture NAME -w FILE
import { type CaptureEnd, captureLimits } from "../control/capture.ts";
import { unhex } from "../core/text.ts";
import { type Call, Usage } from "./command.ts";
import { remote } from "./remote.ts";

const PRIVATE = 0o600;

function limits({ values }: Call): Record<string, number> {
  const given = [...values].filter(([o]) => ["--seconds", "--packets", "--bytes"].includes(o));
  const out = Object.fromEntries(given.map(([o, v]) => [o.slice(2), /^\d{1,9}$/.test(v) ? Number(v) : 0]));
  if (!captureLimits(out)) throw new Usage("--seconds, --packets and --bytes take whole numbers from 1");
  return out;
}

export const capture = (c: Call): Promise<void> => {
  const bounds = limits(c);
  const path = c.values.get("-w");
  if (path === undefined) throw new Usage("capture needs -w FILE");
  return remote(async (client, { rt, words }) => {
    const file = rt.newFile(path, PRIVATE);
    let stopped = false;
    let begun = false;
    const off = rt.onSignals({
      stop() {
        stopped = true;
        client.close();
      },
      reload() {},
    });
    try {
      const end = (await client.call("capture", { name: words[0] ?? "", ...bounds }, undefined, (hexed) => {
        const bytes = unhex(hexed);
        if (!bytes) return;
        begun = true;
        file.write(bytes);
      })) as CaptureEnd;
      rt.stderr(`${end.packets} packets, ${end.bytes} bytes, ended by: ${end.why}; cut: ${end.cut}\n`);
      return 0;
    } catch (e) {
      if (!stopped) throw e;
      return 0; // Ctrl-C
    } finally {
      off();
      file.close();
      if (!begun) rt.removeTree(path);
    }
  })(c);
};
