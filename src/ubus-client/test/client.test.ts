import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runs } from "../../../test/runs.ts";
import { VirtualClock } from "../../../test/sim/virtual-clock.ts";
import { type Field, fromField, fromFields, readFields, TYPE, toFields, type Value, writeFields } from "../blobmsg.ts";
import { Ubus } from "../connection.ts";
import { encode, MessageReader } from "../message.ts";
import type { Request } from "../method.ts";
import { STATUS, UbusError } from "../status.ts";
import { FakeUbusd } from "./ubusd.ts";

function bench() {
  const bus = new FakeUbusd();
  const clock = new VirtualClock();
  const states: boolean[] = [];
  const client = (): Ubus => {
    const u = new Ubus({ connect: () => bus.connect(), clock, onState: (up) => states.push(up) });
    u.start();
    return u;
  };
  /** The promise's end, with the bus delivering meanwhile. */
  const over = async <T>(p: Promise<T>): Promise<T> => {
    p.catch(() => {});
    await bus.flush();
    return p;
  };
  return { bus, clock, states, client, over };
}

const status = (code: number) => (e: unknown) => e instanceof UbusError && e.status === code;

const adder = (open: Request[] = []) => ({
  path: "test",
  methods: {
    add: {
      args: { a: TYPE.INT32, b: TYPE.INT32 },
      required: ["a", "b"],
      call: (r: Request) => {
        r.reply({ sum: Number(r.args["a"]) + Number(r.args["b"]) });
        r.done();
      },
    },
    later: { call: (r: Request) => void open.push(r) },
    fail: {
      call: () => {
        throw new UbusError(STATUS.PERMISSION_DENIED, "fail");
      },
    },
    broken: {
      call: () => {
        throw new Error("defect");
      },
    },
  },
});

test("methods: answers, policies, statuses of errors, unknown names", async () => {
  const { bus, client, over } = bench();
  const server = client();
  const c = client();
  await bus.flush();
  await over(server.add(adder()));
  assert.deepEqual({ ...(await over(c.call("test", "add", { a: 2, b: 3, ubus_rpc_session: "x" }))) }, { sum: 5 });
  await assert.rejects(over(c.call("test", "add", { a: "2", b: 3 })), status(STATUS.INVALID_ARGUMENT));
  await assert.rejects(over(c.call("test", "add", { a: 2 })), status(STATUS.INVALID_ARGUMENT));
  await assert.rejects(over(c.call("test", "none")), status(STATUS.METHOD_NOT_FOUND));
  await assert.rejects(over(c.call("test", "toString")), status(STATUS.METHOD_NOT_FOUND));
  await assert.rejects(over(c.call("test", "fail")), status(STATUS.PERMISSION_DENIED));
  await assert.rejects(over(c.call("test", "broken")), status(STATUS.UNKNOWN_ERROR));
  await assert.rejects(over(c.call("none", "add")), status(STATUS.NOT_FOUND));
  await assert.rejects(over(c.call("test", "add", { x: "y".repeat(1024 * 1024) })), status(STATUS.NO_MEMORY));
  assert.deepEqual({ ...(await over(c.lookup("te*")))[0]?.methods["add"] }, { a: 5, b: 5 });
  await assert.rejects(over(server.add(adder())), status(STATUS.INVALID_ARGUMENT), "a name twice");
});

test("a deferred reply; a provider that dies is a time-out", async () => {
  const { bus, clock, client, over } = bench();
  const open: Request[] = [];
  const server = client();
  const c = client();
  await bus.flush();
  const object = await over(server.add(adder(open)));
  const p = c.call("test", "later");
  await bus.flush();
  clock.advance(5000);
  open[0]?.reply({ at: "last" });
  open[0]?.done();
  open[0]?.done();
  assert.deepEqual({ ...(await over(p)) }, { at: "last" });
  const q = c.call("test", "later", {}, { timeout: 1000 });
  q.catch(() => {});
  await bus.flush();
  await over(object.remove());
  clock.advance(1000);
  await assert.rejects(q, status(STATUS.TIMEOUT));
  assert.equal(clock.pending().length, 0);
});

test("notifications with and without acknowledgement, events with patterns, and their ends", async () => {
  const { bus, client, over } = bench();
  const [server, a, b] = [client(), client(), client()];
  await bus.flush();
  const any: boolean[] = [];
  const object = await over(server.add({ ...adder(), onSubscribers: (x) => any.push(x) }));
  const seen: string[] = [];
  const stopA = await over(a.subscribe("test", (m) => seen.push(`a ${m}`) * 0));
  await over(b.subscribe("test", (m) => seen.push(`b ${m}`) * 0 + STATUS.NO_DATA));
  await over(object.notify("plain", { x: 1 }));
  assert.deepEqual(await over(object.notify("acked", {}, { ack: true })), [0, STATUS.NO_DATA]);
  assert.deepEqual(seen.sort(), ["a acked", "a plain", "b acked", "b plain"]);
  await over(stopA());
  assert.deepEqual(await over(object.notify("acked", {}, { ack: true })), [STATUS.NO_DATA]);
  const events: string[] = [];
  const stop = await over(a.listen("lab.*", (name, d) => events.push(`${name} ${d["x"]}`)));
  await over(b.sendEvent("lab.one", { x: 1 }));
  await over(b.sendEvent("other", { x: 2 }));
  await over(stop());
  await over(b.sendEvent("lab.two", { x: 3 }));
  assert.deepEqual(events, ["lab.one 1"]);
  b.close();
  await bus.flush();
  assert.deepEqual(any, [true, false]);
});

test("ubusd restarts: calls fail, everything comes back, with a back-off", async () => {
  const { bus, clock, states, client, over } = bench();
  const server = client();
  const c = client();
  await bus.flush();
  const object = await over(server.add(adder()));
  const seen: string[] = [];
  await over(c.subscribe("test", (m) => seen.push(m) * 0));
  await over(c.listen("ev", (m) => seen.push(m)));
  const under = c.call("test", "later");
  under.catch(() => {});
  await bus.flush();
  bus.stop();
  await assert.rejects(under, status(STATUS.CONNECTION_FAILED));
  await assert.rejects(object.notify("lost", {}), status(STATUS.NOT_FOUND));
  assert.equal(bus.objects.size, 0);
  for (let i = 0; i < 20; i++) {
    clock.advance(1000);
    await bus.flush();
  }
  bus.start();
  for (let i = 0; i < 11; i++) {
    clock.advance(1000);
    await bus.flush();
  }
  assert.deepEqual({ ...(await over(c.call("test", "add", { a: 1, b: 1 }))) }, { sum: 2 });
  await over(object.notify("again", {}));
  await over(server.sendEvent("ev", {}));
  assert.deepEqual(seen, ["again", "ev"]);
  assert.deepEqual(states, [true, true, false, false, true, true]);
});

test("10,000 calls leave nothing behind", async () => {
  const { bus, clock, client, over } = bench();
  const server = client();
  const c = client();
  await bus.flush();
  await over(server.add(adder()));
  const id = (await over(c.lookup("test")))[0]?.id ?? 0;
  for (let i = 0; i < 100; i++) {
    const calls = Array.from({ length: 100 }, (_, j) => c.invoke(id, "add", toFields({ a: i, b: j })));
    const answers = await over(Promise.all(calls));
    for (const [j, a] of answers.entries()) assert.equal(a[0]?.[0]?.type === TYPE.INT32 && a[0][0].value, i + j);
  }
  assert.equal(clock.pending().length, 0);
});

const leaf: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.string({ unit: "grapheme" }).map((s) => s.replaceAll("\0", "")),
  fc.constant(0.5),
);
const value = fc.letrec<{ v: Value }>((tie) => ({
  v: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("v"), { maxLength: 4 }),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), tie("v"), { maxKeys: 4, noNullPrototype: false }),
  ),
})).v;

test("nested values round trip; 64-bit integers are bigint on request and numbers otherwise", () => {
  const plain = (v: Value): unknown => {
    if (v === null || typeof v !== "object") return v;
    return Array.isArray(v) ? v.map(plain) : Object.fromEntries(Object.entries(v).map(([k, x]) => [k, plain(x)]));
  };
  fc.assert(
    fc.property(value, (v) => {
      const bytes = writeFields(toFields({ v }));
      const back = readFields(bytes);
      assert.deepEqual(plain(fromFields(back, { bigint: true })["v"] ?? null), plain(v));
      assert.deepEqual(writeFields(back), bytes);
    }),
    { numRuns: 400 },
  );
  const big: Field = { type: TYPE.INT64, name: "", value: 4294967295n };
  assert.equal(fromField(big), 4294967295);
  assert.equal(fromField(big, { bigint: true }), 4294967295n);
});

test("any bytes: values or PARSE_ERROR, and never more than 32 levels", () => {
  const tame = (f: () => void): void => {
    try {
      f();
    } catch (e) {
      assert.ok(e instanceof UbusError && e.status === STATUS.PARSE_ERROR, String(e));
    }
  };
  const good = encode({
    type: 5,
    seq: 1,
    peer: 2,
    attrs: [{ id: 7, payload: writeFields(toFields({ a: [1, { b: "c" }], d: 2n })) }],
  });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(good.length - 1), fc.nat(255), (any, at, x) => {
      tame(() => void readFields(any));
      tame(() => new MessageReader().push(any, () => {}));
      const bent = good.slice();
      bent[at] = x;
      tame(() => new MessageReader().push(bent, (m) => m.attrs.map((a) => readFields(a.payload))));
    }),
    { numRuns: runs(1500) },
  );
  let deep: Field = { type: TYPE.INT32, name: "x", value: 1 };
  for (let i = 0; i < 40; i++) deep = { type: TYPE.TABLE, name: "x", value: [deep] };
  assert.throws(() => writeFields([deep]), status(STATUS.INVALID_ARGUMENT));
});

test("a message with a bad length ends the connection, which is made anew", async () => {
  const { bus, clock, states, client } = bench();
  client();
  await bus.flush();
  for (const c of [...bus.clients.values()]) c.stream.onData(Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3));
  await bus.flush();
  clock.advance(250);
  await bus.flush();
  assert.deepEqual(states, [true, false, true]);
});
