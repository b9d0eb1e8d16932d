import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ControlClient } from "../../src/control/client.ts";
import { lines } from "../../src/control/lines.ts";
import { EventHub } from "../../src/control/log.ts";
import { parseRequest } from "../../src/control/protocol.ts";
import { renderStatus } from "../../src/control/render.ts";
import { type DaemonApi, RequestRefused, serveControl } from "../../src/control/server.ts";
import type { Event } from "../../src/core/events.ts";
import { concat, utf8 } from "../../src/core/text.ts";
import type { ClientStatus, Status } from "../../src/link/status.ts";
import type { ByteStream, StreamTransport } from "../../src/ports/runtime.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

const CLIENT: ClientStatus = {
  kind: "client",
  state: "up",
  since: "2026-01-01T00:00:00Z",
  server: "198.51.100.2",
  via: null,
  ifname: "l2tps-hq",
  mtu: 1400,
  mtu_source: "default",
  local_ip: "10.99.0.10",
  local_ip6: null,
  remote_ip: "10.99.0.1",
  dns: [],
  wins: [],
  dataplane: "userspace",
  dataplane_why: "",
  ipsec: "required",
  ike: null,
  esp: null,
  l2tp: null,
  bridge: null,
  ppp: null,
  stages: [{ name: "l2tp", state: "failed", text: "the peer says \x1b[2Jboo" }],
  drops: {},
  error: null,
  retry_in: null,
  stopped: null,
  backup: null,
  rx_bytes: 1,
  tx_bytes: 2,
  rx_packets: 3,
  tx_packets: 4,
};

/** Both ends of a stream in memory; bytes arrive in a later microtask, as with a socket. */
function transport(): Omit<StreamTransport, "listenHere"> {
  let accept: ((s: ByteStream) => void) | null = null;
  const end = (): ByteStream => ({ send: () => {}, close: () => {}, onData: () => {}, onClose: () => {} });
  return {
    listen: (_, onStream) => {
      accept = onStream;
      return Promise.resolve({
        close: () => {
          accept = null;
        },
      });
    },
    connect: () => {
      const a = end();
      const b = end();
      const later = (f: () => void): void => void Promise.resolve().then(f);
      a.send = (l) => later(() => b.onData(typeof l === "string" ? utf8(l) : l));
      b.send = (l) => later(() => a.onData(typeof l === "string" ? utf8(l) : l));
      a.close = b.close = () =>
        later(() => {
          a.onClose();
          b.onClose();
        });
      accept?.(b);
      return Promise.resolve(a);
    },
  };
}
function api(): DaemonApi & { said: string[]; listeners: Set<(e: Event) => void> } {
  const said: string[] = [];
  const listeners = new Set<(e: Event) => void>();
  return {
    said,
    listeners,
    status: (name) => {
      if (name === "nope") throw new RequestRefused("not-found", "there is no interface or server");
      return { hq: CLIENT } as Record<string, Status>;
    },
    up: (n) => void said.push(`up ${n}`),
    down: (n) => void said.push(`down ${n}`),
    reload: () => "nothing changed",
    disconnect: (n) => void said.push(`disconnect ${n}`),
    peerConfig: (wish) => ({ text: `for ${JSON.stringify(wish)}`, file: "a.txt", content: "" }),
    doctor: (_, stage) => {
      stage({ name: "ike", state: "ok", text: "fine" });
      return Promise.resolve(true);
    },
    radiusTest: (name, user, password) =>
      Promise.resolve([{ server: name, address: "", accepted: true, text: `${user} ${password.length}` }]),
    metrics: (users) => `users ${users}\n`,
    subscribe: (l) => {
      listeners.add(l);
      return () => void listeners.delete(l);
    },
  };
}

test("an error that nobody expected ends the request, not the daemon, and not the other streams", async () => {
  const t = transport();
  const a = api();
  const faults: Event[] = [];
  const broken = {
    ...a,
    status: () => {
      throw new TypeError("no such thing");
    },
    doctor: () => Promise.reject(new RangeError("no pulse")),
  };
  await serveControl("/x", t, broken, { emit: (e) => void faults.push(e) });
  const c = await ControlClient.open(t, "/x");
  const other = await ControlClient.open(t, "/x");
  await assert.rejects(c.call("status"), /an error of this program/);
  await assert.rejects(c.call("doctor", { name: "hq" }), /no pulse/);
  assert.deepEqual(
    faults.map((e) => e.kind === "daemon.fault" && e.where),
    ["the request status", "the request doctor"],
  );
  assert.equal(await c.call("reload"), "nothing changed");
  assert.equal(await other.call("reload"), "nothing changed");
});

describe("control API", () => {
  test("every method, errors as sentences, events until the client goes", async () => {
    const t = transport();
    const a = api();
    await serveControl("/x", t, a, { emit: () => {} });
    const c = await ControlClient.open(t, "/x");
    assert.deepEqual(await c.call("status", { name: "hq" }), { hq: CLIENT });
    await assert.rejects(c.call("status", { name: "nope" }), /there is no interface or server/);
    await assert.rejects(c.call("up"), /up needs a name/);
    await c.call("up", { name: "hq" });
    await c.call("disconnect", { session: 7 });
    assert.deepEqual(a.said, ["up hq", "disconnect 7"]);
    assert.deepEqual(await c.call("peer-config", { name: "u", system: "ios" }), {
      ...{ text: `for {"name":"u","system":"ios","server":"","address":"","routes":""}`, file: "a.txt", content: "" },
    });
    await assert.rejects(c.call("peer-config", { name: "u", system: 7 }), /peer-config takes texts/);
    assert.equal(await c.call("reload"), "nothing changed");
    await assert.rejects(c.call("radius-test", { name: "one", user: "u" }), /needs a user and a password/);
    assert.deepEqual(await c.call("radius-test", { name: "one", user: "u", password: "abc" }), [
      { server: "one", address: "", accepted: true, text: "u 3" },
    ]);
    assert.equal(await c.call("metrics"), "users false\n");
    assert.equal(await c.call("metrics", { users: true }), "users true\n");
    const stages: string[] = [];
    assert.equal(await c.call("doctor", { name: "hq" }, (s) => void stages.push(s.text)), true);
    assert.deepEqual(stages, ["fine"]);
    const events: Event[] = [];
    c.onEvent = (e) => void events.push(e);
    await c.call("events");
    for (const l of a.listeners) l({ kind: "link.state", link: "hq", state: "ike" });
    await new Promise((r) => setImmediate(r));
    assert.deepEqual(events, [{ kind: "link.state", link: "hq", state: "ike" }]);
    c.close();
    await new Promise((r) => setImmediate(r));
    assert.equal(a.listeners.size, 0, "a follower that went is forgotten");
  });
  test("any line is a request or null", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (s) => void parseRequest(s)),
      { numRuns: 2000 },
    );
    const page = (params: object): unknown => parseRequest(JSON.stringify({ id: 1, method: "status", params }))?.page;
    assert.deepEqual(page({ from: 10, count: 5, user: "u" }), { from: 10, count: 5, user: "u" });
    for (const bad of [{ from: -1 }, { count: "5" }, { user: 5 }]) assert.equal(page(bad), null);
    assert.deepEqual(parseRequest('{"id":1,"method":"status"}'), {
      id: 1,
      method: "status",
      name: null,
      session: null,
      page: { from: 0, count: Number.POSITIVE_INFINITY, user: null },
      users: false,
      login: null,
      limits: null,
      wish: null,
    });
    for (const bad of [
      "",
      "null",
      "[]",
      '{"id":"1","method":"status"}',
      '{"id":1,"method":"toString"}',
      '{"id":1,"method":"up","params":{"name":5}}',
    ]) {
      assert.equal(parseRequest(bad), null, bad);
    }
  });
});

test("bad input of one kind: one line a second, the rest counted", () => {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const hub = new EventHub(clock, "info", (l) => void lines.push(l));
  const bad = (what: string): void => hub.emit({ kind: "peer.bad", link: "", layer: "ike", peer: "192.0.2.1", what });
  for (let i = 0; i < 5000; i++) bad("short header");
  bad("other");
  assert.equal(lines.length, 2);
  clock.advance(1000);
  bad("short header");
  assert.match(lines[2] ?? "", /and 4999 more like it/);
  for (let i = 0; i < 3000; i++) bad(`kind ${i}`);
  hub.emit({ kind: "link.state", link: "hq", state: "ike" });
  assert.ok(!lines.some((l) => l.includes("link.state")), "debug is below info");
});

test("status for a terminal: peer text cannot move the cursor", () => {
  for (const terminal of [true, false]) {
    const text = renderStatus({ hq: CLIENT }, terminal);
    assert.match(text, /hq.*up/);
    assert.ok(!text.includes("\x1b[2J"));
    assert.match(text, /\\u001b\[2Jboo/);
  }
});

test("what a sender can vary in a datagram makes no new kind of log line: one a second", () => {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const hub = new EventHub(clock, "info", (l) => lines.push(l));
  for (let i = 0; i < 1000; i++) {
    hub.emit({
      kind: "peer.bad",
      link: "",
      layer: "ike",
      peer: `192.0.2.1:${i}`,
      what: `payload type: bad-value at byte ${i}`,
    });
    hub.emit({ kind: "ike.failed", link: "lns", peer: `192.0.2.1:${i}`, code: "no-proposal", text: `${i}` });
  }
  assert.equal(lines.length, 2);
  clock.advance(1000);
  hub.emit({ kind: "ike.failed", link: "lns", peer: "192.0.2.1:9", code: "no-proposal", text: "" });
  assert.match(lines.at(-1) ?? "", /\(and 999 more like it\)/);
});

test("whatever words a peer finds: eight lines a second for a layer, and the other layers keep theirs", () => {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const hub = new EventHub(clock, "info", (l) => lines.push(l));
  const bad = (layer: string, i: number): void =>
    hub.emit({ kind: "peer.bad", link: "", layer, peer: "192.0.2.1", what: "x".repeat(i) });
  for (let i = 1; i <= 400; i++) bad("ike", i);
  bad("l2tp", 1);
  assert.equal(lines.length, 9);
  for (let s = 1; s <= 5; s++) {
    clock.advance(1000);
    for (let i = 1; i <= 400; i++) bad("ike", s * 400 + i);
    assert.equal(lines.length, 9 + 8 * s);
  }
});

describe("lines over bytes", () => {
  function cutOff(): { stream: ByteStream; got: string[]; closed: () => boolean } {
    const got: string[] = [];
    let closed = false;
    const stream: ByteStream = {
      send: () => {},
      close: () => {
        closed = true;
      },
      onData: () => {},
      onClose: () => {},
    };
    lines(stream).onLine = (l) => got.push(l);
    return { stream, got, closed: () => closed };
  }
  test("any text, cut anywhere, in a buffer that is used again", () => {
    const line = fc.string({ unit: "binary", maxLength: 20 }).map((s) => s.replaceAll("\n", ""));
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (texts, cuts) => {
          const { stream, got } = cutOff();
          const whole = concat(texts.map((t) => utf8(`${t}\n`)));
          for (let i = 0, k = 0; i < whole.length; k++) {
            const n = cuts[k % cuts.length] as number;
            const lent = whole.slice(i, i + n);
            stream.onData(lent);
            lent.fill(0x2a);
            i += n;
          }
          assert.deepEqual(got, texts);
        },
      ),
    );
  });
  test("a line without end is cut off, and nothing after it is heard", () => {
    const { stream, got, closed } = cutOff();
    for (let i = 0; i < 17; i++) stream.onData(new Uint8Array(65536).fill(0x61));
    assert.equal(closed(), true);
    stream.onData(utf8("late\n"));
    assert.deepEqual(got, []);
  });
});
