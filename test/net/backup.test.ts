// A backup link: two servers, one of which dies and comes back.
import assert from "node:assert/strict";
import { Daemon } from "./daemon.ts";
import { scenario, until } from "./harness.ts";
import { B, clientSection, serverConfig } from "./sites.ts";

const OTHER = "203.0.113.9";

scenario(
  "the first server dies: the backup comes within its time, with the routes; that one returns: the backup goes",
  { needs: ["daemon"] },
  async (lab) => {
    const [a, mid, b, c] = await Promise.all([lab.ns("a"), lab.ns("mid"), lab.ns("b"), lab.ns("c")]);
    await a.link("wan", "198.51.100.2/24", mid, "left", "198.51.100.1/24");
    await b.link("wan", `${B}/25`, mid, "right", "203.0.113.126/25");
    await c.link("wan", "203.0.113.129/25", mid, "far", "203.0.113.254/25");
    await c.must("ip", "addr", "add", `${OTHER}/32`, "dev", "lo");
    await mid.must("ip", "route", "add", `${OTHER}/32`, "via", "203.0.113.129");
    await a.route("default", "198.51.100.1");
    await b.route("default", "203.0.113.126");
    await c.route("default", "203.0.113.254");
    // The same network behind both servers; each has its own address of it.
    for (const ns of [b, c]) await ns.must("ip", "addr", "add", "10.2.0.1/32", "dev", "lo");
    const server = (listen: string, local_ip: string) => ({ ...serverConfig({ listen, local_ip }) });
    const hq = new Daemon(b, "hq", server(B, "10.99.0.1"));
    const other = new Daemon(c, "other", server(OTHER, "10.99.0.2"));
    await Promise.all([hq.start(), other.start()]);
    const quick = { dpd: 2, hello: 2, keepalive: "2 1", routes: "10.2.0.0/16" };
    const client = new Daemon(a, "client", {
      "interface hq": clientSection(quick),
      "interface spare": clientSection({
        ...quick,
        server: OTHER,
        fallback_for: "hq",
        fallback_after: 3,
        fallback_hold: 4,
      }),
    });
    await client.start();
    await client.waitUp("hq");
    const through = async (): Promise<string> => (await a.must("ip", "route", "get", "10.2.0.1")).split("\n")[0] ?? "";
    assert.match(await through(), /dev l2tps-hq /);
    assert.match((await client.cli("status", "spare")).stdout, /^spare: down .*\n(.*\n)* {2}waits: hq is up\n/);

    await hq.proc.stop("SIGKILL");
    await client.event("hq", "link.down", 15_000);
    const down = Date.now();
    await client.event("spare", "link.up", 15_000);
    assert.ok(Date.now() - down >= 2500, "not before its time");
    assert.match(await through(), /dev l2tps-spare /);
    assert.equal((await a.ping("10.2.0.1", 3, 0.1)).received, 3);
    assert.match((await client.cli("status", "spare")).stdout, / {2}stands in: hq is down\n/);

    const { mark } = client;
    await hq.start();
    await client.event("hq", "link.up", 20_000, mark);
    const up = Date.now();
    await client.event("spare", "link.down.*main-up", 15_000, mark);
    assert.ok(Date.now() - up >= 3500, "not before its time");
    await until("the backup's netdev is gone", 5000, async () => !(await a.hasDevice("l2tps-spare")));
    assert.match(await through(), /dev l2tps-hq /);
    assert.equal((await a.ping("10.2.0.1", 3, 0.1)).received, 3);
    assert.match(client.log.slice(mark), /spare: link\.backup text="waits: hq is up"/);
    assert.doesNotMatch(client.log, /network\.restored|daemon\.fault/);
  },
);
