// The private halves of Diffie-Hellman keys, and the shared secrets, die with the exchange they were for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { IkeManager } from "../../src/ike/manager.ts";
import { parseEspProposal } from "../../src/ike/proposals.ts";
import type { DhKey } from "../../src/ports/ports.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { client, Host, Net, server } from "./double.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

test("after both phases with perfect forward secrecy no Diffie-Hellman key is left", async () => {
  const made: WeakRef<DhKey>[] = [];
  const crypto = {
    ...nodeCrypto,
    dh: (group: Parameters<typeof nodeCrypto.dh>[0]): DhKey => {
      const key = nodeCrypto.dh(group);
      made.push(new WeakRef(key));
      return key;
    },
  };
  const net = new Net();
  const [a, b] = [new Host(net, "10.0.0.1"), new Host(net, "10.0.0.2")];
  const log = { emit: (): void => {} };
  const { clock } = net;
  const wallClock = (): number => 0;
  const [ia, ib] = [a, b].map(({ port, plane }) => new IkeManager({ clock, crypto, log, port, plane, wallClock }));
  const pfs = { espProposals: [parseEspProposal("aes256-sha256-x25519")] };
  ib?.addResponder(server(pfs), b);
  ia?.connect(client(b.address, a.address, pfs), a);
  await net.run(300);
  assert.deepEqual([made.length, a.ups.length, b.ups.length], [4, 1, 1]);
  await new Promise((done) => setTimeout(done, 1)); // what was looked at in this turn is kept alive until its end
  collect();
  assert.deepEqual(
    made.map((k) => k.deref() === undefined),
    [true, true, true, true],
  );
});
