// Somebody else on the machine takes away what the daemon has set: within five seconds it is there again, and the log
// says so.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { scenario, sh, sleep, until } from "./harness.ts";
import { BEHIND, INTERNET, Roads } from "./killswitch.ts";
import { B } from "./sites.ts";

describe("behind the daemon's back", { concurrency: 3 }, () => {
  scenario(
    "routes, rules, addresses, MTU and the link itself of a client come back within 5 s, each with a line",
    { timeout: 120_000 },
    async (lab) => {
      const r = await Roads.make(lab, { defaultroute: "yes", killswitch: "all", dpd: 30 });
      await r.start();
      await r.throughTunnel();
      const a = r.a.name;
      const state = (): Promise<string> =>
        sh(`ip -n ${a} rule; ip -n ${a} -6 rule; ip -n ${a} route show proto 76 table all
      ip -n ${a} -6 route show proto 76 table all
      ip -n ${a} -o addr show dev l2tps-hq
      ip -n ${a} -o link show dev l2tps-hq | grep -o 'mtu [0-9]* \\|,UP[,>]'`).then((s) =>
          s
            .replaceAll(/(stable-privacy )?proto kernel_ll|\\\\?\s+valid_lft.*/g, "")
            .split("\n")
            .map((l) => l.trim())
            .sort()
            .join("\n"),
        );
      const before = await state();
      const changes: [string, string, RegExp][] = [
        [
          "an unreachable route",
          "ip -n $a route del unreachable 10.20.0.0/24 metric 4294967294",
          /restored the unreachable route to 10\.20\.0\.0\/24/,
        ],
        [
          "one of IPv6",
          "ip -n $a -6 route del unreachable fd00:20::/64 metric 4294967294 dev lo",
          /restored the unreachable route to fd00:20::\/64/,
        ],
        ["the host route to the server", `ip -n $a route del ${B}`, /restored the route to 203\.0\.113\.1/],
        [
          "a route into the link",
          "ip -n $a route del 10.20.0.0/24 dev l2tps-hq",
          /restored the route to 10\.20\.0\.0\/24/,
        ],
        [
          "a route in its place",
          "ip -n $a route replace 10.20.0.0/24 dev wan",
          /restored the route to 10\.20\.0\.0\/24/,
        ],
        [
          "the table of the default",
          "ip -n $a route flush table 27698; ip -n $a -6 route flush table 27698",
          /restored the unreachable route to ::\/0/,
        ],
        ["the rules", "ip -n $a rule del priority 202; ip -n $a -6 rule del priority 201", /restored a routing rule/],
        ["all addresses", "ip -n $a addr flush dev l2tps-hq", /restored the address 10\.99\.0\.10 of l2tps-hq/],
        ["the MTU", "ip -n $a link set l2tps-hq mtu 600", /restored the MTU of l2tps-hq, 600 instead of 1400/],
        ["the link, set down", "ip -n $a link set l2tps-hq down", /restored l2tps-hq, which was set down/],
      ];
      for (const [what, command, said] of changes) {
        const mark = r.client.mark;
        await sh(command.replaceAll("$a", a));
        if (what === "a route in its place") await sleep(50);
        const t = Date.now();
        await r.client.proc.line(said, 5000, mark).catch((e: Error) => assert.fail(`${what}: ${e.message}`));
        if (what === "a route in its place") await sh(`ip -n ${a} route del 10.20.0.0/24 dev wan`);
        let now = "";
        const again = async (): Promise<boolean> => {
          now = await state();
          return now === before;
        };
        await until(`${what} is there again`, 5000 - (Date.now() - t), again).catch(async (e: Error) =>
          assert.fail(`${what}: ${e.message}\n${now}\n--- before\n${before}`),
        );
      }
      await r.throughTunnel();
      assert.doesNotMatch(r.client.log, /link\.down/);
    },
  );

  scenario(
    "another daemon that insists: the log is not flooded, and when it is gone the route stays",
    { timeout: 120_000 },
    async (lab) => {
      const r = await Roads.make(lab, { defaultroute: "yes", killswitch: "all", dpd: 30 });
      await r.start();
      const mark = r.client.mark;
      const loop =
        `while ip -n ${r.a.name} route show | grep -q .; do ip -n ${r.a.name} route del unreachable ` +
        "10.20.0.0/24 metric 4294967294 2>/dev/null; sleep 0.1; done";
      const other = lab.spawn("other", "sh", ["-c", loop], { group: true });
      await sleep(9000);
      await other.stop("SIGKILL");
      const lines = r.client.log.slice(mark).match(/restored the unreachable route to 10\.20\.0\.0\/24/g) ?? [];
      assert.ok(lines.length >= 2 && lines.length <= 5, `${lines.length} lines in 9 s`);
      await until("the route", 12_000, async () => /unreachable 10\.20\.0\.0\/24/.test(await r.a.routes()));
    },
  );

  scenario(
    "netdevs deleted: the client's link dials again; the server's sessions end with a sentence, and it is open again",
    { timeout: 120_000 },
    async (lab) => {
      const r = await Roads.make(lab, { defaultroute: "yes", killswitch: "all" });
      await r.start();
      let mark = r.client.mark;
      await r.a.must("ip", "link", "del", "l2tps-hq");
      await r.client.event("hq", "link.down", 5000, mark);
      await r.client.waitUp("hq", 15_000, mark);
      await r.throughTunnel();
      mark = r.client.mark;
      const at = r.server.mark;
      await r.b.must("ip", "link", "del", "l2tps-lns");
      const down = await r.server.event("lns", "session.down", 5000, at);
      assert.match(down[0], /l2tps-lns is gone/);
      await r.server.event("lns", "link.up", 5000, at);
      assert.equal(await r.b.hasDevice("l2tps-lns"), true);
      await r.client.waitUp("hq", 30_000, mark);
      await r.throughTunnel();
      // A user's routes, of both versions.
      for (const [del, said] of [
        ["route del 10.10.0.0/24", /restored the route to 10\.10\.0\.0\/24/],
        ["-6 route del fd00:10::/64", /restored the route to fd00:10::\/64/],
      ] as const) {
        const m = r.server.mark;
        await sh(`ip -n ${r.b.name} ${del}`);
        await r.server.proc.line(said, 5000, m);
      }
      await r.leaked(
        `host ${BEHIND[0]} or host ${BEHIND[1]} or host ${INTERNET[0]} or host ${INTERNET[1]}`,
        "while the netdevs were gone",
      );
    },
  );
});
