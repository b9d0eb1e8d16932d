// Against a kernel and daemons that we did not write: strongSwan, xl2tpd and pppd in a User-mode Linux guest.
// The networks are drawn in lab.ts.
import assert from "node:assert/strict";
import { type Capture, lacking, type Ns, run, scenario, sh } from "../net/harness.ts";
import { CLEAR_L2TP, NOT_PROTECTED } from "../net/sites.ts";
import type { Guest } from "./harness.ts";
import { client, direct, GUEST, NEEDS, natted, OURS, pings, server } from "./lab.ts";
import { ipsec, lac, lns, USER } from "./peers.ts";

/** Throughput is not the point here: TCP both ways shows that large packets, MSS and checksums are right. */
async function tcp(ns: Ns, guest: Guest, to: string): Promise<void> {
  await guest.sh("iperf3 -s -D >/dev/null 2>&1");
  for (const way of [[], ["-R"]]) {
    const r = await ns.run("iperf3", "-c", to, "-t", "1", "--connect-timeout", "3000", "-J", ...way);
    const bits =
      (JSON.parse(r.stdout) as { end?: { sum_received?: { bits_per_second: number } } }).end?.sum_received
        ?.bits_per_second ?? 0;
    assert.ok(bits > 5e6, `TCP ${way.join("")}: ${bits} bit/s ${r.stdout.slice(-300)}`);
  }
}
/** The keys of the guest's kernel, so that Wireshark can look into AES-CBC ESP. */
async function keys(guest: Guest): Promise<string[]> {
  const states = (await guest.sh("ip xfrm state")).split(/^(?=src )/m);
  return states.flatMap((state) => {
    const spi = state.match(/spi (0x\w+)/)?.[1];
    const auth = state.match(/auth-trunc hmac\(sha256\) (0x\w+) 128/)?.[1];
    const enc = state.match(/enc cbc\(aes\) (0x\w+)/)?.[1];
    if (spi === undefined || auth === undefined || enc === undefined) return [];
    const row = ["IPv4", "*", "*", spi, "AES-CBC [RFC3602]", enc, "HMAC-SHA-256-128 [RFC4868]", auth, "32-bit"];
    return ["-o", `uat:esp_sa:${row.map((x) => `"${x}"`).join(",")}`];
  });
}
/**
 * Nothing that Wireshark calls malformed, on the outside and, with the keys, inside. The number of L2TP packets it saw.
 */
async function wellFormed(wire: Capture, esp: string[] = []): Promise<number> {
  if (lacking("tshark") !== undefined) return Number.NaN;
  const decode =
    esp.length === 0
      ? []
      : ["-o", "esp.enable_encryption_decode:TRUE", "-o", "esp.enable_authentication_check:TRUE", ...esp];
  const tshark = async (filter: string, ...fields: string[]): Promise<string[]> => {
    const show = fields.flatMap((f) => ["-e", f]);
    const r = await run("tshark", [
      "-n",
      "-r",
      wire.file,
      ...decode,
      "-Y",
      filter,
      "-T",
      "fields",
      "-e",
      "frame.number",
      ...show,
    ]);
    assert.equal(r.code, 0, r.stderr);
    return r.stdout.split("\n").filter((l) => l !== "");
  };
  // What TCP carries is iperf3's random bytes, and Wireshark guesses at those (TPKT, Q.931).
  const bad = "((_ws.malformed || _ws.expert.severity == error) && !tcp) || esp.icv_bad == 1";
  assert.deepEqual(await tshark(bad, "_ws.expert.message", "_ws.col.Protocol", "_ws.col.Info"), []);
  return (await tshark("l2tp")).length;
}

for (const esp of ["aes256-sha256", "aes128-sha1", "3des-sha1", "aes128gcm16"]) {
  scenario(`our client to strongSwan and xl2tpd: raw ESP, ${esp}`, NEEDS, async (lab) => {
    const { ns, guest, wire } = await direct(lab);
    await guest.sh(ipsec({ esp }) + lns("mschap-v2"));
    const c = client(ns, GUEST, { esp_proposals: esp });
    await c.start();
    const s = await c.waitUp("hq", 20_000);
    assert.equal(s.esp?.encap, "esp");
    assert.match(s.ppp?.auth ?? "", /ms-?chap/i);
    const sas = await keys(guest);
    await pings(ns, "10.99.0.1");
    if (esp === "aes256-sha256") await tcp(ns, guest, "10.99.0.1");
    assert.equal((await c.stop()).code, 0);
    await wire.stop();
    assert.deepEqual(await wire.lines(`${NOT_PROTECTED} and not tcp port 2323`), []);
    const inside = await wellFormed(wire, sas);
    if (sas.length > 0 && !Number.isNaN(inside))
      assert.ok(inside > 20, `Wireshark saw ${inside} L2TP packets inside ESP`);
  });
}

scenario("our client to strongSwan and xl2tpd: IPv6 between two sites", NEEDS, async (lab) => {
  const { ns, guest, wire } = await direct(lab);
  await guest.sh(`modprobe ipv6\n${ipsec()}${lns("mschap-v2", 1400, "+ipv6")}`);
  await sh(`ip netns exec ${ns.name} sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0`);
  const c = client(ns, GUEST, { ipv6: "yes", routes: "fd00:2::/48" });
  await c.start();
  await c.waitUp("hq", 20_000);
  await c.event("hq", "link.ipv6", 10_000);
  const s = await c.statusWhere("hq", "has IPv6", 5000, (x) => x.local_ip6 !== null);
  const far = (await guest.sh("ip -6 -o addr show ppp0 scope link")).match(/inet6 (fe80:\S+?)[ /]/)?.[1];
  assert.ok(far, "the guest's ppp0 has a link-local address");
  await pings(ns, `${far}%l2tps-hq`);
  assert.match((await ns.run("ip", "-6", "addr", "show", "l2tps-hq")).stdout, new RegExp(`${s.local_ip6}/64`));
  await guest.sh(
    "ip -6 addr add fd00:2::1/128 dev lo; ip -6 route add fd00:1::/48 dev ppp0; sysctl -qw " +
      "net.ipv6.conf.all.forwarding=1",
  );
  await sh(`ip -n ${ns.name} -6 addr add fd00:1::1/128 dev lo`);
  await pings(ns, "fd00:2::1");
  await tcp(ns, guest, "fd00:2::1");
  assert.equal((await c.stop()).code, 0);
  await wire.stop();
  assert.deepEqual(await wire.lines(`(${NOT_PROTECTED} and not tcp port 2323) or ip6 net fd00::/16`), []);
});

for (const [name, options, ccp, said] of [
  ["Deflate", { deflate: "yes", vj: "yes" }, "deflate 15 nobsdcomp", "Deflate 15"],
  ["MPPE", { mppe: "128" }, "require-mppe-128 nomppe-40 nomppe-stateful", "MPPE 128"],
] as const) {
  scenario(`our client to strongSwan and xl2tpd: ${name} inside the tunnel`, NEEDS, async (lab) => {
    const { ns, guest, wire } = await direct(lab);
    await guest.sh(`modprobe -a slhc ppp_deflate ppp_mppe\n${ipsec()}${lns("mschap-v2", 1400, "", ccp)}`);
    const c = client(ns, GUEST, options);
    await c.start();
    await c.waitUp("hq", 20_000);
    assert.match((await c.event("hq", "ppp.ccp-up", 5000))[0], new RegExp(`sending="${said}" receiving="${said}"`));
    await pings(ns, "10.99.0.1");
    await tcp(ns, guest, "10.99.0.1");
    const drops = Object.entries((await c.status("hq")).drops).filter(([n]) => /^(ccp|vj)\./.test(n));
    assert.deepEqual(drops, []);
    assert.equal((await c.stop()).code, 0);
    await wire.stop();
    assert.deepEqual(await wire.lines(`${NOT_PROTECTED} and not tcp port 2323`), []);
  });
}

scenario("strongSwan and xl2tpd as client to our server: Deflate inside the tunnel", NEEDS, async (lab) => {
  const { ns, guest } = await direct(lab);
  const d = server(ns, OURS, { auth: "mschapv2", deflate: "yes", vj: "yes" });
  await d.start();
  await guest.sh(`modprobe -a slhc ppp_deflate\n${ipsec({ peer: OURS })}`);
  await guest.sh(lac(OURS, 1400, "deflate 15 nobsdcomp"));
  assert.match((await d.event("lns", "ppp.ccp-up", 5000))[0], /sending="Deflate 15" receiving="Deflate 15"/);
  const ip = (await d.serverStatus("lns")).sessions[0]?.ip ?? "";
  await pings(ns, ip);
  await tcp(ns, guest, ip);
  assert.deepEqual(
    Object.keys((await d.serverStatus("lns")).drops).filter((n) => /^(ccp|vj)\./.test(n)),
    [],
  );
});

scenario(
  "our client behind a NAT to strongSwan and xl2tpd, over rekeys that either side starts",
  NEEDS,
  async (lab) => {
    const { ns, guest, wire } = await natted(lab, "ours");
    await guest.sh(ipsec({ ikeRekey: 25, espRekey: 15 }) + lns("mschap-v2"));
    const c = client(ns, "192.168.77.2", { esp_lifetime: 30, ike_lifetime: 60 });
    await c.start();
    const s = await c.waitUp("hq", 20_000);
    assert.equal(s.esp?.encap, "udp");
    await pings(ns, "10.99.0.1", 700);
    assert.match(c.log, /ike\.rekeyed .*what="?esp/);
    assert.doesNotMatch(c.log, /link\.down/);
    await wire.stop();
    assert.equal(await wire.count(CLEAR_L2TP), 0);
    await wellFormed(wire);
  },
);

scenario("our client to strongSwan and xl2tpd: CHAP over raw ESP, our rekey", NEEDS, async (lab) => {
  const { ns, guest, wire } = await direct(lab);
  await guest.sh(ipsec() + lns("chap"));
  const c = client(ns, GUEST, { esp_lifetime: 30 });
  await c.start();
  await c.waitUp("hq", 20_000);
  await pings(ns, "10.99.0.1", 600, 0.05);
  assert.match(c.log, /ike\.rekeyed .*what="?esp/);
  await wire.stop();
  await wellFormed(wire);
});

scenario("our client to strongSwan: wrong PSK is said", NEEDS, async (lab) => {
  const { ns, guest } = await direct(lab);
  await guest.sh(ipsec({ psk: "another" }) + lns("chap"));
  const c = client(ns, GUEST);
  await c.start();
  const s = await c.statusWhere("hq", "has failed", 60_000, (x) => x.error !== null);
  assert.equal(s.error?.layer, "ike");
  assert.match(s.error?.text ?? "", /psk|pre-shared|key/i);
});

for (const nat of [false, true]) {
  scenario(
    `strongSwan and xl2tpd as client to our server, ${nat ? "behind a NAT" : "raw ESP"}, over a rekey`,
    NEEDS,
    async (lab) => {
      const { ns, guest, wire } = nat ? await natted(lab, "guest") : await direct(lab);
      const listen = nat ? "203.0.113.1" : OURS;
      const d = server(ns, listen, { auth: "mschapv2" });
      await d.start();
      await guest.sh(ipsec({ peer: listen, ikeRekey: 18, espRekey: 10 }));
      await guest.sh(lac(listen));
      const before = (await d.serverStatus("lns")).sessions;
      assert.equal(before.length, 1);
      assert.equal(before[0]?.user, USER);
      const ip = before[0]?.ip ?? "";
      await pings(ns, ip, 280);
      await tcp(ns, guest, ip);
      assert.ok(
        [...guest.log("charon.log").matchAll(/CHILD_SA l2tp\{\d+\} established/g)].length >= 3,
        "the guest rekeyed",
      );
      assert.doesNotMatch(d.log, /session\.down/);
      await wire.stop();
      assert.ok((await wire.count(nat ? "udp port 4500" : "ip proto 50")) > 100);
      assert.deepEqual(await wire.lines(`${NOT_PROTECTED} and not tcp port 2323`), []);
      await wellFormed(wire);
    },
  );
}

for (const auth of ["pap", "chap", "mschap-v2"] as const) {
  scenario(`plain L2TP to xl2tpd, ${auth}`, NEEDS, async (lab) => {
    const { ns, guest, wire } = await direct(lab);
    await guest.sh(lns(auth));
    const c = client(ns, GUEST, {
      ipsec: "off",
      ...(auth === "pap" ? { refuse_pap: "no", allow_pap_in_clear: "yes" } : {}),
    });
    await c.start();
    const s = await c.waitUp("hq", 20_000);
    assert.equal(s.esp, null);
    await pings(ns, "10.99.0.1");
    assert.equal((await c.stop()).code, 0);
    await wire.stop();
    assert.ok((await wire.count(CLEAR_L2TP)) > 10);
    await wellFormed(wire);
  });
}

scenario("plain L2TP from xl2tpd to our server", NEEDS, async (lab) => {
  const { ns, guest, wire } = await direct(lab);
  const d = server(ns, OURS, { ipsec: "off", auth: "mschapv2 chap pap" });
  await d.start();
  await guest.sh(lac(OURS));
  const session = (await d.serverStatus("lns")).sessions[0];
  await pings(ns, session?.ip ?? "");
  // the guest leaves: the session goes with it
  const mark = d.mark;
  await guest.sh("echo 'd rig' >/run/xl2tpd/c");
  await d.event("lns", "session.down", 10_000, mark);
  await wire.stop();
  await wellFormed(wire);
});
