// A channel that answers Echo-Requests by itself, as the fast path does, and LCP above it, which asks after silence.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CODE } from "../../src/ppp/cp.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, join, SERVER, Side } from "./pair.ts";

const INTERVAL = 10;
const echo = { failures: 5, intervalSeconds: INTERVAL };
const isEcho = (f: Uint8Array): boolean => f[2] === 0xc0 && f[3] === 0x21 && f[4] === CODE.echoRequest;

/** Client and server, both up; the server's channel takes the client's Echo-Requests for itself, and answers. */
function answering(
  clock: VirtualClock,
  allowed = true,
): { c: Side; s: Side; asked: { c: number; s: number }; frames: () => number } {
  const c = new Side(clock, { ...CLIENT, echo });
  const s = new Side(clock, { ...SERVER, echo: { ...echo, yields: true } });
  join(clock, c.channel, s.channel);
  const asked = { c: 0, s: 0 };
  let [answered, last, frames] = [0, 0, 0];
  const [fromC, fromS, deliver] = [c.channel.out, s.channel.out, s.channel.deliver.bind(s.channel)];
  s.channel.deliver = (f) => {
    const may = s.channel.links.at(-1)?.echo;
    if (!isEcho(f) || !may || !allowed) {
      frames++;
      return deliver(f);
    }
    answered++;
    last = clock.now();
    const reply = f.slice();
    reply[4] = CODE.echoReply;
    new DataView(reply.buffer).setUint32(8, may.magic);
    fromS(reply);
  };
  s.channel.echoes = () => ({ answered, agoMs: answered > 0 ? clock.now() - last : 0 });
  c.channel.out = (f) => {
    if (isEcho(f)) asked.c++;
    fromC(f);
  };
  s.channel.out = (f) => {
    if (isEcho(f)) asked.s++;
    fromS(f);
  };
  c.session.start();
  s.session.start();
  clock.advance(1000);
  return { c, s, asked, frames: () => frames };
}

test("the channel is told our magic number and the peer's MRU while LCP is open", () => {
  const clock = new VirtualClock();
  const { s } = answering(clock);
  const last = s.channel.links.at(-1);
  assert.ok(last?.echo && last.echo.magic !== 0);
  assert.equal(last.echo.longest, 1400);
  s.session.stop({ layer: "config", code: "stopped", text: "" });
  clock.advance(100);
  assert.equal(s.channel.links.at(-1)?.echo, undefined, "a session that ends answers nobody");
});

test("the peer is not asked while the channel answers it, and LCP hears of nothing", () => {
  const clock = new VirtualClock();
  const { c, s, asked, frames } = answering(clock);
  const before = frames();
  clock.advance(200_000);
  assert.deepEqual(asked, { c: 20, s: 0 });
  assert.equal(frames(), before);
  assert.deepEqual([c.downs.length, s.downs.length], [0, 0]);
});

test("a peer that falls silent is noticed as soon as one whose questions came by here", () => {
  const at = (answers: boolean): number => {
    const clock = new VirtualClock();
    const { c, s } = answering(clock, answers);
    clock.advance(103_000);
    assert.equal(s.downs.length, 0);
    c.channel.out = s.channel.out = () => {};
    for (let ms = 0; ms < 120_000; ms += 100) {
      if (s.downs.length > 0) return ms;
      clock.advance(100);
    }
    return Number.NaN;
  };
  const there = at(false);
  assert.ok(there > 5 * INTERVAL * 1000 && there < 6.5 * INTERVAL * 1000, `${there} ms`);
  assert.equal(at(true), there);
});
