// From the kernel's data plane to userspace, and when not: what carries the packets here is memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallChannel } from "../../src/dataplane/dataplane.ts";
import { isUp, SERVER_IP } from "./pair.ts";
import { client, clientConf, SERVER_CONF, type Site, World } from "./world.ts";

const REFUSAL = "cannot open an L2TP call in the kernel: EPROTONOSUPPORT";

/** A client whose kernel says that it can; `broken` is asked of each call in it. */
function sites(w: World, more: string, broken: () => boolean): { a: Site; b: Site; calls: CallChannel[] } {
  const kernel = { why: () => null, has: () => true };
  const b = w.site(w.net.host("b", [SERVER_IP]), SERVER_CONF);
  const a = w.site(w.net.host("a", ["203.0.113.1"]), clientConf(more), { kernel });
  const calls: CallChannel[] = [];
  const { l2tp } = a.plane;
  const openTunnel = l2tp.openTunnel.bind(l2tp);
  l2tp.openTunnel = (spec) => {
    const tunnel = openTunnel(spec);
    return {
      close: () => tunnel.close(),
      openCall: (o) => {
        const call = tunnel.openCall(o);
        calls.push(call);
        if (client(a).dataplane === "kernel" && broken()) call.send = () => call.onDown(REFUSAL);
        return call;
      },
    };
  };
  return { a, b, calls };
}

test("a kernel that refuses the call: auto goes to userspace with the next attempt, and says why", async () => {
  const w = new World();
  const { a, b } = sites(w, "", () => true);
  await w.until(() => isUp(a), 60_000, "up", a, b);
  const { dataplane, dataplane_why } = client(a);
  assert.equal(dataplane, "userspace");
  assert.ok(dataplane_why.startsWith("kernel: no, ") && dataplane_why.includes(REFUSAL), dataplane_why);
});

test("dataplane = kernel does not: it fails with the kernel's words", async () => {
  const w = new World();
  const { a, b } = sites(w, "dataplane = kernel", () => true);
  await w.until(() => client(a).error !== null, 60_000, "a failure", a, b);
  await w.run(60_000);
  assert.deepEqual([client(a).dataplane, isUp(a)], ["kernel", false]);
  assert.ok(client(a).error?.text.includes(REFUSAL), JSON.stringify(client(a).error));
});

test("a call of the kernel's that stood, and lost its netdev, is made again in the kernel", async () => {
  const w = new World();
  const { a, b, calls } = sites(w, "", () => false);
  await w.until(() => isUp(a), 60_000, "up", a, b);
  calls[0]?.onDown("the interface l2tps-hq is gone");
  await w.until(() => !isUp(a), 60_000, "down", a, b);
  await w.until(() => isUp(a), 60_000, "up again", a, b);
  assert.deepEqual([client(a).dataplane, client(a).dataplane_why], ["kernel", ""]);
});
