// The object l2tpsec on the bus, over the double of ubusd.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { type Table, Ubus, UbusError } from "ubus-client";
import type { PeerConfig, PeerWish } from "../../src/config/peer.ts";
import type { CaptureApi, CaptureRequest } from "../../src/control/capture.ts";
import { type DaemonApi, RequestRefused } from "../../src/control/server.ts";
import type { Event } from "../../src/core/events.ts";
import { type Page, type RadiusFinding, type Stage, type Status, WHOLE } from "../../src/link/status.ts";
import { serveUbus, toTable } from "../../src/openwrt/ubus.ts";
import { nodeClock } from "../../src/runtime/node/clock.ts";
import { FakeUbusd } from "../../src/ubus-client/test/ubusd.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { clientConf, SERVER_CONF, World } from "../sim/world.ts";
import { listenUbusd } from "./bus.ts";

/** A daemon that notes what it is asked. */
class Asked implements DaemonApi, CaptureApi {
  readonly log: string[] = [];
  readonly listeners = new Set<(e: Event) => void>();
  gone: (() => void) | null = null;
  answer: Record<string, Status> = {};
  stages: readonly Stage[] = [];
  doctored: ((ok: boolean) => void) | null = null;
  readonly pages: Page[] = [];
  status(name: string | null, page = WHOLE): Record<string, Status> {
    this.pages.push(page);
    if (name === "nobody") throw new RequestRefused("not-found", "there is no nobody");
    return this.answer;
  }
  up(name: string): void {
    this.log.push(`up ${name}`);
    if (name === "bad") throw new RequestRefused("failed", "network.bad.mtu: no");
  }
  down(name: string, gone: () => void = () => {}): void {
    this.log.push(`down ${name}`);
    this.gone = gone;
  }
  reload(): string {
    this.log.push("reload");
    return "nothing changed";
  }
  disconnect(n: number): void {
    this.log.push(`disconnect ${n}`);
  }
  runs = 0;
  peerConfig(wish: PeerWish): PeerConfig {
    this.log.push(`peer ${JSON.stringify(Object.values(wish))}`);
    if (wish.name === "nobody") throw new RequestRefused("failed", "there is no nobody");
    return { text: "a secret", file: "a.txt", content: "a secret" };
  }
  async radiusTest(server: string, user: string, password: string): Promise<RadiusFinding[]> {
    return [{ server, address: "192.0.2.1", accepted: false, text: `${user} ${password.length}` }];
  }
  metrics = (): string => "";
  captured: CaptureRequest | null = null;
  capture(name: string, o: CaptureRequest): () => void {
    this.log.push(`capture ${name}`);
    this.captured = o;
    return () => o.done({ packets: 1, bytes: 3, cut: 0, why: "client" });
  }
  doctor(_name: string, stage: (s: Stage) => void): Promise<boolean> {
    this.runs++;
    for (const s of this.stages) stage(s);
    return new Promise((r) => {
      this.doctored = r;
    });
  }
  subscribe(f: (e: Event) => void): () => void {
    this.listeners.add(f);
    return () => void this.listeners.delete(f);
  }
}

async function setUp(): Promise<{ ubusd: FakeUbusd; api: Asked; clock: VirtualClock; bus: Ubus; lua: Ubus }> {
  const ubusd = new FakeUbusd();
  const clock = new VirtualClock();
  const api = new Asked();
  const bus = new Ubus({ connect: () => ubusd.connect(), clock });
  const lua = new Ubus({ connect: () => ubusd.connect(), clock });
  await serveUbus(bus, api, { clock, log: { emit: () => {} }, captures: api });
  bus.start();
  lua.start();
  await ubusd.flush();
  return { ubusd, api, clock, bus, lua };
}
async function now<T>(ubusd: FakeUbusd, p: Promise<T>): Promise<T | UbusError> {
  const r = p.catch((e: unknown) => {
    if (e instanceof UbusError) return e;
    throw e;
  });
  await ubusd.flush();
  return r;
}
/** Tables come without a prototype. */
const plain = (x: unknown): unknown => JSON.parse(JSON.stringify(x));

test("methods and their arguments", async () => {
  const { ubusd, lua } = await setUp();
  const found = (await now(ubusd, lua.lookup("l2tpsec"))) as Awaited<ReturnType<Ubus["lookup"]>>;
  assert.deepEqual(plain(found[0]?.methods), {
    status: { name: 3, from: 5, count: 5, user: 3 },
    up: { name: 3 },
    down: { name: 3 },
    reload: {},
    disconnect: { session: 5 },
    doctor: { name: 3 },
    capture: { name: 3, seconds: 5, packets: 5, bytes: 5 },
    capture_read: { name: 3 },
    capture_stop: { name: 3 },
    peer_config: { name: 3, system: 3, server: 3, address: 3, routes: 3 },
    radius_test: { name: 3, user: 3, password: 3 },
    import: { text: 3 },
  });
});

test("calls reach the daemon; down is answered when the link is gone", async () => {
  const { ubusd, api, lua } = await setUp();
  assert.equal(await now(ubusd, lua.call("l2tpsec", "up", { name: "hq" })), null);
  assert.deepEqual(plain(await now(ubusd, lua.call("l2tpsec", "reload"))), { changed: "nothing changed" });
  assert.equal(await now(ubusd, lua.call("l2tpsec", "disconnect", { session: 7 })), null);
  const test = lua.call("l2tpsec", "radius_test", { name: "one", user: "u", password: "abc" });
  assert.deepEqual(plain(await now(ubusd, test)), {
    servers: [{ server: "one", address: "192.0.2.1", accepted: false, text: "u 3" }],
  });
  let answered = false;
  const down = lua.call("l2tpsec", "down", { name: "hq" }).then(() => {
    answered = true;
  });
  await ubusd.flush();
  assert.equal(answered, false);
  api.gone?.();
  await now(ubusd, down);
  assert.ok(answered);
  assert.deepEqual(api.log, ["up hq", "reload", "disconnect 7", "down hq"]);
});

test("what is refused ends with a status, and says why", async () => {
  const { ubusd, lua } = await setUp();
  const status = async (method: string, args: Table): Promise<number> => {
    const r = await now(ubusd, lua.call("l2tpsec", method, args));
    return r instanceof UbusError ? r.status : 0;
  };
  assert.equal(await status("status", { name: "nobody" }), 4);
  assert.equal(await status("up", { name: "bad" }), 9);
  assert.equal(await status("up", {}), 2);
  assert.equal(await status("up", { name: 5 }), 2);
  assert.equal(await status("disconnect", { session: "x" }), 2);
  assert.equal(await status("format-disk", {}), 3);
});

test("doctor: its stages; a page that cannot wait asks again, and joins the same run", async () => {
  const { ubusd, api, clock, lua } = await setUp();
  api.stages = [
    { name: "server", state: "ok", text: "a" },
    { name: "ike", state: "busy", text: "b" },
    { name: "ike", state: "failed", text: "no answer" },
  ];
  const first = lua.call("l2tpsec", "doctor", { name: "hq" });
  await ubusd.flush();
  api.doctored?.(false);
  const stages = [
    { name: "server", state: "ok", text: "a" },
    { name: "ike", state: "failed", text: "no answer" },
  ];
  assert.deepEqual(plain(await now(ubusd, first)), { stages, ok: false });
  const second = lua.call("l2tpsec", "doctor", { name: "hq" });
  await ubusd.flush();
  clock.advance(15_000);
  assert.deepEqual(plain(await now(ubusd, second)), { stages, ok: false, running: true });
  const third = lua.call("l2tpsec", "doctor", { name: "hq" });
  const another = lua.call("l2tpsec", "doctor", { name: "hq" });
  await ubusd.flush();
  assert.equal(api.runs, 2);
  clock.advance(8000);
  api.doctored?.(true);
  for (const p of [third, another]) assert.deepEqual(plain(await now(ubusd, p)), { stages, ok: true });
  // its end comes while nobody waits, and is kept for a while
  const fourth = lua.call("l2tpsec", "doctor", { name: "hq" });
  await ubusd.flush();
  clock.advance(15_000);
  await now(ubusd, fourth);
  api.doctored?.(true);
  await ubusd.flush();
  assert.deepEqual(plain(await now(ubusd, lua.call("l2tpsec", "doctor", { name: "hq" }))), { stages, ok: true });
  assert.equal(api.runs, 3);
  const fifth = lua.call("l2tpsec", "doctor", { name: "hq" });
  await ubusd.flush();
  assert.equal(api.runs, 4);
  api.doctored?.(false);
  assert.deepEqual(plain(await now(ubusd, fifth)), { stages, ok: false });
});

test("events are notifications while somebody listens; a peer's NUL does no harm", async () => {
  const { ubusd, api, lua } = await setUp();
  const seen: [string, Table][] = [];
  const emit = (e: Event): void => {
    for (const f of api.listeners) f(e);
  };
  const up: Event = {
    kind: "l2tp.tunnel-up",
    link: "hq",
    tunnel: 7,
    peerTunnel: 8,
    peerHost: "a\0<b>\u202e",
    peerVendor: "",
  };
  emit(up);
  const stop = (await now(
    ubusd,
    lua.subscribe("l2tpsec", (m, d) => {
      seen.push([m, d]);
      return 0;
    }),
  )) as () => Promise<void>;
  await ubusd.flush();
  emit(up);
  await ubusd.flush();
  assert.deepEqual(plain(seen), [
    [
      "link",
      { kind: "l2tp.tunnel-up", link: "hq", tunnel: 7, peerTunnel: 8, peerHost: "a\ufffd<b>\u202e", peerVendor: "" },
    ],
  ]);
  await now(ubusd, stop());
  emit(up);
  await ubusd.flush();
  assert.equal(seen.length, 1);
});

test("the object is there again after ubusd restarts, and events while it is away are no fault", async () => {
  const { ubusd, api, clock, lua } = await setUp();
  const seen: string[] = [];
  await now(
    ubusd,
    lua.subscribe("l2tpsec", (_, d) => {
      seen.push(String(d["why"]));
      return 0;
    }),
  );
  await ubusd.flush();
  const emit = (why: string): void => {
    for (const f of api.listeners) f({ kind: "daemon.stopping", link: "", why });
  };
  ubusd.stop();
  emit("away");
  ubusd.start();
  for (let i = 0; i < 8; i++) {
    clock.advance(500);
    await ubusd.flush();
  }
  emit("back");
  await ubusd.flush();
  assert.deepEqual(seen, ["back"]);
  assert.equal(await now(ubusd, lua.call("l2tpsec", "up", { name: "hq" })), null);
});

test("a status has a page of the sessions: no more than a message holds", async () => {
  const { ubusd, api, lua } = await setUp();
  for (const args of [{}, { from: 4000, count: 98 }, { from: -1, count: 5000 }, { count: -1 }, { user: "nemo" }])
    await now(ubusd, lua.call("l2tpsec", "status", args));
  assert.deepEqual(api.pages, [
    { from: 0, count: 1000, user: null },
    { from: 4000, count: 98, user: null },
    { from: 0, count: 1000, user: null },
    { from: 0, count: 0, user: null },
    { from: 0, count: 1000, user: "nemo" },
  ]);
});

test("the other side, and the way back", async () => {
  const { ubusd, api, lua } = await setUp();
  const call = async (method: string, args: Table): Promise<unknown> =>
    plain(await now(ubusd, lua.call("l2tpsec", method, args)));
  assert.deepEqual(await call("peer_config", { name: "a", system: "ios", routes: "10.0.0.0/8" }), {
    ...{ text: "a secret", file: "a.txt", content: "a secret" },
  });
  assert.deepEqual(api.log, [`peer ["","","10.0.0.0/8","a","ios"]`]);
  assert.ok(
    (await now(ubusd, lua.call("l2tpsec", "peer_config", { name: "nobody", system: "x" }))) instanceof UbusError,
  );
  assert.deepEqual(
    await call("import", {
      text: "uci set network.hq.proto=l2tpsec\nuci set network.hq.server=a\nuci set network.hq.ipsec=off",
    }),
    {
      sections: [
        {
          type: "interface",
          name: "hq",
          options: { proto: "l2tpsec", server: ["a"], ipsec: "off", defaultroute: "1" },
        },
      ],
    },
  );
  assert.ok((await now(ubusd, lua.call("l2tpsec", "import", { text: "nonsense" }))) instanceof UbusError);
});

test("a capture is fetched piece by piece, and ends when nobody does", async () => {
  const { ubusd, api, clock, lua } = await setUp();
  const call = async (method: string, args: Table = {}): Promise<unknown> =>
    plain(await now(ubusd, lua.call("l2tpsec", method, { name: "hq", ...args })));
  const refused = async (method: string, args: Table = {}): Promise<number> =>
    ((await now(ubusd, lua.call("l2tpsec", method, { name: "hq", ...args }))) as UbusError).status;
  assert.equal(await refused("capture_read"), 4);
  assert.equal(await refused("capture", { seconds: 0 }), 2);
  assert.equal(await call("capture", { seconds: 10, bytes: 999_999_999 }), null);
  assert.deepEqual(api.captured?.limits, { seconds: 10, packets: 5000, bytes: 2_000_000 });
  assert.equal(await refused("capture", { name: "lns" }), 9);
  api.captured?.send(Uint8Array.of(1, 2));
  api.captured?.send(Uint8Array.of(3));
  assert.deepEqual(await call("capture_read"), { data: "010203" });
  assert.deepEqual(await call("capture_read"), { data: "" });
  for (let i = 0; i < 3; i++) api.captured?.send(new Uint8Array(60_000));
  assert.equal(await call("capture_stop"), null);
  const sizes: number[] = [];
  for (let i = 0; i < 3; i++) {
    const r = (await call("capture_read")) as { data: string; end?: unknown };
    sizes.push(r.data.length / 2);
    assert.deepEqual(r.end, i === 2 ? { packets: 1, bytes: 3, cut: 0, why: "client" } : undefined);
  }
  assert.deepEqual(sizes, [60_000, 60_000, 60_000]);
  assert.equal(await refused("capture_read"), 4);
  await call("capture");
  clock.advance(14_999);
  assert.deepEqual(await call("capture_read"), { data: "" });
  clock.advance(15_001);
  assert.equal(await refused("capture_read"), 4);
  assert.equal(await call("capture", { name: "lns" }), null);
});

test("the status of real daemons goes over the bus unchanged", async () => {
  const w = new World();
  const s = w.site(w.net.host("server", ["198.51.100.2"]), SERVER_CONF);
  const c = w.site(w.net.host("client", ["203.0.113.2"]), clientConf());
  await w.until(() => c.daemon.status("hq")["hq"]?.state === "up", 5000, "up", c, s);
  const { ubusd, lua, bus } = await setUp();
  const other = new Ubus({ connect: () => ubusd.connect(), clock: new VirtualClock() });
  bus.close();
  await ubusd.flush();
  await serveUbus(other, c.daemon, { clock: w.clock, log: { emit: () => {} }, captures: c.daemon });
  other.start();
  await ubusd.flush();
  assert.deepEqual(
    plain(await now(ubusd, lua.call("l2tpsec", "status"))),
    JSON.parse(JSON.stringify(c.daemon.status(null))),
  );
  assert.deepEqual(toTable({ a: undefined, b: null }), { a: null, b: null });
});

test("a round trip over a UNIX socket takes at most 1 ms", async () => {
  const dir = mkdtempSync(`${tmpdir()}/ubus-`);
  const double = await listenUbusd(`${dir}/ubus.sock`);
  try {
    const api = new Asked();
    const bus = double.client();
    await serveUbus(bus, api, { clock: nodeClock, log: { emit: () => {} }, captures: api });
    const caller = double.client();
    while ((await caller.lookup("l2tpsec").catch(() => [])).length === 0) await new Promise((r) => setTimeout(r, 5));
    const [found] = await caller.lookup("l2tpsec");
    assert.ok(found);
    const times: number[] = [];
    for (let i = 0; i < 600; i++) {
      const t = performance.now();
      await caller.invoke(found.id, "status", []);
      times.push(performance.now() - t);
    }
    const median = times.slice(100).sort((a, b) => a - b)[250] as number;
    console.log(`# ubus round trip, median of 500: ${median.toFixed(3)} ms`);
    assert.ok(median <= 1, `${median} ms`);
  } finally {
    double.close();
    rmSync(dir, { recursive: true });
  }
});
