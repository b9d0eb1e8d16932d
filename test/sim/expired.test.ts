// Whole daemons, and a password that RADIUS says has expired: it is changed, kept, and found again after a restart.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { load } from "../../src/config/load.ts";
import { RadiusNet } from "../radius/double.ts";
import { Expiring } from "../radius/expired.ts";
import { client, type Site, server, World } from "./world.ts";

const SERVER = (auth: string): string => `
[server lns]
listen = 198.51.100.2
psk = swordfish
pool = 10.99.0.10-10.99.0.12
local_ip = 10.99.0.1
users = radius
auth = ${auth}

[radius one]
address = 192.0.2.1
secret = xyzzy5461
`;
const NEXT = "second rosebud";
const CLIENT = (more: string): string => `
[interface hq]
proto = l2tpsec
server = 198.51.100.2
username = nemo
psk = swordfish
${more}`;
const BOTH = `password = arctangent\nnew_password = ${NEXT}`;

function company(auth: string, more = BOTH) {
  const w = new World();
  const radius = new RadiusNet(w.clock);
  const users = new Expiring();
  for (const port of [1812, 1813]) radius.servers.set(`192.0.2.1 ${port}`, users.serve);
  const s = w.site(w.net.host("lns", ["198.51.100.2"]), SERVER(auth), { udp: radius });
  const call = (text = more): Site => w.site(w.net.host("c", ["198.51.100.10"]), CLIENT(text));
  const up = (c: Site, ms = 60_000): Promise<number> =>
    w.until(() => client(c).state === "up" && server(s).sessions.length > 0, ms, "the link", c, s);
  return { w, s, users, radius, call, up };
}
const stage = (c: Site): string => client(c).stages.find((x) => x.name === "ppp")?.text ?? "";

describe("an expired password", () => {
  for (const auth of ["mschapv2", "mschap"]) {
    test(`${auth}: changed at once, used for redials, and status says what to do`, async () => {
      const { w, s, users, call, up } = company(auth);
      const c = call();
      await up(c, 10_000);
      assert.equal(users.password, NEXT);
      assert.match(stage(c), /; the server has the new password: put it into password, and remove new_password$/);
      const said = (): number => c.lines.filter((l) => l.includes("the server has the new password")).length;
      assert.equal(said(), 1);
      s.daemon.stop("test", () => {});
      await w.run(3000);
      await w.until(() => client(c).state !== "up", 60_000, "the end", c);
      const again = w.site(s.host, SERVER(auth), {
        udp: (() => {
          const net = new RadiusNet(w.clock);
          for (const port of [1812, 1813]) net.servers.set(`192.0.2.1 ${port}`, users.serve);
          return net;
        })(),
      });
      await w.until(() => client(c).state === "up", 120_000, "the redial", c, again);
      assert.equal(again.lines.filter((l) => /ppp\.auth.*ok=false/.test(l)).length, 0, "the new one is the first");
      assert.doesNotMatch([...c.lines, ...s.lines, ...again.lines].join("\n"), /arctangent|rosebud/);
      assert.doesNotMatch(JSON.stringify([client(c), server(again)]), /arctangent|rosebud/);
    });
  }
  test("without new_password: what to do; then the option, and the link is up", async () => {
    const { w, s, call, up } = company("mschapv2", "password = arctangent");
    const c = call();
    await w.until(() => client(c).error !== null, 20_000, "the refusal", c, s);
    assert.equal(client(c).error?.code, "password-expired");
    assert.match(client(c).error?.text ?? "", /set new_password to change it/);
    assert.match(s.lines.join("\n"), /the RADIUS server one says that the password has expired of user/);
    assert.equal(server(s).drops["login.wrong"] ?? 0, 0);
    c.reload(CLIENT(BOTH));
    await w.run(3000);
    await up(c);
  });
  test("after a restart the old one is refused, and the new one is tried", async () => {
    const { users, call, up } = company("mschapv2");
    users.password = NEXT;
    users.expired = false;
    const c = call();
    await up(c, 90_000);
    assert.match(stage(c), /put it into password/);
  });
  test("a new password that RADIUS does not take", async () => {
    const { w, s, users, call } = company("mschapv2", "password = arctangent\nnew_password = short");
    const c = call();
    await w.until(() => client(c).error !== null, 20_000, "the refusal", c, s);
    assert.deepEqual([client(c).error?.code, users.password], ["password-change-failed", "arctangent"]);
    assert.match(client(c).error?.text ?? "", /does not take new_password \(E=709\).*too simple/);
  });
  test("both wrong: each has its turn, with the pauses of a wrong password", async () => {
    const { w, s, users, radius, call } = company("mschapv2");
    users.password = "another one";
    users.expired = false;
    const c = call();
    await w.run(600_000);
    assert.notEqual(client(c).state, "up");
    const asked = radius.asked.filter((q) => q.packet.code === 1).length;
    assert.ok(asked >= 3 && asked <= 8, `${asked} questions in ten minutes`);
    assert.equal(server(s).sessions.length, 0);
  });
});
test("new_password without a password whose place it could take is a fault", () => {
  const r = load(CLIENT(`new_password = ${NEXT}`));
  assert.match(r.ok ? "" : r.faults.map((f) => `${f.where}: ${f.why}`).join(), /interface hq\.new_password: has no/);
});
