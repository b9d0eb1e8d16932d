// IKE against strongSwan's charon on this host, in a namespace of its own:
//
//   netns ikerig-a 10.88.1.1 [our manager, dgram sockets] --- veth --- 10.88.1.2 [charon] netns ikerig-b
//
// IKE only: no ESP passes. Skips without root or charon. Debian: strongswan-charon strongswan-swanctl libstrongswan-standard-plugins.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import * as dgram from "node:dgram";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import type { Clock } from "../../src/core/clock.ts";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import type { IkePort } from "../../src/dataplane/dataplane.ts";
import { IkeManager } from "../../src/ike/manager.ts";
import { parseEspProposal, parseIkeProposal } from "../../src/ike/proposals.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { client, Plane, server } from "../ike/double.ts";

const US = "10.88.1.1";
const CHARON = "10.88.1.2";
const CHARON_BIN = "/usr/lib/ipsec/charon";

interface Scene {
  readonly role: "initiator" | "responder";
  readonly ike: string;
  readonly esp: string;
  readonly psk: string;
  readonly encap: "auto" | "udp";
  readonly seconds: number;
}

const realClock: Clock = {
  now: () => performance.now(),
  timer: (name, fire) => {
    let t: NodeJS.Timeout | null = null;
    return {
      name,
      get armed() {
        return t !== null;
      },
      arm(ms) {
        if (t) clearTimeout(t);
        t = setTimeout(() => {
          t = null;
          fire();
        }, ms);
      },
      disarm() {
        if (t) clearTimeout(t);
        t = null;
      },
    };
  },
};

async function inside(scene: Scene): Promise<void> {
  const sockets = new Map<number, dgram.Socket>();
  const port: IkePort = {
    onMessage: () => {},
    send: (from, to, m) => sockets.get(from.port)?.send(from.port === 4500 ? [Buffer.alloc(4), m] : m, to.port, to.address),
    keepalive: (from, to) => sockets.get(from.port)?.send(Buffer.of(0xff), to.port, to.address),
  };
  for (const p of [500, 4500]) {
    const s = dgram.createSocket("udp4");
    await new Promise<void>((ok) => s.bind(p, US, ok));
    s.on("message", (m, r) => {
      if (p === 4500 && (m.length < 4 || m.readUInt32BE(0) !== 0)) return;
      port.onMessage(Packet.of(new Uint8Array(p === 4500 ? m.subarray(4) : m)), { address: US, port: p }, { address: r.address, port: r.port });
    });
    sockets.set(p, s);
  }
  const out: unknown[] = [];
  const say = (x: object): void => {
    out.push(x);
    process.stdout.write(`${JSON.stringify(x)}\n`);
  };
  const plane = new Plane();
  const ike = new IkeManager({ clock: realClock, crypto: nodeCrypto, log: { emit: say }, port, plane });
  const more = {
    psk: Secret.of(scene.psk), ikeProposals: [parseIkeProposal(scene.ike)], espProposals: [parseEspProposal(scene.esp)], encap: scene.encap, dpdSeconds: 1,
  };
  const owner = {
    onUp: (_c: unknown, i: object) => say({ up: i }),
    onRekeyed: (_c: unknown, i: object) => say({ rekeyed: i }),
    onDown: (_c: unknown, why: object) => say({ down: why }),
  };
  if (scene.role === "initiator") ike.connect(client(CHARON, US, more), owner);
  else ike.addResponder(server(more), owner);
  say({ ready: true });
  await new Promise((ok) => setTimeout(ok, scene.seconds * 1000));
  ike.close();
  say({ counters: ike.counters.snapshot() });
  await new Promise((ok) => setTimeout(ok, 200));
  process.exit(0);
}

const child = process.env["IKE_RIG_SCENE"];
if (child) await inside(JSON.parse(child) as Scene);
else {
  const missing = process.getuid?.() !== 0 ? "needs root" : !existsSync(CHARON_BIN) ? "needs strongswan-charon" : false;
  const sh = (cmd: string): string => {
    const r = spawnSync("sh", ["-c", cmd], { encoding: "utf8" });
    return r.stdout + r.stderr;
  };
  const dir = missing ? "" : mkdtempSync(`${tmpdir()}/ikerig-`);
  const conf = (scene: Scene): string => `connections {
  l2tp {
    version = 1
    proposals = ${scene.ike}
    local_addrs = ${CHARON}
    remote_addrs = ${scene.role === "responder" ? US : "%any"}
    encap = ${scene.encap === "udp" ? "yes" : "no"}
    dpd_delay = 1s
    local {
      auth = psk
    }
    remote {
      auth = psk
    }
    children {
      l2tp {
        mode = transport
        local_ts = dynamic[udp/1701]
        remote_ts = dynamic[udp]
        esp_proposals = ${scene.esp}
      }
    }
  }
}
secrets {
  ike-any {
    secret = s3cret
  }
}
`;
  /** Everything our side said, as parsed lines, and charon's log. */
  const play = async (scene: Scene): Promise<{ said: Record<string, unknown>[]; log: string }> => {
    sh(`ip netns add ikerig-a; ip netns add ikerig-b; ip link add ikerig-va netns ikerig-a type veth peer name ikerig-vb netns ikerig-b
      ip -n ikerig-a addr add ${US}/24 dev ikerig-va; ip -n ikerig-a link set ikerig-va up; ip -n ikerig-a link set lo up
      ip -n ikerig-b addr add ${CHARON}/24 dev ikerig-vb; ip -n ikerig-b link set ikerig-vb up; ip -n ikerig-b link set lo up`);
    writeFileSync(`${dir}/swanctl.conf`, conf(scene));
    writeFileSync(`${dir}/strongswan.conf`, `charon {
  load_modular = yes
  install_routes = no
  retransmit_tries = 2
  plugins {
    include /etc/strongswan.d/charon/*.conf
    stroke {
      load = no
    }
  }
  filelog {
    rig {
      path = ${dir}/charon.log
      flush_line = yes
      default = 1
    }
  }
}
`);
    writeFileSync(`${dir}/charon.log`, "");
    sh(`mkdir -p ${dir}/run`);
    const charon = spawn("ip", ["netns", "exec", "ikerig-b", "unshare", "-m", "--propagation", "private", "sh", "-c",
      `mount --bind ${dir}/run /run; STRONGSWAN_CONF=${dir}/strongswan.conf exec ${CHARON_BIN}`], { stdio: "ignore" });
    const swanctl = (args: string): string => sh(`nsenter -t ${charon.pid} -m -n swanctl ${args}`);
    try {
      for (let i = 0; i < 50 && !swanctl(`--load-all --file ${dir}/swanctl.conf`).includes("successfully loaded"); i++) sh("sleep 0.1");
      const us = spawn("ip", ["netns", "exec", "ikerig-a", process.execPath, process.argv[1] as string],
        { env: { ...process.env, IKE_RIG_SCENE: JSON.stringify(scene) }, stdio: ["ignore", "pipe", "inherit"] });
      let text = "";
      us.stdout.on("data", (d: Buffer) => {
        if (scene.role === "responder" && text === "") spawn("nsenter", ["-t", String(charon.pid), "-m", "-n", "swanctl", "--initiate", "--child", "l2tp", "--timeout", "3"], { stdio: "ignore" });
        text += d.toString();
      });
      await new Promise((ok) => us.on("exit", ok));
      const said = text.split("\n").filter((l) => l.startsWith("{")).map((l) => JSON.parse(l) as Record<string, unknown>);
      return { said, log: readFileSync(`${dir}/charon.log`, "utf8") };
    } finally {
      charon.kill("SIGTERM");
      await new Promise((ok) => charon.on("exit", ok));
      sh("ip netns del ikerig-a; ip netns del ikerig-b");
    }
  };
  const base: Scene = { role: "initiator", ike: "aes256-sha256-modp2048", esp: "aes256-sha256", psk: "s3cret", encap: "auto", seconds: 3 };
  const works = async (scene: Scene): Promise<void> => {
    const { said, log } = await play(scene);
    // without ESP in this kernel charon takes back what it began, after it has agreed
    const up = scene.role === "initiator" ? said.some((x) => "up" in x) : /parsed QUICK_MODE response.*\n.*selected proposal: ESP:/.test(log);
    assert.ok(up, `${said.map((x) => JSON.stringify(x)).join("\n")}\n${log.split("\n").slice(-40).join("\n")}`);
    assert.match(log, /IKE_SA l2tp\[\d+\] established/);
  };
  test("charon answers us: main mode and quick mode; both answer R-U-THERE and hear the deletes", { skip: missing }, async () => {
    const { said, log } = await play({ ...base, seconds: 5 });
    assert.ok(said.some((x) => "up" in x));
    assert.match(log, /IKE_SA l2tp\[\d+\] established/);
    assert.match(log, /sending DPD request[\s\S]*parsed INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD_ACK\) \]/);
    assert.match(log, /received DELETE for IKE_SA/);
    assert.ok(!said.some((x) => "down" in x && (x["down"] as { code: string }).code === "dead-peer"));
  });
  test("charon answers us in UDP", { skip: missing }, () => works({ ...base, encap: "udp" }));
  test("charon answers us: ECP and AES-GCM", { skip: missing }, () => works({ ...base, ike: "aes256-sha384-ecp384", esp: "aes128gcm16" }));
  test("charon answers us: X25519", { skip: missing }, () => works({ ...base, ike: "aes128-sha256-x25519", esp: "aes128-sha1-x25519" }));
  test("charon begins", { skip: missing }, () => works({ ...base, role: "responder" }));
  test("charon begins, 3DES", { skip: missing }, () => works({ ...base, role: "responder", ike: "3des-sha1-modp1024", esp: "3des-sha1" }));
  test("charon begins, in UDP, with PFS", { skip: missing }, () => works({ ...base, role: "responder", encap: "udp", esp: "aes128-sha1-modp2048" }));
  test("a differing pre-shared key is named", { skip: missing }, async () => {
    const { said } = await play({ ...base, psk: "wrong", seconds: 6 });
    const down = said.find((x) => "down" in x) as { down: { code: string } } | undefined;
    assert.equal(down?.down.code, "psk-mismatch", JSON.stringify(said));
  });
}
