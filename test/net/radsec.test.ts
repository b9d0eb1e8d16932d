// RADIUS over TLS against Debian's freeradius: logins and accounting, whom either side trusts, and a server that dies.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { TestCa } from "../x509/ca.ts";
import { Daemon, type Section } from "./daemon.ts";
import { FreeRadius, RADIUS_NEEDS, SECRET } from "./freeradius.ts";
import { PROGRAM, run, scenario, until } from "./harness.ts";
import { clientConfig, PASSWORD, serverConfig, two } from "./sites.ts";

const NEEDS = { needs: ["daemon", ...RADIUS_NEEDS], timeout: 90_000 };
const USERS = `branch1 Cleartext-Password := "${PASSWORD}"
	Framed-IP-Address = 10.99.0.7
`;
const DAY = 86_400_000;
const [FROM, TO] = [Date.now() - 10 * DAY, Date.now() + 30 * DAY];
const ip = (text: string): { altNames: { type: number; text: string }[] } => ({ altNames: [{ type: 1, text }] });

describe("RADIUS over TLS", () => {
  scenario(
    "freeradius: who is trusted, a login, accounting, and its death in the middle of one",
    NEEDS,
    async (lab) => {
      const { a, b } = await two(lab);
      const ca = new TestCa("CN=radius CA", { notBefore: FROM, notAfter: TO });
      const other = new TestCa("CN=another CA", { notBefore: FROM, notAfter: TO });
      const life = { notBefore: FROM, notAfter: TO };
      const nas = ca.client("nas", life);
      const good = new FreeRadius(b, "127.0.0.1", USERS, {
        own: ca.server("radius.example", {
          ...life,
          altNames: [{ type: 2, text: "radius.example" }, ...ip("127.0.0.1").altNames],
        }),
        ca: ca.own,
      });
      const late = new FreeRadius(b, "127.0.0.2", USERS, {
        own: ca.server("late", { ...ip("127.0.0.2"), notBefore: FROM, notAfter: Date.now() - DAY }),
        ca: ca.own,
      });
      const udp = new FreeRadius(b, "127.0.0.3", USERS.replace("10.99.0.7", "10.99.0.8"));
      await Promise.all([good.start(), late.start(), udp.start()]);
      const stranger = other.client("nas", life);
      const tls: Section = {
        address: "127.0.0.1",
        tls: "yes",
        tls_ca: lab.write("ca.pem", ca.own.pem),
        tls_cert: lab.write("nas.pem", nas.pem),
        tls_key: lab.write("nas.key", Buffer.from(nas.key).toString()),
      };
      const lns = new Daemon(b, "lns", {
        ...serverConfig({ users: "radius", radius: "one udp" }),
        "radius one": tls,
        "radius udp": { address: "127.0.0.3", secret: SECRET },
        "radius named": { ...tls, tls_name: "radius.example" },
        "radius wrong": { ...tls, tls_name: "elsewhere.example" },
        "radius late": { ...tls, address: "127.0.0.2" },
        "radius stranger": {
          ...tls,
          tls_cert: lab.write("stranger.pem", stranger.pem),
          tls_key: lab.write("stranger.key", Buffer.from(stranger.key).toString()),
        },
        "radius nobody": { ...tls, port: 2084 },
      });
      assert.equal((await run(PROGRAM[0], [...PROGRAM.slice(1), "check", "--config", lns.file])).code, 0);
      await lns.start();
      const given = lab.write("given", `${PASSWORD}\n`);
      const ask = async (name: string): Promise<string> => {
        const words = [...PROGRAM, "radius", "test", name, "branch1", "--socket", lns.socket];
        const r = await run("sh", ["-c", `exec "$@" < ${given}`, "sh", ...words]);
        return `${r.code} ${r.stdout}${r.stderr}`;
      };
      assert.match(
        await ask("named"),
        /^0 the RADIUS server named accepts user "branch1", with the address 10\.99\.0\.7/,
      );
      const about = /^1 the RADIUS server \w+ \(127\.0\.0\.\d\) cannot be asked: /;
      for (const [name, why] of [
        ["wrong", /its certificate is not accepted: [Hh]ostname mismatch; check tls_ca, tls_name and the clock/],
        ["late", /its certificate is not accepted: certificate has expired/],
        ["stranger", /certificate \(tls_cert\)/],
        ["nobody", /no TLS: connection refused/],
      ] as const) {
        const said = await ask(name);
        assert.match(said, about);
        assert.match(said, why);
      }

      const c = new Daemon(a, "c", clientConfig());
      await c.start();
      assert.equal((await c.waitUp("hq")).local_ip, "10.99.0.7");
      const types = (of: FreeRadius): string =>
        of
          .records()
          .map((r) => r["Acct-Status-Type"])
          .join(" ");
      await until("a start", 5000, () => types(good) === "Accounting-On Start");
      assert.equal((await lns.serverStatus("lns")).radius?.[0]?.state, "ok");

      // It has the question, and dies: the other is asked at once.
      await c.cli("down", "hq");
      await until("a stop", 5000, () => types(good) === "Accounting-On Start Stop");
      process.kill(good.pid, "SIGSTOP");
      const { mark } = c;
      await c.cli("up", "hq");
      await c.proc.line(/ppp\.lcp-up/, 10_000, mark);
      await good.kill();
      const dead = Date.now();
      assert.equal((await c.waitUp("hq", 15_000, mark)).local_ip, "10.99.0.8");
      assert.ok(Date.now() - dead < 3500, `${Date.now() - dead} ms`);
      await until("a start at the other", 5000, () => types(udp).includes("Start"));
      const [first] = (await lns.serverStatus("lns")).radius ?? [];
      assert.equal(first?.state, "silent");
      assert.match(first.why, /^(no TLS: connection refused|it closed the connection)/); // its kernel was still at it
      assert.ok(!lns.log.includes(PASSWORD));
    },
  );
});
