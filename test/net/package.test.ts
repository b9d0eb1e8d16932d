// The router's package, and a router with a modem.
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe } from "node:test";
// @ts-expect-error: a script without types
import { daemonIpk, executable } from "../../scripts/ipk.mjs";
import { VERSION } from "../../src/version.ts";
import { run, scenario, until } from "./harness.ts";
import { netifdDouble, network, Router } from "./router.ts";

describe("the package", () => {
  const EXE = "dist/l2tpsec";
  scenario(
    "the daemon starts from the unpacked .ipk, with its own configuration",
    { needs: ["daemon"] },
    async (lab) => {
      if (!existsSync(EXE)) return console.log(`# there is no ${EXE}`);
      const ns = await lab.ns("pkg");
      const { data, arch } = executable({ L2TPSEC: EXE, ARCH: "x86_64" }) as { data: Uint8Array; arch: string };
      writeFileSync(`${lab.dir}/p.ipk`, daemonIpk({ data, arch }, VERSION) as Uint8Array);
      for (const f of ["p.ipk", "data.tar.gz"])
        assert.equal((await run("tar", ["-C", lab.dir, "-xzf", `${lab.dir}/${f}`])).code, 0);
      appendFileSync(
        `${lab.dir}/etc/config/l2tpsec`,
        `\nconfig daemon 'daemon'\n\toption control '${lab.dir}/pkg.sock'\n\toption ubus 'off'\n`,
      );
      writeFileSync(`${lab.dir}/etc/config/network`, "");
      const p = lab.spawn("package", "ip", [
        "netns",
        "exec",
        ns.name,
        `${lab.dir}/usr/sbin/l2tpsec`,
        "run",
        "--uci",
        `${lab.dir}/etc/config`,
        "--foreground",
      ]);
      await p.line(/daemon\.ready/, 5000);
      await p.stop("SIGTERM");
      assert.doesNotMatch(p.output, /error|warn/);
    },
  );

  scenario(
    "without libcrypto the init script says so in one line, and starts nothing",
    { needs: ["daemon", "busybox"] },
    async (lab) => {
      if (!existsSync(EXE)) return console.log(`# there is no ${EXE}`);
      const lib = (
        await run("sh", ["-c", "ldconfig -p | sed -n 's/.*libcrypto.so.3 .*=> //p' | head -n 1"])
      ).stdout.trim();
      const log = `${lab.dir}/log`;
      const start =
        `mount --bind /dev/null '${lib}' && LOG='${log}' FAKE_PROG='${process.cwd()}/${EXE}' busybox sh ` +
        "test/openwrt/standin/rc.common openwrt/l2tpsec/files/etc/init.d/l2tpsec start";
      assert.equal((await run("unshare", ["-m", "sh", "-c", start])).code, 1);
      assert.match(
        readFileSync(log, "utf8"),
        /^logger -t l2tpsec -p daemon\.err not started: .*\/l2tpsec does not run here: l2tpsec: libcrypto\.so\.3.*\n$/,
      );
    },
  );
});

describe("a router with a modem", () => {
  scenario(
    "ifup: handler, daemon, serial line, update; ifdown within 5 s",
    { needs: ["daemon", "busybox"] },
    async (lab) => {
      const r = await Router.make(lab);
      r.write("network", network() + (await r.nas()));
      const netifd = await netifdDouble(r);
      netifd.add("modem", "nasdial");
      await r.startDaemon();
      const t = performance.now();
      netifd.up("modem");
      await until("the update", 15_000, () => netifd.at("modem").state === "up");
      console.log(`# handler to update over a serial line: ${(performance.now() - t).toFixed(0)} ms`);
      const [update] = netifd.at("modem").updates;
      const device = (update?.["data"] as { device?: string } | undefined)?.device ?? "";
      assert.deepEqual(update, {
        action: 0,
        ifname: "nas-modem",
        "link-up": true,
        "address-external": true,
        keep: false,
        ipaddr: [{ ipaddr: "10.7.0.2", mask: "32", ptp: "10.7.0.1" }],
        routes: [{ target: "0.0.0.0", netmask: "0" }],
        dns: ["10.7.0.53"],
        data: { device, mtu: 1500 },
        interface: "modem",
      });
      assert.match(device, /^\/dev\/pts\//);
      assert.equal((await r.ns.ping("10.7.0.1", 2)).received, 2);
      // The tunnel of the same router is another interface, and not touched by this one.
      netifd.up("hq");
      await until("hq", 10_000, () => netifd.at("hq").state === "up");
      netifd.down("modem");
      await until("down", 5000, () => netifd.at("modem").state === "down");
      assert.deepEqual(
        [await r.ns.hasDevice("nas-modem"), netifd.at("hq").state, netifd.at("hq").updates.length],
        [false, "up", 1],
      );
    },
  );
});
