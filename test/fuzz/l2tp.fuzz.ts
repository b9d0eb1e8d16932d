// L2TP: any datagram into an endpoint with an established tunnel and a call.
import { Packet } from "../../src/core/packet.ts";
import { config, Pair, remote } from "../l2tp/pair.ts";

const pair = new Pair(config("lns"));
const tunnel = pair.connect();
pair.run(200);
tunnel.placeCall("incoming", { mru: 1400, sequencing: false }, pair.a.callOwner());
pair.run(200);
const seeds = pair.log.map((x) => x.message);
let n = 0;

export const target = {
  name: "l2tp",
  seeds,
  run(bytes: Uint8Array): void {
    pair.b.plane.onControl(remote(n % 2 === 0 ? "peer" : `stranger ${n % 7}`), Packet.of(bytes));
    if (++n % 64 === 0) pair.run(1000);
    if (pair.b.endpoint.size > 1400) throw new Error("the table grows");
    pair.log.length = 0;
  },
};
