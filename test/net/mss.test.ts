// The clamp of TCP's MSS that netdevs of the kernel plane have, on a router between two hosts.
//
//   lan 192.168.1.2 -- 192.168.1.1 router 10.99.0.2 far -- 10.99.0.1 server
import assert from "node:assert/strict";
import { bundled, shim } from "../rig/harness.ts";
import { run, scenario } from "./harness.ts";

scenario("the MSS of what a router forwards, by nftables of our own", { needs: ["cc"] }, async (lab, t) => {
  const [lan, router, far] = [await lab.ns("lan"), await lab.ns("router"), await lab.ns("far")];
  await lan.link("wan", "192.168.1.2/24", router, "lan", "192.168.1.1/24");
  await router.link("far", "10.99.0.2/24", far, "lan", "10.99.0.1/24");
  await lan.route("default", "192.168.1.1");
  await far.route("default", "10.99.0.2");
  const [program = ""] = await bundled(lab.dir, ["test/net/mss.inside.ts"]);
  const names = [lan, router, far].map((n) => n.name).join(" ");
  const r = await run("env", [
    ...["-u", "NODE_TEST_CONTEXT", `LD_PRELOAD=${await shim("enter-netns")}`, `MSS_NETNS=${names}`],
    ...[process.execPath, "--enable-source-maps", "--test", program],
  ]);
  const why = /# SKIP (.*)/.exec(r.stdout)?.[1];
  if (why !== undefined) return t.skip(why);
  assert.match(r.stdout, /^# pass 1$/m, r.stdout + r.stderr);
});
