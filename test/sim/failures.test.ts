// What a daemon says when a link does not come up.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hex, unhex } from "../../src/core/text.ts";
import type { Stage } from "../../src/link/status.ts";
import { isUp, SERVER_IP } from "./pair.ts";
import { client, clientConf, SERVER_CONF, server, World } from "./world.ts";

describe("failures say what to do", () => {
  const failure = async (
    more: string,
    serverConf = SERVER_CONF,
    conf = (s: string): string => s,
  ): Promise<[string, string, string]> => {
    const w = new World();
    const b = w.site(w.net.host("b", [SERVER_IP]), serverConf);
    const a = w.site(w.net.host("a", ["203.0.113.1"]), conf(clientConf(more)));
    await w.until(() => client(a).error !== null, 90_000, "a failure", a, b);
    const e = client(a).error;
    assert.ok(e);
    assert.ok(!JSON.stringify(client(a)).includes("swordfish"));
    return [e.layer, e.code, e.text];
  };
  test("wrong pre-shared key", async () => {
    const [layer, code, text] = await failure("", SERVER_CONF.replace("swordfish", "marlin"));
    assert.deepEqual([layer, code], ["ike", "psk-mismatch"]);
    assert.match(text, /pre-shared key/);
  });
  test("wrong password", async () => {
    const [layer, code, text] = await failure("", SERVER_CONF.replaceAll("wonderland", "looking-glass"));
    assert.deepEqual([layer, code], ["ppp", "auth-failed"]);
    assert.match(text, /branch/);
  });
  test("no common proposal names ours", async () => {
    const [layer, code, text] = await failure(
      "ike_proposals = 3des-sha1-modp1536",
      SERVER_CONF.replace("psk =", "ike_proposals = aes256-sha256-modp2048\npsk ="),
    );
    assert.deepEqual([layer, code], ["ike", "no-proposal"]);
    assert.match(text, /3des-sha1-modp1536/);
  });
  test("a server keeps who failed, and why, with both proposals; it names aggressive mode", async () => {
    const w = new World();
    const b = w.site(w.net.host("b", [SERVER_IP]), SERVER_CONF);
    const wrong = ["ike_proposals = 3des-sha1-modp1024", "psk = marlin", "password = looking-glass"];
    const sites = wrong.map((more, i) => {
      const [option = ""] = more.split(" ");
      const conf = clientConf()
        .split("\n")
        .filter((l) => !l.startsWith(option))
        .join("\n");
      return w.site(w.net.host(`a${i}`, [`203.0.113.${i + 1}`]), `${conf}\n${more}\n`);
    });
    await w.until(() => sites.every((s) => client(s).error !== null), 90_000, "failures", ...sites, b);
    const stranger = w.net.host("x", ["203.0.113.9"]);
    for (const [version, exchange] of [
      [0x10, 4],
      [0x10, 4],
    ] as const) {
      const bytes = Uint8Array.from([
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        ...new Array<number>(8).fill(0),
        1,
        version,
        exchange,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        28,
      ]);
      stranger.send({
        proto: "udp",
        from: { address: "203.0.113.9", port: 500 },
        to: { address: SERVER_IP, port: 500 },
        bytes,
      });
    }
    await w.run(1000);
    const { failures, drops } = server(b);
    const of = (peer: string, code: string): string =>
      failures.find((f) => f.peer === peer && f.code === code)?.text ?? "";
    assert.match(
      of("203.0.113.1", "no-proposal"),
      new RegExp(
        "we accept aes256-sha256-x25519 .*; the peer offers 3des-sha1-modp1024; it offers only weak ones: " +
          "to allow it set ike_proposals = default 3des-sha1-modp1024$",
      ),
    );
    assert.match(of("203.0.113.2", "psk-mismatch"), /pre-shared key probably differs/);
    assert.match(of("203.0.113.3", "auth-failed"), /branch/);
    assert.match(
      of("203.0.113.9", "mode"),
      /asks for aggressive mode, which is not answered here.*ike_mode = aggressive/,
    );
    assert.equal(drops["ike.aggressive"], 2);
    assert.equal(
      b.events.filter((e) => e.kind === "ike.failed" && e.code === "mode").length,
      1,
      "one line a minute for a peer",
    );
    const told: Stage[] = [];
    assert.ok(await b.daemon.doctor("lns", (s) => void told.push(s)));
    assert.equal(told.filter((s) => s.state === "failed").length, failures.length);
  });
  test("doctor asks a server that accepts none of our proposals what it takes, and says what to write", async () => {
    const w = new World();
    const weak = SERVER_CONF.replace("psk =", "ike_proposals = 3des-sha1-modp1024\npsk =");
    const b = w.site(w.net.host("b", [SERVER_IP]), weak);
    const a = w.site(w.net.host("a", ["203.0.113.1"]), clientConf());
    await w.until(() => client(a).error?.code === "no-proposal", 90_000, "a failure", a, b);
    const told: Stage[] = [];
    let up: boolean | null = null;
    void a.daemon
      .doctor("hq", (s) => void told.push(s))
      .then((ok) => {
        up = ok;
      });
    await w.until(() => up !== null, 15_000, "doctor's answer", a, b);
    assert.equal(up, false);
    const said = told.at(-1);
    assert.deepEqual(said?.advice, { option: "ike_proposals", value: "3des-sha1-modp1024", weak: true });
    assert.match(said?.text ?? "", /takes only 3des-sha1-modp1024: weak.*to accept that: ike_proposals = 3des/);
  });
  test("nobody there", async () => {
    const [layer, code, text] = await failure("", SERVER_CONF, (s) => s.replace(SERVER_IP, "198.51.100.9"));
    assert.deepEqual([layer, code], ["ike", "no-answer"]);
    const causes = /: the firewall there .*, the address is not .*, or a provider blocks IKE$/;
    assert.match(text, causes, "the likeliest first");
  });
  test("a name that does not resolve", async () => {
    const [layer, code, text] = await failure("", SERVER_CONF, (s) => s.replace(SERVER_IP, "nowhere.example"));
    assert.deepEqual([layer, code], ["system", "name"]);
    assert.match(text, /nowhere\.example/);
  });
  test("L2TP in the clear to a server that requires IPsec: not one datagram comes back", async () => {
    const w = new World();
    let back = 0;
    w.net.onTrace = (d) => {
      if (d.from.address === SERVER_IP) back++;
    };
    const b = w.site(w.net.host("b", [SERVER_IP]), SERVER_CONF);
    const a = w.site(w.net.host("a", ["203.0.113.1"]), clientConf("ipsec = off").replace("psk = swordfish", ""));
    await w.until(() => client(a).error !== null, 90_000, "a failure", a, b);
    assert.deepEqual([client(a).error?.layer, client(a).error?.code], ["l2tp", "peer-silent"]);
    assert.equal(back, 0);
    assert.equal(server(b).sessions.length, 0);
  });
  test("IKE works and then nothing comes back: the causes that are left", async () => {
    for (const [more, causes] of [
      ["dpd = 0", /: IKE works, so .* may block ESP \(IP protocol 50\): encap = udp/],
      ["dpd = 0\nencap = udp", /: IPsec works, so L2TP is not running there, or/],
    ] as const) {
      const w = new World();
      const b = w.site(w.net.host("b", [SERVER_IP]), SERVER_CONF);
      const a = w.site(w.net.host("a", ["203.0.113.1"]), clientConf(more));
      await w.until(() => client(a).state === "l2tp", 5000, "IKE", a, b);
      w.net.conditions({ loss: 1 });
      await w.until(() => client(a).error !== null, 90_000, "a failure", a, b);
      assert.equal(client(a).error?.code, "peer-silent");
      assert.match(client(a).error?.text ?? "", causes);
    }
  });
  test("a LAC with an asynchronous line is told what LCP agreed on, others are not", async () => {
    for (const asynchronous of [false, true]) {
      const w = new World();
      const told: string[] = [];
      w.net.onTrace = (d) => {
        const text = hex(d.bytes);
        const at = text.indexOf("8008000000000010"); // Message Type SLI
        if (at >= 0 && d.from.address === SERVER_IP) told.push(text.slice(at + 16));
      };
      const clear = (text: string): string => text.replace("psk = swordfish", "ipsec = off");
      const b = w.site(w.net.host("b", [SERVER_IP]), clear(SERVER_CONF));
      const host = w.net.host("a", ["203.0.113.1"]);
      const send = host.send.bind(host);
      const [sync, async] = ["800a0000001300000001", "800a0000001300000002"]; // Framing Type
      host.send = (d) => send(asynchronous ? { ...d, bytes: unhex(hex(d.bytes).replace(sync, async)) ?? d.bytes } : d);
      const a = w.site(host, clear(clientConf()));
      await w.until(() => isUp(a), 5000, "up", a, b);
      await w.run(500);
      assert.deepEqual(told, asynchronous ? ["80100000002300000000000000000000"] : []);
    }
  });
});
