// Certificates against strongSwan, with xl2tpd and pppd above it, over a path of 1280 bytes: the chains are longer, and
// both sides cut their messages in IKE itself. The network is drawn in lab.ts.
import assert from "node:assert/strict";
import type { Capture, Lab, Ns } from "../net/harness.ts";
import { scenario } from "../net/harness.ts";
import { NOT_PROTECTED } from "../net/sites.ts";
import { type Held, TestCa } from "../x509/ca.ts";
import type { Guest } from "./harness.ts";
import { client, direct, NEEDS, natted, OURS, pings, server } from "./lab.ts";
import { type IpsecOptions, ipsec, lac, lns } from "./peers.ts";

const SERVER = "vpn.example";
interface Files {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}
/** By way of two CAs: a client's chain and a server's, for us as files, for the guest as texts. */
function chains(lab: Lab, we: "client" | "server"): { readonly us: Files; readonly guest: IpsecOptions["cert"] } {
  const [now, day] = [Date.now(), 86_400_000];
  const o = { kind: "rsa2048", notBefore: now - day, notAfter: now + 30 * day } as const;
  const root = new TestCa("CN=root", o);
  const upper = new TestCa("CN=upper", o, root);
  const lower = new TestCa("CN=lower", o, upper);
  const both = [lower.client("me@example", o), lower.server(SERVER, o)] as const;
  const [us, it] = we === "client" ? both : [both[1], both[0]];
  const texts = (h: Held) => ({
    chain: [h, lower.own, upper.own].map((x) => x.pem).join(""),
    key: Buffer.from(h.key).toString(),
  });
  const { chain, key } = texts(us);
  const id = we === "client" ? `"O=Tests, CN=${SERVER}"` : '"O=Tests, CN=me@example"';
  return {
    us: {
      cert: lab.write("own.pem", chain),
      key: lab.write("own.key", key),
      ca: lab.write("ca.pem", root.own.pem),
    },
    guest: { ...texts(it), ca: root.own.pem, id },
  };
}
/** Nothing larger passes whole. */
async function narrow(ns: Ns, dev: string, guest: Guest): Promise<void> {
  await ns.must("ip", "link", "set", dev, "mtu", "1280");
  await guest.sh("ip link set vec0 mtu 1280");
}
async function whole(wire: Capture, guest: Guest, passed: string): Promise<void> {
  const log = guest.log("charon.log");
  assert.match(log, /splitting IKE message \(\d+ bytes\) into \d+ fragments/);
  assert.match(log, /received fragment #\d+/);
  await wire.stop();
  assert.deepEqual(await wire.lines("ip[6:2] & 0x3fff != 0"), []);
  assert.ok((await wire.count(passed)) > 100);
  assert.deepEqual(await wire.lines(`${NOT_PROTECTED} and not tcp port 2323`), []);
}

scenario("our client behind a NAT by certificates to strongSwan, IKEv2, long chains", NEEDS, async (lab) => {
  const { ns, guest, wire } = await natted(lab, "ours");
  await narrow(ns, "wan", guest);
  const { us, guest: cert } = chains(lab, "client");
  await guest.sh(ipsec({ version: 2, ...(cert ? { cert } : {}) }) + lns("mschap-v2"));
  const c = client(ns, "192.168.77.2", { ...us, remote_id: SERVER, esp_lifetime: 30 });
  await c.start();
  const s = await c.waitUp("hq", 20_000);
  assert.deepEqual([s.ike?.version, s.esp?.encap], [2, "udp"]);
  await pings(ns, "10.99.0.1", 220);
  assert.match(c.log, /ike\.rekeyed .*what="?esp/);
  assert.doesNotMatch(c.log, /link\.down/);
  await whole(wire, guest, "udp port 4500");
});
scenario("strongSwan as client to our server by certificates, IKEv1, raw ESP, long chains", NEEDS, async (lab) => {
  const { ns, guest, wire } = await direct(lab);
  await narrow(ns, "peer", guest);
  const { us, guest: cert } = chains(lab, "server");
  const d = server(ns, OURS, { ...us, auth: "mschapv2" });
  await d.start();
  await guest.sh(ipsec({ version: 1, peer: OURS, espRekey: 10, ...(cert ? { cert } : {}) }));
  await guest.sh(lac(OURS));
  const [session] = (await d.serverStatus("lns")).sessions;
  await pings(ns, session?.ip ?? "", 130);
  assert.ok(
    [...guest.log("charon.log").matchAll(/CHILD_SA l2tp\{\d+\} established/g)].length >= 2,
    "the guest rekeyed",
  );
  assert.doesNotMatch(d.log, /session\.down/);
  await whole(wire, guest, "ip proto 50");
});
