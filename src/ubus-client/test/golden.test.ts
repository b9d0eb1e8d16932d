// Conversations recorded between real clients and a real ubusd, byte for byte.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { VirtualClock } from "../../../test/sim/virtual-clock.ts";
import { concat, hex, unhex } from "../../core/text.ts";
import type { ByteStream } from "../api.ts";
import { fromFields, readFields, writeFields } from "../blobmsg.ts";
import { Ubus } from "../connection.ts";
import { ATTR, encode, getBytes, getFlag, getText, getU32, type Message, MessageReader, MSG } from "../message.ts";
import type { Request } from "../method.ts";
import { UbusError } from "../status.ts";

interface Line {
  conn: number;
  role: string;
  dir: "c2s" | "s2c" | "-";
  hex?: string;
  event?: string;
}

const DIR = "test/golden/ubus";
const files = readdirSync(DIR)
  .filter((f) => f.endsWith(".trace"))
  .sort();
const lines = (f: string): Line[] =>
  readFileSync(`${DIR}/${f}`, "utf8")
    .trim()
    .split("\n")
    .map((l) => JSON.parse(l));
const bytesOf = (l: Line): Uint8Array => unhex(l.hex ?? "") ?? new Uint8Array(0);

function decode(b: Uint8Array): Message {
  const out: Message[] = [];
  new MessageReader().push(b, (m) =>
    out.push({ ...m, attrs: m.attrs.map((a) => ({ id: a.id, payload: a.payload.slice() })) }),
  );
  assert.equal(out.length, 1);
  return out[0] as Message;
}

test("every recorded message and every blobmsg in it encodes to the bytes it came from", () => {
  let n = 0;
  for (const f of files) {
    for (const l of lines(f).filter((x) => x.hex)) {
      const m = decode(bytesOf(l));
      assert.equal(hex(encode(m)), l.hex, f);
      // Monitored messages carry attributes of their own.
      if (m.type === MSG.MONITOR || l.role === "monitor" || f.startsWith("14")) continue;
      for (const id of [ATTR.DATA, ATTR.SIGNATURE]) {
        const p = getBytes(m, id);
        if (p) assert.equal(hex(writeFields(readFields(p))), hex(p), f);
      }
      n++;
    }
  }
  assert.ok(n > 300, `${n} messages`);
});

test("a conversation cut at every byte gives the same messages", () => {
  const all = lines("06-object-register-invoke-remove.trace").filter((l) => l.hex && l.dir === "s2c");
  const whole = concat(all.map(bytesOf));
  for (let cut = 0; cut <= whole.length; cut++) {
    const got: string[] = [];
    const r = new MessageReader();
    r.push(whole.subarray(0, cut), (m) => got.push(hex(encode(m))));
    r.push(whole.subarray(cut), (m) => got.push(hex(encode(m))));
    assert.deepEqual(
      got,
      all.map((l) => l.hex),
    );
  }
});

const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

/** Feeds what ubusd said, does what the recorded program did, and compares what goes out. */
async function replay(ls: readonly Line[], where: string): Promise<number> {
  const sent: string[] = [];
  const stream: ByteStream = {
    send: (d) => void sent.push(hex(d)),
    close: () => {},
    onData: () => {},
    onClose: () => {},
  };
  const bus = new Ubus({ connect: async () => stream, clock: new VirtualClock() });
  const open = new Map<string, Request>();
  const objects = new Map<
    number,
    { remove(): Promise<void>; notify: (m: string, d: never, o: object) => Promise<unknown> }
  >();
  const subscriberAnswers = ls
    .filter((l) => l.hex && l.dir === "c2s")
    .map((l) => decode(bytesOf(l)))
    .filter((m) => m.type === MSG.STATUS)
    .map((m) => getU32(m, ATTR.STATUS) ?? 0);
  const invoked: string[] = [];
  let waiting: { promise: Promise<unknown>; id: number | null } | null = null;
  let stop: (() => Promise<void>) | null = null;
  bus.start();
  await settle();
  let compared = 0;
  for (let i = 0; i < ls.length; i++) {
    const l = ls[i] as Line;
    if (!l.hex) continue;
    const m = decode(bytesOf(l));
    if (l.dir === "s2c") {
      if (m.type === MSG.INVOKE) invoked.push(`${m.peer}/${m.seq}`);
      if (m.type === MSG.DATA && waiting && waiting.id === null) waiting.id = getU32(m, ATTR.OBJID);
      stream.onData(bytesOf(l));
      await settle();
      continue;
    }
    if (sent.length === 0) {
      const quiet = (p: Promise<unknown>): void =>
        void p.catch((e) => assert.ok(e instanceof UbusError, `${where}: ${e}`));
      const key = `${m.peer}/${m.seq}`;
      const path = getText(m, ATTR.OBJPATH);
      if (m.type === MSG.LOOKUP) quiet(bus.lookup(path ?? undefined));
      else if (m.type === MSG.INVOKE)
        quiet(
          bus.invoke(m.peer, getText(m, ATTR.METHOD) ?? "", readFields(getBytes(m, ATTR.DATA) ?? new Uint8Array(0))),
        );
      else if (m.type === MSG.ADD_OBJECT && path === null) {
        const next = ls.slice(i + 1).find((x) => x.hex && x.dir === "c2s");
        const after = next ? decode(bytesOf(next)) : null;
        if (after?.type === MSG.LOOKUP) {
          quiet(
            bus
              .subscribe(getText(after, ATTR.OBJPATH) ?? "", (method) =>
                method === "lab.acked" ? subscriberAnswers.shift() : 0,
              )
              .then((s) => (stop = s)),
          );
        } else {
          const args = fromFields(readFields((after && getBytes(after, ATTR.DATA)) ?? new Uint8Array(0)));
          quiet(bus.listen(String(args["pattern"]), () => {}));
        }
      } else if (m.type === MSG.ADD_OBJECT) {
        let signature = getBytes(m, ATTR.SIGNATURE);
        if (!signature) {
          const first = ls.find((x) => x.hex && x.dir === "c2s" && getBytes(decode(bytesOf(x)), ATTR.SIGNATURE));
          signature = first ? getBytes(decode(bytesOf(first)), ATTR.SIGNATURE) : null;
        }
        const methods = Object.fromEntries(
          Object.entries(fromFields(readFields(signature ?? new Uint8Array(0)))).map(([name, args]) => [
            name,
            { args: { ...(args as object) }, call: (r: Request) => void open.set(invoked.at(-1) ?? "", r) },
          ]),
        );
        const id = { id: null as number | null };
        const promise = bus.add({ path: path ?? "", methods: methods as never });
        waiting = { promise, id: null };
        const w = waiting;
        quiet(promise.then((r) => objects.set(w.id ?? id.id ?? 0, r as never)));
      } else if (m.type === MSG.REMOVE_OBJECT)
        quiet(objects.get(getU32(m, ATTR.OBJID) ?? 0)?.remove() ?? Promise.resolve());
      else if (m.type === MSG.UNSUBSCRIBE) quiet((stop as (() => Promise<void>) | null)?.() ?? Promise.resolve());
      else if (m.type === MSG.NOTIFY) {
        quiet(
          objects
            .get(m.peer)
            ?.notify(
              getText(m, ATTR.METHOD) ?? "",
              fromFields(readFields(getBytes(m, ATTR.DATA) ?? new Uint8Array(0))) as never,
              { ack: !getFlag(m, ATTR.NO_REPLY) },
            ) ?? Promise.resolve(),
        );
      } else if (m.type === MSG.DATA) open.get(key)?.reply(readFields(getBytes(m, ATTR.DATA) ?? new Uint8Array(0)));
      else if (m.type === MSG.STATUS) open.get(key)?.done(getU32(m, ATTR.STATUS) ?? 0);
      await settle();
    }
    assert.equal(sent.shift(), l.hex, `${where}, line ${i + 1}`);
    compared++;
  }
  bus.close();
  return compared;
}

for (const f of files.filter((x) => !x.startsWith("16"))) {
  test(`the client says what the recorded programs said: ${f}`, async () => {
    const conns = new Map<number, Line[]>();
    for (const l of lines(f)) conns.set(l.conn, [...(conns.get(l.conn) ?? []), l]);
    // The monitor itself asks with attributes that are no blobmsg: this client has no such call.
    const watches = (l: Line): boolean => l.hex !== undefined && decode(bytesOf(l)).type === MSG.MONITOR;
    for (const [n, ls] of conns)
      if (!ls.some(watches) && ls.some((l) => l.hex && l.dir === "c2s"))
        assert.ok((await replay(ls, `${f} connection ${n}`)) > 0);
  });
}
