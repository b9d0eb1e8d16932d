// What becomes of a link after a failure, and of what it blocks: whole daemons on the virtual clock.
import assert from "node:assert/strict";
import { test } from "node:test";
import { renderStatus } from "../../src/control/render.ts";
import { client, clientConf, SERVER_CONF, type Site, World } from "./world.ts";

function pair(more = "", lns = SERVER_CONF): { w: World; a: Site; b: Site } {
  const w = new World();
  const b = w.site(w.net.host("lns", ["198.51.100.2"]), lns);
  const a = w.site(w.net.host("hq", ["203.0.113.2"]), clientConf(more));
  return { w, a, b };
}
/** How many blocks of `prefix` there are after every single change, from now on. */
function watched(s: Site, prefix: string): { least: number } {
  const net = s.plane.net;
  const seen = { least: net.blocked.filter((p) => p === prefix).length };
  const look = (): void => {
    seen.least = Math.min(seen.least, net.blocked.filter((p) => p === prefix).length);
  };
  const block = net.blockRoutes.bind(net);
  net.blockRoutes = (list) => {
    const undo = block(list);
    look();
    return async () => {
      const done = undo();
      look(); // a moment is enough for a packet
      await done;
      look();
    };
  };
  return seen;
}

test("a wrong key or password: retried for ever, ever slower, and what must leave by the link is blocked", async () => {
  // That the key is wrong can only be guessed (anybody may have answered): the ordinary pauses.
  for (const [server, code, pauses] of [
    [SERVER_CONF.replace("swordfish", "other"), "psk-mismatch", [2, 4, 8, 16, 32, 64, 120]],
    [SERVER_CONF.replaceAll("wonderland", "other"), "auth-failed", [30, 60, 120, 240, 300, 300, 300]],
  ] as const) {
    const { w, a, b } = pair("", server);
    const tries: number[] = [];
    for (let n = 0; n < 7; n++) {
      while (a.events.filter((e) => e.kind === "link.down").length <= n)
        await (Number(client(a).retry_in) > 2 ? w.run(1000) : w.run(100));
      assert.equal(client(a).error?.code, code);
      assert.deepEqual(a.plane.net.blocked, ["192.168.20.0/24"]);
      tries.push(client(a).retry_in ?? 0);
    }
    for (const [i, s] of pauses.entries())
      assert.ok(
        (tries[i] ?? 0) >= Math.floor(s * 0.74) && (tries[i] ?? 0) <= Math.ceil(s * 1.26),
        `${code}: ${tries.join(" ")}`,
      );
    b.reload(SERVER_CONF);
    await w.until(() => client(a).state === "up", 420_000, "the server that came back", a);
  }
});

test("a WAN that comes and goes does not make a wrong password fast", async () => {
  const { w, a } = pair("", SERVER_CONF.replaceAll("wonderland", "other"));
  const since = w.clock.now();
  for (let i = 0; i < 1200; i++) {
    a.daemon.hurry();
    await w.run(500);
  }
  const tries = a.events.filter((e) => e.kind === "link.down").length;
  assert.ok(w.clock.now() - since >= 600_000 && tries >= 15 && tries <= 21, `${tries} in ten minutes`);
  // A person is another thing.
  a.daemon.up("hq");
  await w.until(() => client(a).state !== "down", 100, "a try at once", a);
});

test("reload, another server, a shorter and a longer list of networks: no moment without the block", async () => {
  const { w, a } = pair();
  await w.until(() => client(a).state === "up", 10_000, "up", a);
  const seen = watched(a, "192.168.20.0/24");
  for (const conf of [
    clientConf("mtu = 1300"),
    clientConf("", "198.51.100.77"),
    clientConf().replace("192.168.20.0/24", "192.168.20.0/24 10.9.0.0/16"),
    clientConf("auto = no"),
  ]) {
    a.reload(conf);
    await w.run(4000);
    assert.equal(seen.least, 1, conf);
    assert.equal(new Set(a.plane.net.blocked).size, a.plane.net.blocked.length, "nothing is blocked twice");
  }
  assert.deepEqual(a.plane.net.blocked, ["192.168.20.0/24"]);
  a.reload(clientConf("ipsec = off").replace("psk = swordfish", ""));
  await w.run(4000);
  assert.deepEqual(a.plane.net.blocked, [], "a link in the clear guards nothing");
  a.reload(clientConf());
  await w.run(4000);
  assert.deepEqual(a.plane.net.blocked, ["192.168.20.0/24"]);
  a.reload("[daemon]\n");
  await w.run(4000);
  assert.deepEqual(a.plane.net.blocked, [], "nobody wants the link any more");
});

test("taken down by hand it guards nothing; down and up in one breath, it does", async () => {
  const { w, a } = pair();
  await w.until(() => client(a).state === "up", 10_000, "up", a);
  a.daemon.down("hq");
  await w.run(3000);
  assert.deepEqual(a.plane.net.blocked, []);
  a.daemon.up("hq");
  await w.until(() => client(a).state === "up", 10_000, "up", a);
  const seen = watched(a, "192.168.20.0/24");
  a.daemon.down("hq");
  a.daemon.up("hq");
  await w.run(3000);
  assert.deepEqual([seen.least, a.plane.net.blocked], [1, ["192.168.20.0/24"]]);
});

test("PAP goes to nobody unless the configuration says so: inside ESP, and outside", async () => {
  const PAP = SERVER_CONF.replace("mschapv2 chap pap", "pap");
  const CLEAR = PAP.replace("psk = swordfish", "ipsec = off\nallow_pap_in_clear = yes");
  const holder = "PAP would show the password to anybody with the pre-shared key; set refuse_pap = no to allow it";
  const everybody = "PAP would show the password to everybody on the path; set";
  for (const [more, server, want] of [
    ["", PAP, holder],
    ["refuse_pap = no", PAP, null],
    ["ipsec = off", CLEAR, `${everybody} refuse_pap = no and allow_pap_in_clear = yes to allow it`],
    ["ipsec = off\nrefuse_pap = no", CLEAR, `${everybody} allow_pap_in_clear = yes to allow it`],
    ["ipsec = off\nrefuse_pap = no\nallow_pap_in_clear = yes", CLEAR, null],
  ] as const) {
    const w = new World();
    const b = w.site(w.net.host("lns", ["198.51.100.2"]), server);
    const conf = clientConf(more);
    const a = w.site(
      w.net.host("hq", ["203.0.113.2"]),
      more.includes("off") ? conf.replace("psk = swordfish", "") : conf,
    );
    await w.until(() => client(a).state === "up" || client(a).error !== null, 60_000, "an end", a, b);
    if (want === null) assert.equal(client(a).ppp?.auth, "PAP");
    else
      assert.match(
        client(a).error?.text ?? "",
        new RegExp(
          `^the peer asks for PAP and nothing else, this side answers to MS-CHAPv2, CHAP-MD5, MS-CHAP: ${want}$`,
        ),
      );
  }
});

test("a server in the clear does not ask for PAP only because it is listed", async () => {
  const w = new World();
  const b = w.site(w.net.host("lns", ["198.51.100.2"]), SERVER_CONF.replace("psk = swordfish", "ipsec = off"));
  const willing = clientConf(
    "ipsec = off\nrefuse_pap = no\nallow_pap_in_clear = yes\nrefuse_chap = yes\nrefuse_mschapv2 = yes",
  ).replace("psk = swordfish", "");
  const a = w.site(w.net.host("hq", ["203.0.113.2"]), willing);
  await w.until(() => client(a).error !== null, 60_000, "a failure", a, b);
  assert.ok(!b.events.some((e) => e.kind === "ppp.auth" && e.ok));
});

test("which version of IKE a link speaks follows from its options", async () => {
  const lns = (more: string): string => SERVER_CONF.replace("psk = swordfish", `psk = swordfish\n${more}`);
  const aead = "ike_proposals = aes256gcm16-sha256-x25519";
  for (const [more, server, version] of [
    ["", "", 2],
    ["", "ike = v1", 1],
    ["ike = v1", "", 1],
    [aead, "", 2],
    ["ike_mode = aggressive", "ike_mode = aggressive", 1],
  ] as const) {
    const { w, a, b } = pair(more, lns(server));
    await w.until(() => client(a).state === "up", 5000, `${more} to ${server}`, a, b);
    assert.equal(client(a).ike?.version, version, `${more} to ${server}`);
  }
  const { w, a } = pair(aead, lns("ike = v1"));
  await w.until(() => client(a).error !== null, 60_000, "no IKEv2 there", a);
  assert.equal(client(a).error?.code, "no-answer");
});

test("no common proposal: the log and the status have both sides whole, and a terminal as well", async () => {
  const all = ["aes128", "aes192", "aes256"]
    .flatMap((c) => ["sha1", "sha256", "sha384", "sha512"].map((h) => `${c}-${h}-modp4096`))
    .join(" ");
  const { w, a, b } = pair(
    `ike = auto\nike_proposals = ${all}`,
    SERVER_CONF.replace("psk = swordfish", "psk = swordfish\nike_proposals = aes256-sha256-ecp256"),
  );
  await w.until(() => client(a).error !== null, 60_000, "a failure", a, b);
  const inIkev2 = all.replace(/-(sha\d+)-/g, "-prf$1-$1-");
  const allow = "to allow it set ike_proposals = aes256-sha256-ecp256 aes128-sha1-modp4096";
  const said = (offer: string): string => `we accept aes256-sha256-ecp256; the peer offers ${offer}; ${allow}"`;
  assert.ok(
    b.lines.some((l) => l.includes("no-proposal") && l.includes(said(inIkev2))),
    b.lines.join("\n"),
  );
  const old = pair(
    `ike = v1\nike_proposals = ${all}`,
    SERVER_CONF.replace("psk = swordfish", "psk = swordfish\nike_proposals = aes256-sha256-ecp256"),
  );
  await old.w.until(() => client(old.a).error !== null, 60_000, "a failure", old.a, old.b);
  assert.ok(
    old.b.lines.some((l) => l.includes("no-proposal") && l.includes(said(all))),
    old.b.lines.join("\n"),
  );
  assert.ok(client(a).error?.text.includes(all), client(a).error?.text);
  assert.ok(a.lines.some((l) => l.includes("link.down") && l.includes(all)));
  assert.ok(
    renderStatus(
      { hq: { ...client(a), stages: [{ name: "ike", state: "failed", text: `é ${all}` }] } },
      false,
    ).includes(all),
  );
});
