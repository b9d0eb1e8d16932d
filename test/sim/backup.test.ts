// A link that stands in for another: whole daemons, two servers, a modem.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { renderStatus } from "../../src/control/render.ts";
import { Exchange, SimModem, serialHost } from "./modem.ts";
import { client, clientConf, SERVER_CONF, type Site, type SiteOptions, World } from "./world.ts";

const OTHER = "198.51.100.3";
const spareConf = (more = ""): string =>
  clientConf(`fallback_for = hq\n${more}`, OTHER).replace("[interface hq]", "[interface spare]");

function sites(text: string, o: SiteOptions = {}): { w: World; a: Site; hq: Site; other: Site } {
  const w = new World();
  const hq = w.site(w.net.host("lns", ["198.51.100.2"]), SERVER_CONF);
  const other = w.site(w.net.host("other", [OTHER]), SERVER_CONF.replaceAll("198.51.100.2", OTHER));
  return { w, hq, other, a: w.site(w.net.host("a", ["203.0.113.1"]), text, o) };
}
const SHORT = "reconnect_min = 1\nreconnect_max = 2\ndpd = 5\nhello = 5";
const state = (s: Site, name: string): string => client(s, name).state;
const is = (s: Site, name: string, up: string) => (): boolean => state(s, name) === up;
/** What the log says of the backup's turn. */
const turns = (s: Site): string[] => s.events.flatMap((e) => (e.kind === "link.backup" ? [e.text] : []));
const tries = (s: Site, name: string): number =>
  s.events.filter((e) => e.kind === "link.state" && e.link === name && e.state === "dialing").length;

describe("a tunnel as the backup of a tunnel", () => {
  test("comes when the first is gone for its time, goes when that is back for its time, and says so", async () => {
    const { w, a, hq } = sites(clientConf(SHORT) + spareConf());
    await w.until(is(a, "hq", "up"), 5000, "hq", a);
    await w.run(100_000);
    const waits = client(a, "spare");
    assert.deepEqual(
      [waits.state, waits.backup, waits.retry_in, waits.error, waits.stopped, tries(a, "spare")],
      ["down", { waits: true, text: "waits: hq is up" }, null, null, null, 0],
    );
    assert.deepEqual(waits.stages, [{ name: "server", state: "busy", text: "waits: hq is up" }]);
    assert.match(renderStatus(a.daemon.status("spare"), false), /\n {2}waits: hq is up\n/);

    hq.daemon.down("lns");
    await w.until(is(a, "hq", "down"), 5000, "hq down", a);
    const down = w.clock.now();
    assert.equal(client(a, "spare").retry_in, 30);
    await w.until(is(a, "spare", "up"), 40_000, "the backup", a);
    const after = w.clock.now() - down;
    assert.ok(after >= 30_000 && after < 35_000, `${after} ms`);
    assert.deepEqual(client(a, "spare").backup, { waits: false, text: "stands in: hq is down" });

    hq.daemon.up("lns");
    await w.until(is(a, "hq", "up"), 20_000, "hq again", a);
    const back = w.clock.now();
    await w.until(is(a, "spare", "down"), 70_000, "the backup's end", a);
    const held = w.clock.now() - back;
    assert.ok(held >= 60_000 && held < 63_000, `${held} ms`);
    await w.run(5000);
    const end = a.events.find((e) => e.kind === "link.down" && e.link === "spare");
    assert.equal(end?.kind === "link.down" && end.code, "main-up");
    assert.deepEqual([client(a, "spare").error, client(a, "spare").backup?.waits], [null, true]);
    assert.deepEqual(turns(a).slice(-5), [
      "waits: hq is up",
      "waits: hq is down, and has 30 s to come up",
      "stands in: hq is down",
      "stands in: hq is up again, and is to be for 60 s",
      "waits: hq is up",
    ]);
    assert.equal(state(a, "hq"), "up");
  });

  test("a first link that does not come up at the start has the same time; one that is taken down, too", async () => {
    const never = sites(clientConf(SHORT, "198.51.100.77") + spareConf("fallback_after = 10"));
    await never.w.run(9900);
    assert.equal(tries(never.a, "spare"), 0);
    await never.w.until(is(never.a, "spare", "up"), 5000, "the backup", never.a);

    const { w, a } = sites(clientConf(SHORT) + spareConf("fallback_after = 5"));
    await w.until(is(a, "hq", "up"), 5000, "hq", a);
    a.daemon.down("hq");
    await w.until(is(a, "spare", "up"), 15_000, "the backup of one that was taken down", a);
  });

  test("up and down of the backup win", async () => {
    const { w, a, hq } = sites(clientConf(SHORT) + spareConf());
    await w.until(is(a, "hq", "up"), 5000, "hq", a);
    a.daemon.up("spare");
    await w.until(is(a, "spare", "up"), 5000, "the backup, asked for", a);
    await w.run(300_000);
    assert.deepEqual([state(a, "hq"), state(a, "spare")], ["up", "up"]);
    a.daemon.down("spare");
    await w.run(3000);
    hq.daemon.down("lns");
    await w.run(120_000);
    assert.deepEqual([client(a, "spare").state, client(a, "spare").backup], ["down", null]);
    assert.equal(client(a, "spare").stopped, "taken down by hand");
    let tried: boolean | null = null;
    void a.daemon.doctor("spare", () => {}).then((ok) => (tried = ok));
    await w.until(() => tried !== null, 5000, "doctor tries it", a);
    assert.deepEqual([tried, state(a, "spare")], [true, "up"]);
  });

  test("while it waits it blocks nothing; while it stands in, its networks", async () => {
    const conf = spareConf("fallback_after = 5").replace("192.168.20.0/24", "192.168.30.0/24");
    const { w, a, hq } = sites(clientConf(SHORT) + conf);
    await w.until(is(a, "hq", "up"), 5000, "hq", a);
    await w.run(10_000);
    assert.deepEqual(a.plane.net.blocked, ["192.168.20.0/24"]);
    hq.daemon.down("lns");
    await w.until(is(a, "spare", "up"), 30_000, "the backup", a);
    assert.deepEqual([...a.plane.net.blocked].sort(), ["192.168.20.0/24", "192.168.30.0/24"]);
    hq.daemon.up("lns");
    await w.until(is(a, "spare", "down"), 100_000, "its end", a);
    await w.run(3000);
    assert.deepEqual(a.plane.net.blocked, ["192.168.20.0/24"]);
  });

  test("a third one waits for the second, also while that waits itself", async () => {
    const third = spareConf("fallback_after = 5").replace("[interface spare]", "[interface last]");
    const { w, a, hq, other } = sites(
      clientConf(SHORT) + spareConf(`fallback_after = 5\n${SHORT}`) + third.replace("for = hq", "for = spare"),
    );
    await w.until(is(a, "hq", "up"), 5000, "hq", a);
    await w.run(60_000);
    assert.deepEqual([tries(a, "last"), client(a, "last").backup?.text], [0, "waits: spare is waiting"]);
    hq.daemon.down("lns");
    await w.until(is(a, "spare", "up"), 20_000, "the second", a);
    await w.run(60_000);
    assert.equal(tries(a, "last"), 0);
    other.daemon.down("lns");
    await w.run(1000);
    a.daemon.down("spare");
    await w.until(() => tries(a, "last") > 0, 20_000, "the third", a);
  });

  test("a reload that changes the first link, or takes it away, is seen", async () => {
    const spare = spareConf("fallback_after = 5");
    const { w, a } = sites(clientConf(SHORT) + spare);
    await w.until(is(a, "hq", "up"), 5000, "hq", a);
    a.reload(clientConf(`${SHORT}\nmtu = 1300`) + spare);
    await w.run(30_000);
    assert.deepEqual([state(a, "hq"), tries(a, "spare")], ["up", 0]);
    a.reload(clientConf(`${SHORT}\nmtu = 1300`, "198.51.100.77") + spare);
    await w.until(is(a, "spare", "up"), 20_000, "the backup", a);
  });
});

test("a modem as the backup of a tunnel: its rounds over, it waits until that has been up, then dials", async () => {
  const w = new World();
  const exchange = new Exchange(w.clock);
  const modem = new SimModem(exchange, "111");
  const hq = w.site(w.net.host("lns", ["198.51.100.2"]), SERVER_CONF);
  const MODEM =
    "\n[interface modem]\nproto = nasdial\ndevice = /dev/modem111\nphone = 222\nusername = branch\n" +
    "password = w0nderland\nlogin = none\nfallback_for = hq\nfallback_after = 5\ndial_attempts = 2\n" +
    "reconnect_min = 1\nreconnect_max = 1\nredial_pause = 0\nconnect_timeout = 10\n";
  const a = w.site(w.net.host("a", ["203.0.113.1"]), clientConf(SHORT) + MODEM, { serial: serialHost(modem.port) });
  const dials = (): number => modem.commands.filter((c) => c.startsWith("ATD")).length;
  const backup = () => {
    const s = a.daemon.status("modem")["modem"];
    return s?.kind === "nas" ? s : assert.fail();
  };
  await w.until(is(a, "hq", "up"), 5000, "hq", a);
  await w.run(60_000);
  assert.equal(dials(), 0);
  for (const rounds of [2, 4]) {
    hq.daemon.down("lns");
    await w.until(() => dials() === rounds, 120_000, "two rounds", a);
    await w.run(120_000);
    assert.equal(dials(), rounds, "no third one");
    assert.match(backup().error?.text ?? "", /; 2 rounds of dialling are over$/);
    assert.equal(backup().backup?.text, "waits: its attempts are over until hq has been up");
    hq.daemon.up("lns");
    await w.until(is(a, "hq", "up"), 20_000, "hq again", a);
    assert.equal(backup().backup?.text, "waits: hq is up");
  }
});
