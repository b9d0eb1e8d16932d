// LuCI's way to the daemon: real rpcd with our ACL, and uhttpd. router.ts says how they are given.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe } from "node:test";
import type { Table, Ubus } from "ubus-client";
import { scenario, until } from "./harness.ts";
import { network, Router, RPCD, UBUSD, UHTTPD } from "./router.ts";
import { PASSWORD, PSK } from "./sites.ts";

describe("with a real rpcd", {
  skip: UBUSD === undefined || RPCD === undefined ? "UBUSD and RPCD are not given" : false,
}, () => {
  const ACL = "openwrt/luci-app-l2tpsec/root/usr/share/rpcd/acl.d/luci-app-l2tpsec.json";
  const HASH = "$5$router$zloDNG1ztTnvj13Wg5Sj8Io2uMa4nkPcy8rFS3flGI1"; // of rpcd-test
  const NOBODY = "00000000000000000000000000000000";
  /** rpcd with our ACL and two logins, in a mount namespace where /etc and its own folder of ACLs are the test's. */
  async function start(r: Router): Promise<Ubus> {
    const { dir } = r.lab;
    const acls = `${dirname(dirname(RPCD ?? ""))}/share/rpcd/acl.d`;
    for (const d of ["etc", "etc/config", "acl"]) mkdirSync(`${dir}/${d}`);
    copyFileSync(ACL, `${dir}/acl/luci-app-l2tpsec.json`);
    // As rpcd brings it and as LuCI does: who may log in, and who may read settings that have an ACL of their own.
    writeFileSync(
      `${dir}/acl/unauthenticated.json`,
      JSON.stringify({ unauthenticated: { read: { ubus: { session: ["access", "login"] } } } }),
    );
    writeFileSync(
      `${dir}/acl/luci-base.json`,
      JSON.stringify({
        "luci-base": {
          read: { ubus: { file: ["exec", "read"], uci: ["get"] } },
          write: { ubus: { uci: ["set", "add", "delete"] } },
        },
      }),
    );
    writeFileSync(`${dir}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\n");
    writeFileSync(`${dir}/etc/config/l2tpsec`, "config user 'alice'\n\toption password 'of-alice'\n", { mode: 0o600 });
    writeFileSync(`${dir}/etc/config/network`, network(), { mode: 0o600 });
    writeFileSync(
      `${dir}/etc/config/rpcd`,
      ["read", "write"]
        .map((w) => `config login\n\toption username '${w}'\n\toption password '${HASH}'\n\tlist ${w} 'luci-*'\n`)
        .join("\n"),
    );
    const script =
      `mount --bind '${dir}/etc' /etc && mkdir -p '${acls}' && mount --bind '${dir}/acl' '${acls}' && exec ` +
      `'${RPCD}' -s '${r.bus}'`;
    r.lab.spawn("rpcd", "unshare", ["-m", "sh", "-c", script], { env: r.env });
    const bus = r.client();
    await until("rpcd", 5000, async () => (await bus.lookup("session").catch(() => [])).length > 0);
    return bus;
  }
  async function login(bus: Ubus, username: string): Promise<string> {
    return (await bus.call("session", "login", { username, password: "rpcd-test" }))?.["ubus_rpc_session"] as string;
  }

  scenario(
    "sessions: the ACL grants what the pages call, a reader no more than to look",
    { needs: ["daemon", "unshare"] },
    async (lab) => {
      const r = await Router.make(lab);
      await r.startDaemon();
      const bus = await start(r);
      const reader = await login(bus, "read");
      const writer = await login(bus, "write");
      const may = async (sid: string, scope: string, object: string, fn: string): Promise<unknown> =>
        (await bus.call("session", "access", { ubus_rpc_session: sid, scope, object, function: fn }))?.["access"];
      const rights = (sid: string): Promise<unknown[]> =>
        Promise.all([
          ...["status", "up", "down", "doctor", "disconnect", "reload", "setup", "teardown"].map((m) =>
            may(sid, "ubus", "l2tpsec", m),
          ),
          ...["peer_config", "import", "capture", "capture_read", "capture_stop"].map((m) =>
            may(sid, "ubus", "l2tpsec", m),
          ),
          may(sid, "uci", "l2tpsec", "read"),
          may(sid, "uci", "l2tpsec", "write"),
          may(sid, "uci", "network", "read"),
          // Both are asked by cgi-io, which runs logread for the page.
          may(sid, "cgi-io", "exec", "read"),
          may(sid, "file", "/sbin/logread -e l2tpsec", "exec"),
          may(sid, "file", "/sbin/logread", "exec"),
          may(sid, "file", "/etc/config/l2tpsec", "read"),
        ]);
      const [T, F] = [true, false];
      assert.deepEqual(await rights(writer), [T, T, T, T, T, F, F, F, T, T, T, T, T, T, T, T, T, T, F, F]);
      assert.deepEqual(await rights(reader), [T, F, F, F, F, F, F, F, F, F, F, F, F, T, F, T, T, T, F, F]);
      assert.deepEqual(await rights(NOBODY), Array(20).fill(F));
      // rpcd itself enforces what is said of settings and files. As everywhere in LuCI, who may read settings reads
      // their secrets.
      const denied = { status: 6 };
      assert.equal(
        (
          await bus.call("uci", "get", {
            ubus_rpc_session: reader,
            config: "l2tpsec",
            section: "alice",
            option: "password",
          })
        )?.["value"],
        "of-alice",
      );
      await assert.rejects(
        bus.call("uci", "set", {
          ubus_rpc_session: reader,
          config: "l2tpsec",
          section: "alice",
          values: { password: "x" },
        }),
        denied,
      );
      await assert.rejects(bus.call("uci", "get", { ubus_rpc_session: writer, config: "network" }), denied);
      await assert.rejects(bus.call("file", "read", { ubus_rpc_session: writer, path: "/etc/config/l2tpsec" }), denied);
      // What uhttpd adds to every call is nothing to the daemon.
      assert.deepEqual(Object.keys((await bus.call("l2tpsec", "status", { ubus_rpc_session: reader })) ?? {}), ["hq"]);
    },
  );

  scenario(
    "over HTTP: status for a reader, up and down for a writer only",
    { needs: ["daemon", "unshare", "curl"] },
    async (lab, t) => {
      if (UHTTPD === undefined) return t.skip("UHTTPD is not given");
      const r = await Router.make(lab);
      await r.startDaemon();
      const bus = await start(r);
      mkdirSync(`${lab.dir}/www`);
      const args = [
        "netns",
        "exec",
        r.ns.name,
        UHTTPD,
        "-f",
        "-p",
        "127.0.0.1:8080",
        "-h",
        `${lab.dir}/www`,
        "-u",
        "/ubus",
        "-U",
        r.bus,
      ];
      lab.spawn("uhttpd", "ip", args, { env: r.env });
      const post = async (
        sid: string,
        object: string,
        method: string,
        params: object = {},
      ): Promise<{ error?: { code: number }; result?: [number, Record<string, unknown>?] }> => {
        const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "call", params: [sid, object, method, params] });
        return JSON.parse(
          await r.ns.must(
            "curl",
            "-s",
            "-H",
            "Content-Type: application/json",
            "--data",
            body,
            "http://127.0.0.1:8080/ubus",
          ),
        );
      };
      await until("uhttpd", 5000, () =>
        post(NOBODY, "session", "access").then(
          () => true,
          () => false,
        ),
      );
      const logged = async (username: string): Promise<string> =>
        (await post(NOBODY, "session", "login", { username, password: "rpcd-test" })).result?.[1]?.[
          "ubus_rpc_session"
        ] as string;
      const [reader, writer] = [await logged("read"), await logged("write")];
      const said = await post(reader, "l2tpsec", "status");
      assert.deepEqual([said.result?.[0], Object.keys(said.result?.[1] ?? {})], [0, ["hq"]]);
      assert.doesNotMatch(JSON.stringify(said), new RegExp(`${PSK}|${PASSWORD}`));
      for (const [method, params] of [
        ["up", { name: "hq" }],
        ["down", { name: "hq" }],
        ["doctor", { name: "hq" }],
        ["disconnect", { session: 1 }],
      ] as const) {
        assert.equal((await post(reader, "l2tpsec", method, params)).error?.code, -32002, method);
        assert.equal((await post(NOBODY, "l2tpsec", method, params)).error?.code, -32002, method);
      }
      for (const method of ["setup", "teardown"])
        assert.equal((await post(writer, "l2tpsec", method, { name: "hq" })).error?.code, -32002, method);
      assert.equal((await post(NOBODY, "l2tpsec", "status")).error?.code, -32002);
      const state = async (): Promise<unknown> => {
        const hq = (await post(reader, "l2tpsec", "status", { name: "hq" })).result?.[1]?.["hq"] as Table;
        return hq["state"];
      };
      assert.deepEqual((await post(writer, "l2tpsec", "up", { name: "hq" })).result, [0]);
      await until("up", 10_000, async () => (await state()) === "up");
      assert.deepEqual((await post(writer, "l2tpsec", "down", { name: "hq" })).result, [0]);
      assert.notEqual(await state(), "up");
      const doctor = (await post(writer, "l2tpsec", "doctor", { name: "hq" })).result;
      assert.deepEqual([doctor?.[0], doctor?.[1]?.["ok"]], [0, true]);
      assert.equal((await post(writer, "l2tpsec", "disconnect", { session: 77 })).result?.[0], 4);
      assert.equal((await post(writer, "l2tpsec", "disconnect", { session: "77" })).result?.[0], 2);
      await bus.call("session", "destroy", { ubus_rpc_session: writer });
      assert.equal((await post(writer, "l2tpsec", "up", { name: "hq" })).error?.code, -32002, "the session has ended");
    },
  );
});
