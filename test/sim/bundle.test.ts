// Whole daemons with several calls in one Multilink bundle (RFC 1990): one session, one netdev, whatever link goes.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { renderStatus } from "../../src/control/render.ts";
import type { CallChannel, CallSpec } from "../../src/dataplane/dataplane.ts";
import { numberOf, packet, pair } from "./pair.ts";
import { client, clientConf, SERVER_CONF, server, World } from "./world.ts";

const CONF = SERVER_CONF.replace("[server lns]\n", "[server lns]\nmrru = 1500\nbundle_links = 4\n");

async function site(n: number, conf = CONF) {
  const w = new World();
  const { a, b: s } = pair(w, `mrru = 1500\nlinks = ${n}\n`, conf);
  // the first call of the client, to be cut
  const calls: { close(): void }[] = [];
  const { l2tp } = a.plane;
  const open = l2tp.openTunnel.bind(l2tp);
  l2tp.openTunnel = (spec) => {
    const path = open(spec);
    const openCall = (c: CallSpec): CallChannel => {
      const call = path.openCall(c);
      calls.push(call);
      return call;
    };
    return { openCall, close: () => path.close() };
  };
  const came: { up: number[]; down: number[] } = { up: [], down: [] };
  s.plane.net.onPacket = (_, p) => void came.up.push(numberOf(p));
  a.plane.net.onPacket = (_, p) => void came.down.push(numberOf(p));
  await w.until(() => client(a).state === "up", 20_000, "the link", a, s);
  /** Packets both ways; all come, in their order. */
  const exchange = async (count: number, least = count): Promise<void> => {
    came.up = [];
    came.down = [];
    for (let k = 0; k < count; k++) {
      a.plane.net.transmit(client(a).ifname, packet("10.99.0.100", "10.99.0.1", k));
      s.plane.net.transmit(server(s).ifname, packet("10.99.0.1", "10.99.0.100", k));
      await w.run(5);
    }
    await w.run(2000);
    for (const list of [came.up, came.down]) {
      assert.ok(list.length >= least, `${list.length} of ${count}\n${s.lines.slice(-20).join("\n")}`);
      assert.deepEqual(
        list,
        [...list].sort((x, y) => x - y),
      );
    }
  };
  const joined = (): Promise<number> =>
    w.until(() => (server(s).sessions[0]?.links?.length ?? 0) === n - 1, 90_000, "all calls", a, s);
  return { w, a, s, exchange, calls, joined };
}

describe("several calls, one session", () => {
  for (const n of [2, 4])
    test(`${n} calls join; status, traffic both ways; the last one ends the session`, async () => {
      const { w, a, s, exchange, joined } = await site(n);
      await joined();
      const [session, ...others] = server(s).sessions;
      assert.deepEqual([others.length, session?.user, session?.links?.length], [0, "branch", n - 1]);
      assert.match(renderStatus(s.daemon.status("lns"), false), /a further link #\d+ from 203\.0\.113\.1 since/);
      assert.match(renderStatus(a.daemon.status("hq"), false), new RegExp(`${n} links in a Multilink bundle`));
      await exchange(100);
      const { tx_packets, rx_packets } = client(a);
      assert.deepEqual([tx_packets, rx_packets], [100, 100]);
      a.daemon.stop("done", () => {});
      await w.run(4000);
      assert.deepEqual(server(s).sessions, []);
      assert.equal(server(s).ended.sessions, 1);
    });
  test("the first call falls silent: netdev and session stay, traffic goes on, and a new call joins", async () => {
    const { w, a, s, exchange, calls, joined } = await site(2);
    await joined();
    await exchange(20);
    const first = server(s).sessions[0];
    assert.ok(first);
    calls[0]?.close();
    await w.until(() => server(s).sessions[0]?.call === 0, 90_000, "silence is noticed", a, s);
    await w.run(2000);
    await exchange(20);
    await w.until(() => server(s).sessions[0]?.links?.length === 2, 90_000, "a call in its place", a, s);
    assert.equal(client(a).l2tp?.links, 2);
    await exchange(20);
    const now = server(s).sessions[0];
    assert.equal(now?.session, first.session);
    for (const x of [a, s])
      assert.equal(x.events.filter((e) => e.kind === "link.up" || e.kind === "session.up").length, x === s ? 2 : 1);
    assert.ok(client(a).tx_packets >= 60 && (now?.rx_packets ?? 0) >= 60, JSON.stringify([client(a), now]));
  });
  test("a further call is closed by hand: the rest carries on, and another takes its place", async () => {
    const { w, a, s, exchange, joined } = await site(3);
    await joined();
    s.daemon.disconnect(server(s).sessions[0]?.links?.[0]?.session ?? 0);
    await w.run(3000);
    assert.equal(server(s).sessions[0]?.links?.length, 1);
    await exchange(20);
    await joined();
    assert.equal(client(a).state, "up");
  });
  test("loss and jitter: packets that come are in order", async () => {
    const { w, exchange, joined } = await site(3);
    await joined();
    w.net.conditions({ loss: 0.01, jitter: 30 });
    await exchange(300, 250);
  });
  test("more than bundle_links are refused in words; with 1 a second call is a second login", async () => {
    const { w, a, s } = await site(4, CONF.replace("bundle_links = 4", "bundle_links = 2"));
    await w.run(5000);
    assert.equal(server(s).sessions[0]?.links?.length, 1);
    assert.ok(
      server(s).failures.some((f) => f.code === "bundle" && f.text.includes("as many links as allowed (2)")),
      JSON.stringify(server(s).failures),
    );
    assert.equal(client(a).state, "up");
  });
  test("the same user from another system is a second login, and no link", async () => {
    const { w, a, s, joined } = await site(2);
    await joined();
    const text = clientConf("mrru = 1500\nlinks = 2\nreconnect_min = 3600\nreconnect_max = 3600\n");
    const other = w.site(w.net.host("c", ["203.0.113.9"]), text);
    await w.until(() => client(other).state === "up", 20_000, "the other", other, s);
    assert.deepEqual(server(s).sessions.length, 1);
    assert.equal(server(s).sessions[0]?.peer, "203.0.113.9");
    await w.until(() => a.events.some((e) => e.kind === "link.down"), 9000, "the first one's end", a, s);
  });
});
