// A capture on real links, read by the real tshark: what passes is in it, names and secrets are not; the link lives on.
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { describe } from "node:test";
import { PROGRAM, run, scenario, sleep } from "./harness.ts";
import { clientConfig, PASSWORD, PSK, pair, serverConfig, two } from "./sites.ts";

const needs = { needs: ["daemon", "tshark"] };

describe("capture", { concurrency: 2 }, () => {
  for (const ipsec of ["required", "off"] as const) {
    scenario(`a link with ipsec = ${ipsec}: PPP frames and L2TP control, both ways, both sides`, needs, async (lab) => {
      const { a, b } = await two(lab);
      const more = ipsec === "off" ? { psk: "", ipsec, auth: "chap mschapv2" } : {};
      const client = ipsec === "off" ? { psk: "", ipsec } : {};
      const both = await pair(a, b, clientConfig(client), serverConfig(more));
      await both.client.start();
      await both.client.waitUp("hq");
      const capture = (socket: string, name: string, file: string) =>
        lab.spawn(`capture ${name}`, PROGRAM[0], [
          ...PROGRAM.slice(1),
          "capture",
          name,
          "-w",
          file,
          "--seconds",
          "9",
          "--socket",
          socket,
        ]);
      const files = [`${lab.dir}/client.pcapng`, `${lab.dir}/server.pcapng`] as const;
      const taken = [capture(both.client.socket, "hq", files[0]), capture(both.server.socket, "lns", files[1])];
      await sleep(800);
      assert.equal((await a.ping("10.99.0.1", 3)).received, 3);
      assert.equal((await both.client.cli("down", "hq")).code, 0);
      await sleep(1500);
      assert.equal((await both.client.cli("up", "hq")).code, 0);
      await both.client.statusWhere("hq", "is up", 15_000, (s) => s.state === "up");
      assert.equal((await a.ping("10.99.0.1", 2)).received, 2);
      const second = await both.client.cli("capture", "hq", "-w", `${lab.dir}/second`);
      assert.match(second.stderr, /is being captured already/);
      assert.equal(second.code, 1);
      assert.equal(existsSync(`${lab.dir}/second`), false);
      for (const t of taken) await t.exited;
      for (const file of files) {
        assert.equal(statSync(file).mode & 0o777, 0o600);
        const raw = readFileSync(file).toString("latin1");
        for (const secret of ["branch1", PASSWORD, PSK]) assert.ok(!raw.includes(secret), `${secret} in ${file}`);
        const r = await run("tshark", ["-r", file, "-T", "fields", "-e", "frame.protocols", "-e", "_ws.col.Info"]);
        assert.equal(r.code, 0, r.stderr);
        for (const what of [
          /Echo \(ping\) request/,
          /Echo \(ping\) reply/,
          /lcp.*Configuration Request/i,
          /ipcp/,
          /chap/,
        ])
          assert.match(r.stdout, what);
        assert.match(r.stdout, /SCCRQ|Start_Control_Request/i);
        assert.doesNotMatch(r.stdout, /Malformed/);
      }
      // When nobody looks any more, packets pass beside TypeScript again.
      assert.equal((await a.ping("10.99.0.1", 2)).received, 2);
    });
  }
});
