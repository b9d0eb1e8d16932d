// Real mgetty as the NAS: it takes the call of a modem, sees PPP begin (AutoPPP), and starts pppd.
//
//   ours: nas-isp 10.7.0.2 -- modem 111 ~~ exchange ~~ modem 222 -- ttyS0 of the guest: mgetty, then pppd 10.7.0.1
import assert from "node:assert/strict";
import { Daemon } from "../net/daemon.ts";
import { scenario, until } from "../net/harness.ts";
import { Exchange } from "../net/modem.ts";
import { GUEST_NEEDS, Guest } from "./harness.ts";
import { PASSWORD, USER } from "./peers.ts";

const MGETTY = `[ "$(hostname)" = guest ] && [ -d /rig ] || exit 99
echo '${USER} * ${PASSWORD} *' | tee /etc/ppp/chap-secrets >/etc/ppp/pap-secrets
echo '/AutoPPP/ - - /usr/sbin/pppd file /etc/ppp/options.rig' >/etc/mgetty/login.config
cat >/etc/mgetty/mgetty.config <<END
speed 115200
data-only yes
rings 1
toggle-dtr no
ignore-carrier true
modem-check-time -1
init-chat "" ATZ OK
END
cat >/etc/ppp/options.rig <<END
local
nocrtscts
nodetach
auth
require-chap
passive
10.7.0.1:10.7.0.2
ms-dns 10.7.0.1
debug
logfile /rig/pppd.log
END
mkdir -p /var/log/mgetty
mgetty -x 6 ttyS0 >/rig/mgetty.out 2>&1 &
i=0
until grep -qs waiting /var/log/mgetty/mg_ttyS0.log; do
  i=$((i + 1))
  [ $i -lt 100 ] || { cat /var/log/mgetty/*; exit 1; }
  sleep 0.1
done
`;

scenario(
  "mgetty takes the call of a modem and starts pppd",
  { needs: [...GUEST_NEEDS, "mgetty"], timeout: 90_000 },
  async (lab) => {
    const ns = await lab.ns("a");
    const exchange = new Exchange();
    lab.atEnd(() => Promise.resolve(exchange.close()));
    const modems = [exchange.modem("111", 115200), exchange.modem("222", 115200)] as const;
    const guest = await Guest.boot(ns, "tap0", "192.168.55.1/24", "192.168.55.2/24", "", modems[1].device);
    await guest.sh(MGETTY);
    const d = new Daemon(ns, "caller", {
      "interface isp": {
        proto: "nasdial",
        device: modems[0].device,
        phone: "222",
        baud: 115200,
        flow: "none",
        login: "none",
        username: USER,
        password: PASSWORD,
        reconnect_min: 1,
        reconnect_max: 2,
        redial_pause: 0,
      },
    });
    await d.start();
    await d.event("isp", "link.up", 30_000);
    const s = await d.nasStatus("isp");
    assert.deepEqual(
      [s.local_ip, s.remote_ip, s.ppp?.auth, s.speed],
      ["10.7.0.2", "10.7.0.1", "CHAP-MD5", 115200],
      guest.logs(),
    );
    await until("the guest answers", 5000, async () => (await ns.ping("10.7.0.1", 1)).received === 1);
    assert.equal((await ns.ping("10.7.0.1", 10, 0.1)).received, 10);
    assert.equal((await d.stop()).code, 0);
    await until("pppd heard the goodbye", 5000, () => /rcvd \[LCP TermReq/.test(guest.log("pppd.log")));
  },
);
