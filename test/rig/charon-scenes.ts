// IKE against strongSwan's charon on this host, in a namespace of its own:
//
//   netns ikerig-a 10.88.1.1 [our manager, dgram sockets] --- veth --- 10.88.1.2 [charon] netns ikerig-b
//
// IKE only: no ESP passes. Skips without root or charon. Debian: strongswan-charon strongswan-swanctl
// libstrongswan-standard-plugins.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import * as dgram from "node:dgram";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Clock } from "../../src/core/clock.ts";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import type { IkePort } from "../../src/dataplane/dataplane.ts";
import { IkeManager } from "../../src/ike/manager.ts";
import { parseEspProposal, parseIkeProposal } from "../../src/ike/proposals.ts";
import { parseIkeId } from "../../src/ike/wire/id.ts";
import type { Certificates } from "../../src/ports/pki.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { client, Plane, server } from "../ike/double.ts";
import { testPki } from "../x509/ca.ts";
import { CHARON_BIN, charonConf, startCharon, swanctlConf } from "./charon.ts";

const US = "10.88.1.1";
const CHARON = "10.88.1.2";
const PATIENCE_MS = 35_000;

export interface Scene {
  readonly role: "initiator" | "responder";
  /** 1 by default. */
  readonly version?: 1 | 2;
  readonly ike: string;
  readonly esp: string;
  readonly psk: string;
  readonly encap: "auto" | "udp";
  /**
   * Who asks R-U-THERE, and how often. One side only: the question of one is a sign of life that keeps the other from
   * asking.
   */
  readonly dpd: { readonly us: number; readonly charon: number };
  readonly aggressive?: boolean;
  /** Both ends cut: charon above so many bytes, we because our identity is long. */
  readonly fragment?: number;
  readonly shortId?: boolean;
  /** What charon has, where it is not ours. */
  readonly charonIke?: string;
  readonly charonEsp?: string;
  /** We ask charon what it takes. */
  readonly survey?: boolean;
  /** PEM texts, when both sides have certificates in place of the key. */
  readonly certificates?: {
    readonly ca: string;
    readonly crl: string | null;
    readonly us: Texts;
    readonly charon: Texts & { readonly id: string; readonly crl?: string };
  };
}
/** PEM; `cert` begins with the own one, those of CAs follow. */
export interface Texts {
  readonly cert: string;
  readonly key: string;
}
export type Said = Record<string, unknown>;

const realClock: Clock = {
  now: () => performance.now(),
  timer: (name, fire, turns) => {
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
          if (turns) turns.run(fire);
          else fire();
        }, ms);
      },
      disarm() {
        if (t) clearTimeout(t);
        t = null;
      },
    };
  },
};

/** Ours, in a process of its own; the end of its input is its end. */
export async function inside(scene: Scene): Promise<void> {
  const say = (x: object): void => void process.stdout.write(`${JSON.stringify(x)}\n`);
  const sockets = new Map<number, dgram.Socket>();
  const port: IkePort = {
    onMessage: () => {},
    send: (from, to, m) => {
      say({ sent: performance.now() });
      sockets.get(from.port)?.send(from.port === 4500 ? [Buffer.alloc(4), m] : m, to.port, to.address);
    },
    keepalive: (from, to) => sockets.get(from.port)?.send(Buffer.of(0xff), to.port, to.address),
  };
  for (const p of [500, 4500]) {
    const s = dgram.createSocket("udp4");
    await new Promise<void>((ok) => s.bind(p, US, ok));
    s.on("message", (m, r) => {
      if (p === 4500 && (m.length < 4 || m.readUInt32BE(0) !== 0)) return;
      port.onMessage(
        Packet.of(new Uint8Array(p === 4500 ? m.subarray(4) : m)),
        { address: US, port: p },
        { address: r.address, port: r.port },
      );
    });
    sockets.set(p, s);
  }
  const plane = new Plane();
  const wallClock = (): number => Date.now();
  const ike = new IkeManager({ clock: realClock, crypto: nodeCrypto, log: { emit: say }, port, plane, wallClock });
  const more = {
    versions: scene.version === 2 ? ("v2" as const) : ("v1" as const),
    psk: scene.certificates ? null : Secret.of(scene.psk),
    certificates: scene.certificates ? certificatesOf(scene.certificates) : null,
    ...(scene.certificates && scene.role === "initiator" ? { remoteId: parseIkeId("vpn.example") } : {}),
    ikeProposals: [parseIkeProposal(scene.ike)],
    ownProposals: true,
    espProposals: [parseEspProposal(scene.esp)],
    encap: scene.encap,
    dpdSeconds: scene.dpd.us,
    aggressive: scene.aggressive === true,
    localId: scene.fragment === undefined || scene.shortId ? null : { type: 2, text: "x".repeat(1500) },
  };
  const owner = {
    onUp: (_c: unknown, i: object) => say({ up: i }),
    onRekeyed: (_c: unknown, i: object) => say({ rekeyed: i }),
    onDown: (_c: unknown, why: object) => say({ down: why }),
  };
  if (scene.survey === true) ike.survey(client(CHARON, US, more), (found) => say({ down: found }));
  else if (scene.role === "initiator") ike.connect(client(CHARON, US, more), owner);
  else ike.addResponder(server(more), owner);
  say({ ready: true });
  await new Promise((ok) => process.stdin.resume().once("end", ok));
  say({ closing: true });
  ike.close();
  await new Promise((ok) => setTimeout(ok, 200));
  process.exit(0);
}

function certificatesOf(o: NonNullable<Scene["certificates"]>): Certificates {
  const credentials = testPki.credentials({ cert: o.us.cert, key: Buffer.from(o.us.key) });
  const trust = testPki.trust({ ca: o.ca, crl: o.crl });
  if (typeof credentials === "string" || typeof trust === "string") throw new Error(`${credentials} ${trust}`);
  return { credentials, trust };
}

/** Set in our process of a scene: `await inside(...)` is all that such a process does. */
export const child = process.env["IKE_RIG_SCENE"];
const noCharon = existsSync(CHARON_BIN) ? false : "needs strongswan-charon";
export const missing = process.getuid?.() !== 0 ? "needs root" : noCharon;
const sh = (cmd: string): string => {
  const r = spawnSync("sh", ["-c", cmd], { encoding: "utf8" });
  return r.stdout + r.stderr;
};
/** Several files play at the same time. */
const [OURS, ITS] = [`ikerig-a-${process.pid}`, `ikerig-b-${process.pid}`];
const dir = missing ? "" : mkdtempSync(`${tmpdir()}/ikerig-`);
/**
 * Everything our side said, as parsed lines, and charon's log. It ends as soon as that is `enough`, or after
 * PATIENCE_MS.
 */
export const play = async (
  scene: Scene,
  enough: (said: Said[], log: string) => boolean,
): Promise<{ said: Said[]; log: string }> => {
  sh(`ip netns add ${OURS}; ip netns add ${ITS}
    ip link add ikerig-va netns ${OURS} type veth peer name ikerig-vb netns ${ITS}
    ip -n ${OURS} addr add ${US}/24 dev ikerig-va
    ip -n ${OURS} link set ikerig-va up; ip -n ${OURS} link set lo up
    ip -n ${ITS} addr add ${CHARON}/24 dev ikerig-vb
    ip -n ${ITS} link set ikerig-vb up; ip -n ${ITS} link set lo up
    rm -rf ${dir}/run; mkdir ${dir}/run; : >${dir}/charon.log`);
  const remote = scene.role === "responder" ? { remote: US } : {};
  const conf = swanctlConf({
    ...scene,
    ...remote,
    ike: scene.charonIke ?? scene.ike,
    esp: scene.charonEsp ?? scene.esp,
    psk: "s3cret",
    local: CHARON,
    forceUdp: scene.encap === "udp",
    dpdSeconds: scene.dpd.charon,
    ...(scene.certificates ? { cert: { file: "own.pem", id: scene.certificates.charon.id } } : {}),
  });
  const folders = ["x509", "x509ca", "x509crl", "private"].map((f) => `${dir}/${f}`);
  sh(`rm -rf ${folders.join(" ")}; mkdir -p ${folders.join(" ")}`);
  if (scene.certificates) {
    const { ca, charon } = scene.certificates;
    // it reads one certificate of a file
    const [own = "", ...between] = charon.cert.split(/(?=-----BEGIN)/);
    writeFileSync(`${dir}/x509/own.pem`, own);
    for (const [i, pem] of between.entries()) writeFileSync(`${dir}/x509ca/between${i}.pem`, pem);
    writeFileSync(`${dir}/x509ca/ca.pem`, ca);
    writeFileSync(`${dir}/private/own.pem`, charon.key);
    if (charon.crl !== undefined) writeFileSync(`${dir}/x509crl/crl.pem`, charon.crl);
  }
  writeFileSync(`${dir}/swanctl.conf`, conf);
  const plugins = `load_modular = yes
install_routes = no
i_dont_care_about_security_and_use_aggressive_mode_psk = yes
fragment_size = ${scene.fragment ?? 1280}
plugins {
  include /etc/strongswan.d/charon/*.conf
  stroke {
    load = no
  }
}`;
  writeFileSync(`${dir}/strongswan.conf`, charonConf(`${dir}/charon.log`, plugins));
  const script = `mount --bind ${dir}/run /run
export STRONGSWAN_CONF=${dir}/strongswan.conf
${startCharon(`${dir}/swanctl.conf`)}
echo loaded
${scene.role === "responder" ? "read go; swanctl --initiate --child l2tp --timeout 3 >/dev/null 2>&1" : ""}
cat >/dev/null
kill $!
wait`;
  const charon = spawn("ip", ["netns", "exec", ITS, "unshare", "-m", "--propagation", "private", "sh", "-c", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((ok) => charon.on("close", ok));
  const log = (): string => readFileSync(`${dir}/charon.log`, "utf8");
  let text = "";
  const said = (): Said[] =>
    text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter((l) => l.startsWith("{"))
      .map((l) => JSON.parse(l) as Said);
  try {
    const words = await new Promise((ok) => {
      charon.stdout.once("data", (d: Buffer) => ok(d.toString()));
      charon.once("exit", () => ok("charon ended"));
    });
    assert.equal(words, "loaded\n");
    const us = spawn("ip", ["netns", "exec", OURS, process.execPath, process.argv[1] as string], {
      env: { ...process.env, IKE_RIG_SCENE: JSON.stringify(scene) },
      stdio: ["pipe", "pipe", "inherit"],
    });
    us.stdout.on("data", (d: Buffer) => {
      if (text === "") charon.stdin.write("go\n");
      text += d.toString();
    });
    const gone = new Promise((ok) => us.on("close", ok));
    const end = Date.now() + PATIENCE_MS;
    while (us.exitCode === null && Date.now() < end && !enough(said(), log()))
      await new Promise((ok) => setTimeout(ok, 50));
    us.stdin.end();
    await gone;
    return { said: said(), log: log() };
  } finally {
    charon.stdin.end();
    await ended;
    sh(`ip netns del ${OURS}; ip netns del ${ITS}`);
  }
};
export const base: Scene = {
  role: "initiator",
  ike: "aes256-sha256-modp2048",
  esp: "aes256-sha256",
  psk: "s3cret",
  encap: "auto",
  dpd: { us: 0, charon: 0 },
};
export const isUp = (said: Said[]): boolean => said.some((x) => "up" in x);
export const isDown = (said: Said[]): boolean => said.some((x) => "down" in x);
export const established = /IKE_SA l2tp\[\d+\] established/;
export const all = (said: Said[], log: string): string =>
  `${said.map((x) => JSON.stringify(x)).join("\n")}\n${log.split("\n").slice(-40).join("\n")}`;
/** `logged`: what charon's log has then. */
export const works = async (scene: Scene, logged: readonly RegExp[] = []): Promise<void> => {
  // without ESP in this kernel charon takes back what it began, after it has agreed
  const agreed = /parsed (?:QUICK_MODE|IKE_AUTH) response[\s\S]*selected proposal: ESP:/;
  const done = (said: Said[], log: string): boolean =>
    established.test(log) && (scene.role === "initiator" ? isUp(said) : agreed.test(log));
  const { said, log } = await play(scene, (x, l) => done(x, l) || isDown(x));
  assert.ok(done(said, log), all(said, log));
  for (const line of logged) assert.match(log, line);
};
