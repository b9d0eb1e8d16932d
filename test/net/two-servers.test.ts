// Two servers that share their users by RADIUS, and are two addresses of one name: one dies, and all are back soon.
//
//   a1 a2 a3 (198.51.100.N) -- mid, a router with freeradius -- b1 (203.0.113.1), b2 (192.0.2.1)
import assert from "node:assert/strict";
import { describe } from "node:test";
import { Daemon } from "./daemon.ts";
import { FreeRadius, RADIUS_NEEDS, SECRET } from "./freeradius.ts";
import { scenario } from "./harness.ts";
import { clientConfig, PASSWORD, serverConfig } from "./sites.ts";

const SERVERS = ["203.0.113.1", "192.0.2.1"] as const;
const CLIENTS = [2, 3, 4];
const USERS = CLIENTS.map((n) => `user${n} Cleartext-Password := "${PASSWORD}"\n\tFramed-IP-Address = 10.99.0.${n}\n`);

describe("two servers behind one name", () => {
  scenario(
    "one is killed: with keepalive = 3 2 all clients are at the other within 15 s, with the same address",
    { needs: ["daemon", ...RADIUS_NEEDS] },
    async (lab) => {
      const mid = await lab.ns("mid");
      const radius = new FreeRadius(mid, "0.0.0.0", USERS.join("\n"));
      const servers = await Promise.all(
        SERVERS.map(async (at, i) => {
          const b = await lab.ns(`b${i + 1}`);
          const router = at.replace(/1$/, "254");
          await b.link("wan", `${at}/24`, mid, `right${i}`, `${router}/24`);
          await b.route("default", router);
          const config = serverConfig({ listen: at, users: "radius" });
          return new Daemon(b, `lns${i + 1}`, { ...config, "radius one": { address: router, secret: SECRET } });
        }),
      );
      const clients = await Promise.all(
        CLIENTS.map(async (n) => {
          const a = await lab.ns(`a${n}`);
          await a.link("wan", `198.51.${n}.2/24`, mid, `left${n}`, `198.51.${n}.1/24`);
          await a.route("default", `198.51.${n}.1`);
          const defaults = { reconnect_min: 2, reconnect_max: 120 };
          const own = { server: SERVERS.join(" "), username: `user${n}`, keepalive: "3 2" };
          const config = clientConfig({ ...defaults, ...own });
          return new Daemon(a, `c${n}`, config);
        }),
      );
      await radius.start();
      await Promise.all(servers.map((s) => s.start()));
      await Promise.all(clients.map((c) => c.start()));
      const addresses = await Promise.all(clients.map(async (c) => (await c.waitUp("hq")).local_ip));
      const marks = clients.map((c) => c.mark);
      await servers[0]?.kill();
      const dead = Date.now();
      const again = await Promise.all(clients.map((c, i) => c.waitUp("hq", 20_000, marks[i])));
      const took = Date.now() - dead;
      console.log(`# all back after ${took} ms`);
      assert.ok(took < 15_000, `${took} ms`);
      assert.deepEqual(
        again.map((s) => [s.server, s.local_ip]),
        addresses.map((ip) => [SERVERS[1], ip]),
      );
      for (const c of clients) assert.equal((await c.ns.ping("10.99.0.1", 2, 0.1)).received, 2);
    },
  );
});
