// Our client to SoftEther VPN server, which does everything in user space: UDP encapsulation, and raw ESP.
import assert from "node:assert/strict";
import { Daemon, type Section } from "../net/daemon.ts";
import { scenario } from "../net/harness.ts";
import { CLEAR_L2TP } from "../net/sites.ts";
import { SOFTETHER_NEEDS, softether } from "./harness.ts";
import { PASSWORD, PSK, USER } from "./peers.ts";

const SERVER = "10.77.0.3";
const NEEDS = { needs: SOFTETHER_NEEDS, timeout: 240_000 };

for (const native of [false, true]) {
  scenario(
    `our client to SoftEther, ${native ? "listening on one address" : "listening everywhere"}: PAP, ` +
      "MS-CHAPv2, wrong password",
    NEEDS,
    async (lab) => {
      const [ours, theirs] = [await lab.ns("ours"), await lab.ns("se")];
      await ours.link("wan", "10.77.0.9/24", theirs, "wan", `${SERVER}/24`);
      await softether(lab, theirs, SERVER, native);
      const wire = await ours.capture("wan");
      const section: Section = {
        proto: "l2tpsec",
        server: SERVER,
        username: USER,
        password: PASSWORD,
        psk: PSK,
        reconnect_max: 2,
      };
      for (const [method, more] of [
        ["pap", { refuse_mschapv2: "yes", refuse_pap: "no" }],
        ["mschapv2", { refuse_pap: "yes" }],
      ] as const) {
        const c = new Daemon(ours, `client-${method}`, { "interface hq": { ...section, ...more } });
        await c.start();
        const s = await c.waitUp("hq", 30_000);
        console.log(
          `SoftEther ${native ? "native" : "default"} ${method}: encap ${s.esp?.encap}, ` +
            `${s.ike?.proposal}, ${s.esp?.proposal}`,
        );
        assert.match((s.ppp?.auth ?? "").toLowerCase().replaceAll("-", ""), new RegExp(method));
        assert.match(s.local_ip ?? "", /^192\.168\.30\./);
        const p = await ours.ping("192.168.30.1", 10, 0.1);
        assert.equal(p.received, p.sent);
        assert.equal((await c.stop()).code, 0);
      }
      const wrong = new Daemon(ours, "client-wrong", { "interface hq": { ...section, password: "not-it" } });
      await wrong.start();
      const s = await wrong.statusWhere("hq", "has failed", 40_000, (x) => x.error !== null);
      assert.equal(s.error?.layer, "ppp", JSON.stringify(s.error));
      await wire.stop();
      assert.equal(await wire.count(CLEAR_L2TP), 0);
    },
  );
}
