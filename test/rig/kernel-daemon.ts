// A daemon whose packets move in the kernel plane, as a program: kernel-daemon CONFIG. What l2tpsec itself does not
// offer yet.
import { compose } from "../../src/build.ts";
import { load } from "../../src/config/load.ts";
import { EventHub } from "../../src/control/log.ts";
import { serveControl } from "../../src/control/server.ts";
import { openKernelPlane } from "../../src/dataplane/kernel/plane.ts";
import { openUserspacePlane } from "../../src/dataplane/userspace/plane.ts";
import { linuxUdp } from "../../src/linux/udp.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import { nodeRuntime as rt } from "../../src/runtime/node/runtime.ts";

const loaded = load(rt.host.readFile(process.argv[2] ?? ""));
if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults[0]));
const { config } = loaded;
const native = loadNative();
const fastPath = native.fastPath();
if (fastPath === null) throw new Error("no libcrypto");
const hub = new EventHub(rt.clock, "debug", (line) => rt.stderr(`${line}\n`));
const deps = { native, clock: rt.clock, crypto: rt.crypto, log: hub, readFile: rt.host.readFile };
const host = await openUserspacePlane({ ...deps, fastPath }); // its routes and resolver alone
const plane = await openKernelPlane({ ...deps, host: host.net });
const serial = { open: () => Promise.reject(new RangeError("no serial lines here")) };
const daemon = compose({ ...rt, serial, udp: linuxUdp(native) }, plane, hub, config, () => config);
const control = await serveControl(config.daemon.control, rt.streams, daemon, hub);
rt.onSignals({
  stop: (name) =>
    daemon.stop(name, () => {
      control.close();
      void host.close().then(() => rt.exit(0));
    }),
  reload: () => {},
});
daemon.start();
