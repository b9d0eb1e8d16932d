// Two planes as one: what is whose, with two planes in memory that are asked and do nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Packet } from "../../src/core/packet.ts";
import { PlanesBeside } from "../../src/dataplane/beside.ts";
import type {
  CallChannel,
  DataPlane,
  IpConfig,
  KernelBeside,
  L2tpRemote,
  SaSpec,
  ServerNet,
} from "../../src/dataplane/dataplane.ts";
import { NonePlane } from "../../src/dataplane/none.ts";
import type { Endpoint } from "../../src/ports/ports.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { SimNet } from "../sim/simnet.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { KEYS } from "./contract.ts";

const HERE = "192.0.2.1";
const THERE: Endpoint = { address: "192.0.2.2", port: 4500 };
const LOCAL: Endpoint = { address: HERE, port: 4500 };
const NET: Omit<ServerNet, "ifname"> = { mtu: 1400, local4: "10.9.9.1", local6: null, pool: [], clampMss: false };

interface Both {
  readonly both: PlanesBeside;
  readonly userspace: NonePlane;
  readonly kernel: NonePlane & KernelBeside;
  /** Of the kernel's. */
  readonly strayed: string[];
  opened(): number;
}
function planes(knows: (spi: number) => boolean = () => false): Both {
  const clock = new VirtualClock();
  const net = new SimNet(clock, 1);
  const strayed: string[] = [];
  const deps = { clock, rng: nodeCrypto };
  const userspace = new NonePlane({ ...deps, net: net.host("u", [HERE]) });
  const kernel = Object.assign(new NonePlane({ ...deps, net: net.host("k", ["192.0.2.9"]) }), {
    strayed: (spi: number, from: Endpoint) => {
      strayed.push(`${spi} ${from.address}`);
      return knows(spi);
    },
  });
  let opened = 0;
  const both = new PlanesBeside(userspace, () => {
    opened++;
    return kernel;
  });
  return { both, userspace, kernel, strayed, opened: () => opened };
}
const spec = (spi: number): SaSpec => ({
  ...{ spi, cipher: "aes128", integ: "sha1", keys: KEYS, local: LOCAL, remote: THERE, udpEncap: true },
  ...{ localPort: 0, remotePort: 0, hardBytes: 0, hardPackets: 0 },
});
const flows = (p: NonePlane): number => p.ipsec.sizes()["flows"] ?? 0;
function call(plane: DataPlane, remote: L2tpRemote, id: number): CallChannel {
  const tunnel = plane.l2tp.openTunnel({ localId: id, peerId: 1, remote });
  return tunnel.openCall({ localId: id, peerId: 1, sequencing: false, mru: 1400 });
}

test("a flow is the plane's in which it was placed, to its end; the kernel opens once", async () => {
  const p = planes();
  p.both.ipsec.place(1, "kernel");
  assert.equal(flows(p.kernel), 0);
  p.both.openKernel();
  p.both.openKernel();
  assert.equal(p.opened(), 1);
  p.both.ipsec.place(2, "userspace");
  for (const flow of [1, 2, 3]) {
    const spi = p.both.ipsec.allocateSpi(flow === 1 ? "kernel" : "userspace");
    await p.both.ipsec.addInbound(flow, spec(spi));
    await p.both.ipsec.addOutbound(flow, spec(77));
  }
  assert.deepEqual([flows(p.kernel), flows(p.userspace)], [1, 2]);
  await p.both.ipsec.move(1, LOCAL, { ...THERE, port: 4501 });
  assert.equal(p.kernel.ipsec.outer(1)?.remote.port, 4501);
  assert.deepEqual(p.both.ipsec.counters(1, "out", 77), p.kernel.ipsec.counters(1, "out", 77));
  p.both.ipsec.place(1, null); // what is removed after that is found all the same
  const [spi = 0] = [p.both.ipsec.allocateSpi("kernel")];
  p.both.ipsec.releaseSpi(spi);
  await p.both.ipsec.remove(1, "out", 77);
  assert.deepEqual([p.kernel.ipsec.sizes()["outbound"], p.userspace.ipsec.sizes()["outbound"]], [0, 2]);
});

test("what either plane tells of its SAs is heard; a packet of the kernel's SA is no unknown SPI", () => {
  const p = planes((spi) => spi === 7);
  const heard: string[] = [];
  p.both.ipsec.onMapping = (flow) => void heard.push(`mapping ${flow}`);
  p.both.ipsec.onLost = (flow) => void heard.push(`lost ${flow}`);
  p.both.ipsec.onUnknownSpi = (_, spi) => void heard.push(`unknown ${spi}`);
  p.userspace.ipsec.onUnknownSpi(THERE, 7);
  p.both.openKernel();
  p.userspace.ipsec.onMapping(1, THERE);
  p.kernel.ipsec.onMapping(2, THERE);
  p.kernel.ipsec.onLost(2);
  p.userspace.ipsec.onUnknownSpi(THERE, 7);
  p.userspace.ipsec.onUnknownSpi(THERE, 8);
  assert.deepEqual(heard, ["unknown 7", "mapping 1", "mapping 2", "lost 2", "unknown 8"]);
  assert.deepEqual(p.strayed, ["7 192.0.2.2", "8 192.0.2.2"]);
});

test("IKE has the userspace plane's sockets, and hears what comes to the kernel's", () => {
  for (const order of ["kernel first", "IKE first"]) {
    const p = planes();
    if (order === "kernel first") p.both.openKernel();
    const got: string[] = [];
    p.both.ikePort().onMessage = (m) => void got.push(Buffer.from(m.view()).toString());
    p.both.openKernel();
    assert.equal(p.both.ikePort(), p.both.ikePort());
    p.kernel.ikePort().onMessage(Packet.of(Buffer.from("k")), LOCAL, THERE);
    p.userspace.ikePort().onMessage(Packet.of(Buffer.from("u")), LOCAL, THERE);
    assert.deepEqual(got, ["k", "u"], order);
  }
});

test("L2TP goes the way of its flow, and in the clear that of the plane which opened the port", async () => {
  const p = planes();
  p.both.openKernel();
  p.both.ipsec.place(1, "kernel");
  const sent: string[] = [];
  const note = (name: string) => (r: L2tpRemote) => {
    sent.push(`${name} ${r.flow} ${r.localPort}`);
    return true;
  };
  p.userspace.l2tp.sendControl = note("userspace");
  p.kernel.l2tp.sendControl = note("kernel");
  const clear = await p.both.l2tp.openClear({ address: "0.0.0.0", port: 1705 }, "kernel");
  const again = await p.both.l2tp.openClear({ address: "0.0.0.0", port: 1705 }, "kernel");
  const other = await p.both.l2tp.openClear({ address: "0.0.0.0", port: 1706 });
  const send = (r: L2tpRemote): boolean => p.both.l2tp.sendControl(r, new Uint8Array(1));
  send(p.both.l2tp.secureRemote(1, 1701, 1701));
  send(p.both.l2tp.secureRemote(2, 1701, 1701));
  const remote = clear.remote({ address: THERE.address, port: 1701 });
  clear.close();
  send(remote);
  send(other.remote({ address: THERE.address, port: 1701 }));
  again.close();
  send(remote);
  const way = ["kernel 1 1701", "userspace 2 1701", "kernel 0 1705", "userspace 0 1706", "userspace 0 1705"];
  assert.deepEqual(sent, way);
  const heard: L2tpRemote[] = [];
  p.both.l2tp.onControl = (r) => void heard.push(r);
  for (const plane of [p.kernel, p.userspace]) plane.l2tp.onControl(remote, Packet.of(new Uint8Array(1)));
  assert.equal(heard.length, 2);
});

test("netdevs are the plane's that has the call; no network has two users, whichever plane they are in", async () => {
  const p = planes();
  p.both.openKernel();
  p.both.ipsec.place(1, "kernel");
  const of = (flow: number, id = flow): CallChannel => call(p.both, p.both.l2tp.secureRemote(flow, 1701, 1701), id);
  const calls = [of(1), of(2)] as const;
  const client: IpConfig = {
    ...{ ifname: "l2tps-a", mtu: 1400, local4: "10.9.9.2", peer4: "10.9.9.3", routes: [], clampMss: false },
  };
  const first = await p.both.net.attachClient(calls[0], client);
  assert.deepEqual([p.kernel.net.devices.has("l2tps-a"), p.userspace.net.devices.has("l2tps-a")], [true, false]);
  await first.detach();
  const server = await p.both.net.openServer({ ...NET, ifname: "l2tps-lns" });
  const one = await server.attach(of(1, 3), "10.9.9.10", [{ prefix: "10.1.0.0/16" }]);
  await assert.rejects(
    server.attach(calls[1], "10.9.9.11", [{ prefix: "10.1.0.0/16" }]),
    /10\.1\.0\.0\/16.*second user/,
  );
  await one.detach();
  const two = await server.attach(calls[1], "10.9.9.11", [{ prefix: "10.1.0.0/16" }]);
  assert.equal(two.ifname, "l2tps-lns");
  await server.close();
  assert.deepEqual([p.kernel.net.devices.size, p.userspace.net.devices.size], [0, 0]);
});

test("drops of both are one list; both are closed, and the kernel is not opened again", async () => {
  const p = planes();
  p.both.openKernel();
  p.userspace.drops = () => ({ "tx.no-sa": 1, "udp.short": 2 });
  p.kernel.drops = () => ({ "tx.no-sa": 3 });
  assert.deepEqual(p.both.drops(), { "tx.no-sa": 4, "udp.short": 2 });
  await p.both.close();
  const late = planes();
  await late.both.close();
  late.both.openKernel();
  assert.equal(late.opened(), 0);
});
