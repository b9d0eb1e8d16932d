// IKEv2 against strongSwan, with xl2tpd and pppd above it, in a User-mode Linux guest; the network is drawn in lab.ts.
import assert from "node:assert/strict";
import { scenario } from "../net/harness.ts";
import { CLEAR_L2TP, NOT_PROTECTED } from "../net/sites.ts";
import { client, direct, GUEST, NEEDS, natted, OURS, pings, server } from "./lab.ts";
import { ipsec, lac, lns } from "./peers.ts";

const V2 = { version: 2, ike: "aes256gcm16-prfsha256-x25519,aes256-sha256-modp2048" } as const;

for (const [name, more, ike] of [
  ["AES-GCM and X25519", {}, "IKEv2 aes256gcm16-sha256-x25519"],
  ["AES-CBC and MODP", { ike_proposals: "aes256-sha256-modp2048" }, "IKEv2 aes256-sha256-modp2048"],
] as const) {
  scenario(`our client to strongSwan by IKEv2: raw ESP, ${name}`, NEEDS, async (lab) => {
    const { ns, guest, wire } = await direct(lab);
    await guest.sh(ipsec(V2) + lns("mschap-v2"));
    const c = client(ns, GUEST, { ike: "v2", ...more });
    await c.start();
    const s = await c.waitUp("hq", 20_000);
    assert.equal(s.esp?.encap, "esp");
    assert.equal(s.ike?.proposal, ike);
    await pings(ns, "10.99.0.1");
    assert.equal((await c.stop()).code, 0);
    await wire.stop();
    assert.deepEqual(await wire.lines(`${NOT_PROTECTED} and not tcp port 2323`), []);
    assert.match(guest.log("charon.log"), /received DELETE for IKE_SA/);
  });
}
scenario("our client finds out that strongSwan speaks IKEv1 only, or IKEv2", NEEDS, async (lab) => {
  const { ns, guest } = await direct(lab);
  await guest.sh(ipsec() + lns("mschap-v2"));
  const c = client(ns, GUEST, { ike: "auto" });
  await c.start();
  assert.doesNotMatch((await c.waitUp("hq", 20_000)).ike?.proposal ?? "", /IKEv2/);
  assert.equal((await c.stop()).code, 0);
  await guest.sh(`sed -i 's/version = 1/version = 2/' /etc/swanctl/conf.d/l2tp.conf; swanctl --load-conns`);
  const d = client(ns, GUEST, { ike: "auto" });
  await d.start();
  assert.match((await d.waitUp("hq", 20_000)).ike?.proposal ?? "", /IKEv2/);
  await pings(ns, "10.99.0.1");
});
scenario("our client behind a NAT by IKEv2, over rekeys that either side starts", NEEDS, async (lab) => {
  const { ns, guest, wire } = await natted(lab, "ours");
  await guest.sh(ipsec({ ...V2, ikeRekey: 25, espRekey: 15 }) + lns("mschap-v2"));
  const c = client(ns, "192.168.77.2", { ike: "v2", esp_lifetime: 40, ike_lifetime: 60 });
  await c.start();
  assert.equal((await c.waitUp("hq", 20_000)).esp?.encap, "udp");
  await pings(ns, "10.99.0.1", 700);
  assert.match(c.log, /ike\.rekeyed .*what="?esp/);
  assert.match(c.log, /ike\.rekeyed .*what="?isakmp/);
  assert.doesNotMatch(c.log, /link\.down/);
  await wire.stop();
  assert.equal(await wire.count(CLEAR_L2TP), 0);
});
// Where no NAT keeps one address for us, xl2tpd would go on talking to the old one.
scenario("our client moves behind its NAT: strongSwan follows (MOBIKE), and the tunnel stays", NEEDS, async (lab) => {
  const { ns, guest } = await natted(lab, "ours");
  await guest.sh(ipsec(V2) + lns("mschap-v2"));
  const c = client(ns, "192.168.77.2");
  await c.start();
  assert.equal((await c.waitUp("hq", 20_000)).ike?.version, 2);
  await pings(ns, "10.99.0.1");
  await ns.must("ip", "addr", "del", "203.0.113.1/24", "dev", "wan");
  await ns.must("ip", "addr", "add", "203.0.113.77/24", "dev", "wan");
  await ns.route("default", "203.0.113.254");
  await pings(ns, "10.99.0.1", 100);
  assert.match(c.log, /ike\.mapping/);
  assert.doesNotMatch(c.log, /link\.down/);
  assert.match(guest.log("charon.log"), /UPDATE_SA_ADDRESSES|N\(UPD_SA_ADDR\)/);
});
scenario("our client by IKEv2: our rekeys, perfect forward secrecy", NEEDS, async (lab) => {
  const { ns, guest } = await direct(lab);
  await guest.sh(ipsec({ ...V2, esp: "aes256-sha256-x25519,aes256-sha256" }) + lns("chap"));
  const c = client(ns, GUEST, { ike: "v2", esp_lifetime: 30, ike_lifetime: 60, esp_proposals: "aes256-sha256-x25519" });
  await c.start();
  await c.waitUp("hq", 20_000);
  await pings(ns, "10.99.0.1", 1200, 0.05);
  assert.match(c.log, /ike\.rekeyed .*what="?esp/);
  assert.match(c.log, /ike\.rekeyed .*what="?isakmp/);
  assert.doesNotMatch(c.log, /link\.down/);
});
scenario("our client to strongSwan by IKEv2 with a post-quantum preshared key", NEEDS, async (lab) => {
  const { ns, guest } = await direct(lab);
  await guest.sh(ipsec({ ...V2, ppk: ["office", "long and random"] }) + lns("mschap-v2"));
  const c = client(ns, GUEST, { ppk: "long and random", ppk_id: "office" });
  await c.start();
  assert.match((await c.waitUp("hq", 20_000)).ike?.proposal ?? "", /with a post-quantum key$/);
  await pings(ns, "10.99.0.1");
  assert.match(guest.log("charon.log"), /using PPK for PPK_ID 'office'/);
});
scenario("our client by IKEv2: another key is said", NEEDS, async (lab) => {
  const { ns, guest } = await direct(lab);
  await guest.sh(ipsec({ ...V2, psk: "another" }) + lns("chap"));
  const c = client(ns, GUEST, { ike: "v2" });
  await c.start();
  const s = await c.statusWhere("hq", "has failed", 60_000, (x) => x.error !== null);
  assert.deepEqual([s.error?.layer, s.error?.code], ["ike", "psk-mismatch"]);
});
for (const nat of [false, true]) {
  scenario(`strongSwan as client to our server by IKEv2, ${nat ? "behind a NAT" : "raw ESP"}`, NEEDS, async (lab) => {
    const { ns, guest, wire } = nat ? await natted(lab, "guest") : await direct(lab);
    const listen = nat ? "203.0.113.1" : OURS;
    const d = server(ns, listen, { auth: "mschapv2" });
    await d.start();
    await guest.sh(ipsec({ ...V2, peer: listen, ikeRekey: 18, espRekey: 10, fragmentBytes: 200 }));
    await guest.sh(lac(listen));
    const [session] = (await d.serverStatus("lns")).sessions;
    await pings(ns, session?.ip ?? "", 280);
    const log = guest.log("charon.log");
    assert.ok([...log.matchAll(/CHILD_SA l2tp\{\d+\} established/g)].length >= 3, "the guest rekeyed");
    assert.match(log, /IKE_SA l2tp\[\d+\] rekeyed between/);
    assert.match(log, /splitting IKE message \(\d+ bytes\) into \d+ fragments/);
    assert.doesNotMatch(d.log, /session\.down/);
    await wire.stop();
    assert.ok((await wire.count(nat ? "udp port 4500" : "ip proto 50")) > 100);
    assert.deepEqual(await wire.lines(`${NOT_PROTECTED} and not tcp port 2323`), []);
  });
}
scenario("strongSwan as client to our server by IKEv2: our rekeys", NEEDS, async (lab) => {
  const { ns, guest } = await direct(lab);
  const d = server(ns, OURS, { auth: "mschapv2", esp_lifetime: 40, ike_lifetime: 60 });
  await d.start();
  await guest.sh(ipsec({ ...V2, peer: OURS }));
  await guest.sh(lac(OURS));
  const [session] = (await d.serverStatus("lns")).sessions;
  await pings(ns, session?.ip ?? "", 650);
  assert.match(d.log, /ike\.rekeyed .*what="?esp/);
  assert.match(d.log, /ike\.rekeyed .*what="?isakmp/);
  assert.doesNotMatch(d.log, /session\.down/);
});
