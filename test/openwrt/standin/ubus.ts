// The `ubus` tool as far as the handler uses it: list, and call with a time-out. The bus is the socket $UBUS_SOCKET.
import { STATUS, type Table, Ubus, UbusError } from "ubus-client";
import { nodeClock } from "../../../src/runtime/node/clock.ts";
import { nodeStreams } from "../../../src/runtime/node/streams.ts";

const args = process.argv.slice(2);
let timeout = 30_000;
if (args[0] === "-t") timeout = Number(args.splice(0, 2)[1]) * 1000;
const [command, path = "", method = "", text = "{}"] = args;
const bus = new Ubus({
  connect: () => nodeStreams.connect(process.env["UBUS_SOCKET"] ?? "/var/run/ubus/ubus.sock"),
  clock: nodeClock,
});
bus.start();
try {
  while (!bus.up) await new Promise((r) => setTimeout(r, 1));
  if (command === "list") for (const o of await bus.lookup(path)) console.log(o.path);
  else console.log(JSON.stringify(await bus.call(path, method, JSON.parse(text) as Table, { timeout })));
} catch (e) {
  console.error(String(e));
  process.exitCode = e instanceof UbusError ? e.status : STATUS.UNKNOWN_ERROR;
}
bus.close();
