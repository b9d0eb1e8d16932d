// Real pppd on the other end of a serial line: as the NAS that we call, and as the caller of ours.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { Daemon, type Section } from "../net/daemon.ts";
import { type Lab, lacking, type Ns, scenario, until } from "../net/harness.ts";
import { SerialLine } from "../net/line.ts";
import { GUEST_NEEDS, Guest } from "./harness.ts";
import { PASSWORD, USER } from "./peers.ts";

const skip = lacking(...GUEST_NEEDS);
const LINE = { proto: "nasdial", line: "direct", baud: 115200, flow: "none", reconnect_min: 1, reconnect_max: 2 };

async function site(lab: Lab): Promise<{ ns: Ns; line: SerialLine; guest: Guest }> {
  const ns = await lab.ns("a");
  const line = new SerialLine(lab, 115200);
  return { ns, line, guest: await Guest.boot(ns, "tap0", "192.168.55.1/24", "192.168.55.2/24", "", line.devices[1]) };
}
/** pppd on the guest's serial line. */
function pppd(options: string): string {
  return `[ "$(hostname)" = guest ] && [ -d /rig ] || exit 99
echo '${USER} * ${PASSWORD} *' | tee /etc/ppp/chap-secrets >/etc/ppp/pap-secrets
stty -F /dev/ttyS0 raw -echo 115200
pppd /dev/ttyS0 115200 local nocrtscts nodetach debug logfile /rig/pppd.log \\
  nodefaultroute lcp-echo-interval 1 lcp-echo-failure 4 ${options} >/rig/pppd.out 2>&1 &
`;
}

describe("pppd over a serial line", { skip: skip ?? false }, () => {
  for (const [name, options, auth] of [
    ["PAP", "require-pap refuse-chap refuse-mschap refuse-mschap-v2 refuse-eap noccp", "PAP"],
    ["CHAP", "require-chap refuse-pap refuse-mschap refuse-mschap-v2 refuse-eap noccp", "CHAP-MD5"],
    ["MS-CHAPv2", "require-mschap-v2", "MS-CHAPv2"],
    ["MS-CHAP", "require-mschap noccp", "MS-CHAP"],
    ["EAP-MD5", "require-eap noccp novj", "EAP"],
  ] as const) {
    scenario(`it is the NAS: ${name}`, { needs: GUEST_NEEDS, timeout: 90_000 }, async (lab) => {
      const { ns, line, guest } = await site(lab);
      const d = new Daemon(ns, "caller", {
        "interface isp": {
          ...LINE,
          device: line.devices[0],
          username: USER,
          password: PASSWORD,
          allow_pap_in_clear: name === "PAP" ? "yes" : "no",
        },
      });
      await guest.sh(pppd(`auth ${options} passive silent 10.7.0.1:10.7.0.2 ms-dns 10.7.0.1`));
      await d.start();
      await d.event("isp", "link.up", 20_000);
      const s = await d.nasStatus("isp");
      assert.deepEqual(
        [s.local_ip, s.remote_ip, s.ppp?.auth, s.dns],
        ["10.7.0.2", "10.7.0.1", auth, ["10.7.0.1"]],
        guest.logs(),
      );
      await until("the guest answers", 5000, async () => (await ns.ping("10.7.0.1", 1)).received === 1);
      const p = await ns.ping("10.7.0.1", 20, 0.1, ["-s", "400"]);
      assert.equal(p.received, p.sent);
      await d.stop();
      await until("pppd heard the goodbye", 5000, () =>
        /LCP terminated by peer|rcvd \[LCP TermReq/.test(guest.log("pppd.log")),
      );
    });
  }

  for (const [name, options, words] of [
    ["Deflate", "deflate 15 nobsdcomp", "Deflate 15"],
    ["BSD-Compress", "nodeflate bsdcomp 15", "BSD-Compress"],
    ["neither, but header compression", "noccp", ""],
  ] as const) {
    for (const calls of [false, true]) {
      scenario(
        `compression with it as ${calls ? "the caller" : "the NAS"}: ${name}`,
        { needs: GUEST_NEEDS, timeout: 90_000 },
        async (lab) => {
          const { ns, line, guest } = await site(lab);
          await guest.sh("modprobe -a slhc ppp_deflate bsd_comp");
          const d = calls
            ? new Daemon(ns, "nas", {
                "interface line": {
                  ...LINE,
                  device: line.devices[0],
                  role: "answer",
                  local_ip: "10.7.0.2",
                  remote_ip: "10.7.0.1",
                  auth: "chap",
                },
                [`user ${USER}`]: { password: PASSWORD },
              })
            : new Daemon(ns, "caller", {
                "interface line": { ...LINE, device: line.devices[0], username: USER, password: PASSWORD },
              });
          const pppdToo = (): Promise<string> =>
            guest.sh(
              pppd(
                calls
                  ? `noauth user ${USER} ${options}`
                  : `auth ${options} passive silent require-chap 10.7.0.1:10.7.0.2`,
              ),
            );
          if (!calls) await pppdToo();
          await d.start();
          if (calls) await pppdToo();
          await d.event("line", "link.up", 20_000);
          if (words !== "")
            assert.match(
              (await d.event("line", "ppp.ccp-up", 5000))[0],
              new RegExp(`sending="${words}.*receiving="${words}`),
            );
          await until("the guest answers", 5000, async () => (await ns.ping("10.7.0.1", 1)).received === 1);
          const p = await ns.ping("10.7.0.1", 20, 0.1, ["-s", "400"]);
          assert.equal(p.received, p.sent);
          await guest.sh("iperf3 -s -D >/dev/null 2>&1");
          for (const way of [[], ["-R"]]) {
            const r = await ns.run("iperf3", "-c", "10.7.0.1", "-n", "40K", "--connect-timeout", "8000", "-J", ...way);
            assert.equal(r.code, 0, r.stdout.slice(-300) + r.stderr);
          }
          const s = await d.nasStatus("line");
          for (const bad of ["ccp.broken", "ccp.out-of-step", "vj.tossed", "vj.not-open"])
            assert.equal(s.drops[bad] ?? 0, 0, JSON.stringify(s.drops));
          assert.match(guest.log("pppd.log"), /sent \[IPCP ConfAck .*<compress VJ 0f 01>/);
          assert.match(guest.log("pppd.log"), /rcvd \[IPCP ConfAck .*<compress VJ 0f 01>/);
        },
      );
    }
  }

  for (const calls of [false, true]) {
    scenario(
      `MPPE, which it insists on as ${calls ? "the caller" : "the NAS"}`,
      { needs: GUEST_NEEDS, timeout: 90_000 },
      async (lab) => {
        const { ns, line, guest } = await site(lab);
        const ours = calls
          ? { role: "answer", local_ip: "10.7.0.2", remote_ip: "10.7.0.1", auth: "mschapv2" }
          : { username: USER, password: PASSWORD };
        const d = new Daemon(ns, "ours", {
          "interface line": { ...LINE, device: line.devices[0], mppe: "128", ...ours },
          ...(calls ? { [`user ${USER}`]: { password: PASSWORD } } : {}),
        });
        const insists = "require-mppe-128 nomppe-40 nomppe-stateful";
        if (!calls) await guest.sh(pppd(`auth require-mschap-v2 ${insists} passive silent 10.7.0.1:10.7.0.2`));
        await d.start();
        if (calls) await guest.sh(pppd(`noauth user ${USER} ${insists}`));
        await d.event("line", "link.up", 20_000);
        assert.match(d.log, /ppp\.ccp-up sending="MPPE 128" receiving="MPPE 128"/);
        assert.match(guest.log("pppd.log"), /MPPE 128-bit stateless compression enabled/);
        await until("the guest answers", 5000, async () => (await ns.ping("10.7.0.1", 1)).received === 1);
        for (const size of ["400", "1468", "1400"])
          assert.ok((await ns.ping("10.7.0.1", 5, 0.6, ["-s", size])).received >= 4, size);
        const s = await d.nasStatus("line");
        assert.deepEqual(
          [s.mtu, s.drops["ccp.broken"] ?? 0, s.drops["ccp.in-clear"] ?? 0, s.drops["ccp.late"] ?? 0],
          [1496, 0, 0, 0],
          JSON.stringify(s.drops),
        );
      },
    );
  }

  for (const calls of [false, true]) {
    const short = calls;
    scenario(
      `Multilink with it as ${calls ? "the caller" : "the NAS"}, ${short ? "12" : "24"} bits: fragments both ways`,
      { needs: GUEST_NEEDS, timeout: 90_000 },
      async (lab) => {
        const { ns, line, guest } = await site(lab);
        const ours = calls
          ? { role: "answer", local_ip: "10.7.0.2", remote_ip: "10.7.0.1", auth: "chap" }
          : { username: USER, password: PASSWORD };
        const d = new Daemon(ns, "ours", {
          "interface line": { ...LINE, device: line.devices[0], mrru: 1600, mtu: 600, vj: "no", ...ours },
          ...(calls ? { [`user ${USER}`]: { password: PASSWORD } } : {}),
        });
        const multilink = `multilink mrru 1600 mru 400 noccp novj ${short ? "mpshortseq" : ""}`;
        if (!calls) await guest.sh(pppd(`auth require-chap ${multilink} passive silent 10.7.0.1:10.7.0.2`));
        await d.start();
        if (calls) await guest.sh(pppd(`noauth user ${USER} ${multilink}`));
        await d.event("line", "link.up", 30_000);
        assert.match(d.log, /ppp\.multilink mrru=1600 peerMrru=1600/);
        const log = guest.log("pppd.log");
        assert.equal(/sent \[LCP ConfAck .*<ssnhf>/i.test(log), short, log);
        await until("the guest answers", 8000, async () => (await ns.ping("10.7.0.1", 1)).received === 1);
        for (const size of ["100", "700", "1472"]) {
          const p = await ns.ping("10.7.0.1", 4, 0.8, ["-M", "do", "-s", size]);
          assert.equal(p.received, 4, `${size}: ${JSON.stringify((await d.nasStatus("line")).drops)}`);
        }
        assert.match(await guest.sh("ping -n -c 3 -i 0.8 -M do -s 1472 10.7.0.2"), / 0% packet loss/);
        const s = await d.nasStatus("line");
        assert.deepEqual(
          [s.mtu, s.ppp?.peer_mru, Object.keys(s.drops).filter((n) => n.startsWith("mp."))],
          [1500, 400, []],
        );
      },
    );
  }

  scenario(
    "it is the caller of our NAS, and a wrong password is said",
    { needs: GUEST_NEEDS, timeout: 90_000 },
    async (lab) => {
      const { ns, line, guest } = await site(lab);
      const d = new Daemon(ns, "nas", {
        "interface line": {
          ...LINE,
          device: line.devices[0],
          role: "answer",
          local_ip: "10.7.0.1",
          remote_ip: "10.7.0.2",
          auth: "mschapv2 chap",
        },
        [`user ${USER}`]: { password: PASSWORD },
      });
      await d.start();
      await guest.sh(`${pppd(`noauth user ${USER} remotename '*' password wrong`)}sleep 6`);
      await d.event("line", "ppp.auth", 10_000);
      assert.match(d.log, /ppp\.auth user="alice".* ok=false/);
      const mark = d.mark;
      await guest.sh(`pkill pppd; sleep 1\n${pppd(`noauth user ${USER}`)}`);
      await d.event("line", "link.up", 25_000, mark);
      const s = await d.nasStatus("line");
      assert.deepEqual([s.user, s.local_ip, s.remote_ip], [USER, "10.7.0.1", "10.7.0.2"]);
      await until("the guest answers", 5000, async () => (await ns.ping("10.7.0.2", 1)).received === 1);
      assert.equal((await ns.ping("10.7.0.2", 10, 0.1)).received, 10);
      const up = d.mark;
      await guest.sh("pkill pppd");
      await d.event("line", "link.down", 10_000, up);
    },
  );

  /** Ours calls; up when this returns. */
  const called = async (lab: Lab, options: string, ours: Section = {}) => {
    const { ns, line, guest } = await site(lab);
    const d = new Daemon(ns, "caller", {
      "interface isp": { ...LINE, device: line.devices[0], username: USER, password: PASSWORD, ...ours },
    });
    await guest.sh(pppd(`auth require-chap ${options} passive silent 10.7.0.1:10.7.0.2`));
    await d.start();
    await d.event("isp", "link.up", 20_000);
    await until("the guest answers", 5000, async () => (await ns.ping("10.7.0.1", 1)).received === 1);
    return { ns, line, guest, d };
  };
  scenario(
    "nothing passes any more: both ends miss the other's echoes",
    { needs: GUEST_NEEDS, timeout: 60_000 },
    async (lab) => {
      const { line, guest, d } = await called(lab, "noccp", { keepalive: "3 1" });
      const mark = d.mark;
      line.cut = true;
      assert.match((await d.event("isp", "link.down", 15_000, mark))[0], /code="echo-timeout"/);
      await until("pppd gave up", 15_000, () => /No response to 4 echo-requests/.test(guest.log("pppd.log")));
    },
  );
  scenario(
    "it hangs up when it is idle, in spite of our echoes, and takes the next call",
    { needs: GUEST_NEEDS, timeout: 60_000 },
    async (lab) => {
      const { ns, guest, d } = await called(lab, "noccp idle 3 persist", { keepalive: "5 1" });
      const mark = d.mark;
      assert.match((await d.event("isp", "link.down", 15_000, mark))[0], /code="peer-terminated"/);
      assert.match(guest.log("pppd.log"), /Terminating connection due to lack of activity/);
      await d.event("isp", "link.up", 20_000, mark);
      await until("the guest answers again", 5000, async () => (await ns.ping("10.7.0.1", 1)).received === 1);
    },
  );
  scenario(
    "the line is gone: we say so at once, and pppd by its echoes at the latest",
    { needs: GUEST_NEEDS, timeout: 60_000 },
    async (lab) => {
      const { line, guest, d } = await called(lab, "noccp modem");
      const mark = d.mark;
      line.close();
      assert.match((await d.event("isp", "link.down", 3000, mark))[0], /code="(device-gone|carrier-lost)"/);
      await until("pppd gave up", 15_000, () =>
        /Modem hangup|No response to 4 echo-requests/.test(guest.log("pppd.log")),
      );
    },
  );
});
