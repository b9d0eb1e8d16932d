// EAP-TLS with real pppd as the NAS on a serial line.
import assert from "node:assert/strict";
import { copyFileSync, readdirSync } from "node:fs";
import { describe } from "node:test";
import { Certs, noOpenssl } from "../certs.ts";
import { Daemon, type Section } from "../net/daemon.ts";
import { type Lab, lacking, scenario, until } from "../net/harness.ts";
import { SerialLine } from "../net/line.ts";
import { GUEST_NEEDS, Guest } from "./harness.ts";

const skip = lacking(...GUEST_NEEDS) ?? noOpenssl;
const NAME = "client.example"; // pppd wants the identity in the certificate

describe("EAP-TLS with pppd", { skip }, () => {
  const call = async (lab: Lab, ours: Section, options = "noccp", ca = "ca") => {
    const ns = await lab.ns("a");
    const line = new SerialLine(lab, 115200);
    const guest = await Guest.boot(ns, "tap0", "192.168.55.1/24", "192.168.55.2/24", "", line.devices[1]);
    const certs = new Certs();
    for (const f of readdirSync(certs.dir)) copyFileSync(certs.path(f), `${guest.dir}/${f}`);
    certs.remove();
    const at = (f: string): string => `${guest.dir}/${f}`;
    await guest.sh(`[ "$(hostname)" = guest ] && [ -d /rig ] || exit 99
echo '* * - /rig/server.pem /rig/${ca}.pem /rig/server.key *' >/etc/ppp/eaptls-server
chmod 600 /etc/ppp/eaptls-server
stty -F /dev/ttyS0 raw -echo 115200
pppd /dev/ttyS0 115200 local nocrtscts nodetach debug logfile /rig/pppd.log \\
  nodefaultroute auth require-eap novj passive silent ${options} 10.7.0.1:10.7.0.2 >/rig/pppd.out 2>&1 &
`);
    const d = new Daemon(ns, "caller", {
      "interface isp": {
        proto: "nasdial",
        line: "direct",
        baud: 115200,
        flow: "none",
        reconnect_min: 1,
        reconnect_max: 2,
        device: line.devices[0],
        username: NAME,
        eap_ca: at("ca.pem"),
        eap_cert: at("client.pem"),
        eap_key: at("client.key"),
        eap_server_name: "any",
        ...Object.fromEntries(
          Object.entries(ours).map(([k, v]) => [k, k === "eap_server_name" || k === "mppe" ? v : at(String(v))]),
        ),
      },
    });
    await d.start();
    return { ns, guest, d };
  };
  for (const version of ["1.2"]) {
    scenario(
      `it takes our certificate, and we its, TLS ${version}`,
      { needs: GUEST_NEEDS, timeout: 60_000 },
      async (lab) => {
        const { ns, guest, d } = await call(
          lab,
          { eap_server_name: "server.example" },
          `noccp max-tls-version ${version}`,
        );
        await d.event("isp", "link.up", 20_000).catch((e: unknown) => {
          throw new Error(`${String(e)}\n${guest.logs()}\n${d.log}`);
        });
        assert.equal((await d.nasStatus("isp")).ppp?.auth, "EAP");
        await until("the guest answers", 5000, async () => (await ns.ping("10.7.0.1", 1)).received === 1);
      },
    );
  }
  scenario("MPPE by the keys of the handshake", { needs: GUEST_NEEDS, timeout: 60_000 }, async (lab) => {
    const { ns, guest, d } = await call(lab, { mppe: "128" }, "require-mppe-128 nomppe-40 nomppe-stateful");
    await d.event("isp", "link.up", 20_000).catch((e: unknown) => {
      throw new Error(`${String(e)}\n${guest.logs()}\n${d.log}`);
    });
    assert.match(d.log, /ppp\.ccp-up sending="MPPE 128" receiving="MPPE 128"/);
    await until("the guest answers", 5000, async () => (await ns.ping("10.7.0.1", 1)).received === 1);
    assert.equal((await ns.ping("10.7.0.1", 5, 0.1, ["-s", "400"])).received, 5);
  });
  for (const [title, ours, theirs, words, options = "noccp"] of [
    ["a server of a CA that we do not know", { eap_ca: "other-ca.pem" }, "ca", /server's certificate is not accepted/],
    [
      "a server of another name",
      { eap_server_name: "nas.example" },
      "ca",
      /server's certificate is not accepted.*ostname mismatch/,
    ],
    [
      "TLS 1.3, which this pppd does not end as it should",
      {},
      "ca",
      /limit it to TLS 1\.2/,
      "noccp max-tls-version 1.3",
    ],
    ["our certificate is of a CA that it does not know", {}, "other-ca", /server rejects this side's certificate/],
  ] as const) {
    scenario(title, { needs: GUEST_NEEDS, timeout: 60_000 }, async (lab) => {
      const { guest, d } = await call(lab, ours, options, theirs);
      const down = await d.event("isp", "link.down", 20_000).catch((e: unknown) => {
        throw new Error(`${String(e)}\n${guest.logs()}\n${d.log}`);
      });
      assert.match(down[0], words);
    });
  }
});
