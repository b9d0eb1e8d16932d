// Metrics: the exposition format of Prometheus, its bounds, and the HTTP that serves it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { serveMetrics } from "../../src/control/http.ts";
import { EventHub } from "../../src/control/log.ts";
import { exposition, type Measured } from "../../src/control/metrics.ts";
import { fromUtf8, utf8 } from "../../src/core/text.ts";
import type { ServerStatus, SessionStatus } from "../../src/link/status.ts";
import type { ByteStream } from "../../src/ports/runtime.ts";
import { nodeClock } from "../../src/runtime/node/clock.ts";
import { nodeStreams } from "../../src/runtime/node/streams.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

const NONE = { rx_bytes: 0, tx_bytes: 0, rx_packets: 0, tx_packets: 0 };
const session = (n: number, user: string): SessionStatus => ({
  ...{ session: n, user, ip: "10.99.0.10", ifname: "l2tps-lns", ip6: null, bridge: null, since: "", peer: "192.0.2.1" },
  ...{ auth: "PAP", tunnel: 1, call: 1, rx_bytes: 1000, tx_bytes: 2000, rx_packets: 10, tx_packets: 20 },
});
const server = (sessions: readonly SessionStatus[]): ServerStatus => ({
  ...{ kind: "server", state: "up", since: "", listen: "any", ifname: "l2tps-lns", local_ip: "10.99.0.1", dns: [] },
  ...{ dataplane: "userspace", dataplane_why: "", ipsec: "required", peers: 2, failures: [], error: null },
  sessions,
  ended: { sessions: 3, ...NONE, rx_bytes: 5 },
  drops: { "esp.replay": 4, "radius.resent": 2 },
  ...{ rx_bytes: 1000, tx_bytes: 2000, rx_packets: 10, tx_packets: 20 },
  radius: [
    ...[
      {
        name: "one",
        address: "192.0.2.9",
        tls: true,
        state: "silent" as const,
        answers: 7,
        accepts: 3,
        rejects: 1,
        silences: 2,
      },
    ],
  ].map((r) => ({ ...r, why: "" })),
});
const measured = (sessions: readonly SessionStatus[] = []): Measured => ({
  version: '1 "x"\\\n',
  runtime: "",
  uptime: 12.5,
  memory: { used: 1, limit: 2 },
  status: {
    lns: server(sessions),
    off: { kind: "disabled", section: "interface", state: "down", error: null },
  },
  events: new Map([
    ["ike.failed no-proposal", 2],
    ["link.up ", 1],
  ]),
  tables: { sessions: 1 },
  drops: { "esp.replay": 4 },
});

const LABEL = '[a-zA-Z_]\\w*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"';
const SAMPLE = new RegExp(`^([a-zA-Z_:][\\w:]*)(?:\\{((?:${LABEL},?)*)\\})? (\\d+(?:\\.\\d+)?(?:e\\+\\d+)?)$`);

/** Name, labels and value of every sample; throws at whatever the format does not allow. */
function parsed(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  let family = "";
  assert.ok(text.endsWith("\n"));
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment) {
      const [, kind, name = "", rest = ""] = comment;
      if (kind === "HELP") {
        assert.ok(!types.has(name), `${name} appears twice`);
        family = name;
      } else types.set(name, rest);
      assert.equal(name, family);
      continue;
    }
    const [, name = "", labels = "", value = ""] = SAMPLE.exec(line) ?? assert.fail(line);
    assert.equal(name, family);
    assert.equal(types.get(name), name.endsWith("_total") ? "counter" : "gauge");
    assert.ok(!samples.has(`${name}{${labels}}`), `${line} appears twice`);
    samples.set(`${name}{${labels}}`, Number(value));
  }
  return samples;
}

describe("metrics", () => {
  test("are in the format, each series once, with label values escaped", () => {
    const s = parsed(exposition(measured([session(1, "u")]), false));
    assert.equal(s.get('l2tpsec_build_info{version="1 \\"x\\"\\\\\\n"}'), 1);
    assert.equal(s.get("l2tpsec_uptime_seconds{}"), 12.5);
    assert.equal(s.get('l2tpsec_link_up{link="lns",kind="server"}'), 1);
    assert.equal(s.get('l2tpsec_link_up{link="off",kind="disabled"}'), 0);
    assert.equal(s.get('l2tpsec_link_bytes_total{link="lns",direction="receive"}'), 1005, "with what has ended");
    assert.equal(s.get('l2tpsec_drops_total{name="esp.replay"}'), 4, "once, not once a link");
    assert.equal(s.get('l2tpsec_drops_total{name="radius.resent",link="lns"}'), 2);
    assert.equal(s.get('l2tpsec_events_total{event="ike.failed",result="no-proposal"}'), 2);
    assert.equal(s.get('l2tpsec_events_total{event="link.up"}'), 1);
    assert.equal(s.get('l2tpsec_radius_up{server="lns",radius="one"}'), 0);
    assert.equal(s.get('l2tpsec_radius_requests_total{server="lns",radius="one",outcome="other"}'), 3);
    assert.equal(s.get('l2tpsec_server_sessions_ended_total{server="lns"}'), 3);
  });
  test("have no series of users unless asked for, and then of 2,000 at most", () => {
    const all = Array.from({ length: 4096 }, (_, i) => session(i, `u${i}"\n\\`));
    const without = exposition(measured(all), false);
    assert.ok(!without.includes("u1") && without.length < 8192, `${without.length} bytes`);
    const s = parsed(exposition(measured(all), true));
    assert.equal([...s.keys()].filter((k) => k.startsWith("l2tpsec_session_bytes_total")).length, 4000);
    assert.equal(s.get("l2tpsec_sessions_left_out{}"), 2096);
    assert.equal(
      s.get('l2tpsec_session_bytes_total{server="lns",user="u1\\" \\\\",session="1",direction="transmit"}'),
      2000,
    );
  });
  test("are what promtool takes, where it is installed", (t) => {
    if (spawnSync("promtool", ["--version"]).status !== 0) return t.skip("no promtool here");
    const input = exposition(measured([session(1, "u"), session(2, 'v"')]), true);
    const r = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
    assert.equal(r.status, 0, r.stderr + r.stdout);
  });
  test("count every event, those that no line tells too", () => {
    const hub = new EventHub(new VirtualClock(), "info", () => {});
    for (let i = 0; i < 5; i++)
      hub.emit({ kind: "ike.failed", link: "hq", peer: "192.0.2.1", code: "no-proposal", text: "x" });
    hub.emit({ kind: "ppp.auth", link: "lns", user: "u", method: "PAP", ok: false, text: "" });
    assert.deepEqual(Object.fromEntries(hub.counts), { "ike.failed no-proposal": 5, "ppp.auth refused": 1 });
  });
});

describe("HTTP", () => {
  async function stream(clock = new VirtualClock(), metrics = (): string => "m 1\n") {
    const log: string[] = [];
    const s: ByteStream = {
      send: (d) => void log.push(typeof d === "string" ? d : fromUtf8(d)),
      close: () => void log.push("closed"),
      onData: () => {},
      onClose: () => {},
    };
    const listenHere = async (_: number, onStream: (x: ByteStream) => void): Promise<{ close(): void }> => {
      onStream(s);
      return { close: () => {} };
    };
    await serveMetrics({ streams: { listenHere }, clock }, 9, metrics, () => void log.push("fault"));
    return { log, clock, say: (text: string): void => s.onData(utf8(text)), gone: (): void => s.onClose() };
  }
  for (const [request, code] of [
    ["GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200],
    ["GET /metrics HTTP/1.0\n\n", 200],
    ["GET / HTTP/1.0\r\n\r\n", 404],
    ["GET /metrics/.. HTTP/1.0\r\n\r\n", 404],
    ["POST /metrics HTTP/1.0\r\n\r\n", 405],
    ["GET /metrics\r\n\r\n", 400],
    ["\r\n\r\n", 400],
    ["x".repeat(5000), 400],
  ] as const)
    test(`${JSON.stringify(request.slice(0, 24))}: ${code}, and the connection ends`, async () => {
      const { log, say } = await stream();
      for (const c of request) say(c);
      assert.match(log[0] ?? "", new RegExp(`^HTTP/1.0 ${code} `));
      assert.equal(log[1] === "m 1\n", code === 200);
      assert.deepEqual(log.slice(2), ["closed"]);
      say("GET /metrics HTTP/1.0\r\n\r\n");
      assert.equal(log.length, 3, "one answer");
    });
  test("who says nothing, or does not read, is cut off after 5 s", async () => {
    const { log, clock, say, gone } = await stream();
    say("GET /metr");
    clock.advance(4999);
    assert.deepEqual(log, []);
    clock.advance(1);
    assert.deepEqual(log, ["closed", "closed"]);
    gone();
    assert.equal(clock.size, 0);
  });
  test("an error in the program is an answer, and a fault", async () => {
    const { log, say } = await stream(new VirtualClock(), () => {
      throw new TypeError("x");
    });
    say("GET /metrics HTTP/1.0\r\n\r\n");
    assert.equal(log[0], "fault");
    assert.match(log[1] ?? "", / 500 /);
  });
  test("port 0 serves nothing; a port that somebody has is a sentence; 127.0.0.1 answers", async () => {
    const rt = { streams: nodeStreams, clock: nodeClock };
    const never = (e: unknown): never => assert.fail(String(e));
    assert.equal(await serveMetrics(rt, 0, () => "", never), null);
    const port = 20_000 + (process.pid % 20_000);
    const served = await serveMetrics(rt, port, () => "m 1\n", never);
    await assert.rejects(
      serveMetrics(rt, port, () => "", never),
      /TCP port \d+ of 127\.0\.0\.1 cannot be opened/,
    );
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.on("data", (d: Buffer) => {
      text += d.toString();
    });
    socket.write("GET /metrics HTTP/1.0\r\n\r\n");
    await once(socket, "end");
    assert.match(text, /^HTTP\/1\.0 200 OK\r\nContent-Type: text\/plain; version=0\.0\.4[\s\S]*\r\n\r\nm 1\n$/);
    served?.close();
  });
});
