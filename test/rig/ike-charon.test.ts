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
import { test } from "node:test";
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
import { type Held, TestCa, testPki } from "../x509/ca.ts";
import { CHARON_BIN, charonConf, startCharon, swanctlConf } from "./charon.ts";

const US = "10.88.1.1";
const CHARON = "10.88.1.2";
const PATIENCE_MS = 35_000;

interface Scene {
  readonly role: "initiator" | "responder";
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
  /** What charon has, where it is not ours. */
  readonly charonIke?: string;
  readonly charonEsp?: string;
  /** We ask charon what it takes. */
  readonly survey?: boolean;
  /** PEM texts, when both sides have certificates in place of the key. */
  readonly certificates?: {
    readonly ca: string;
    readonly crl: string | null;
    readonly us: { readonly cert: string; readonly key: string };
    readonly charon: { readonly cert: string; readonly key: string; readonly id: string; readonly crl?: string };
  };
}
type Said = Record<string, unknown>;

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
async function inside(scene: Scene): Promise<void> {
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
    psk: scene.certificates ? null : Secret.of(scene.psk),
    certificates: scene.certificates ? certificatesOf(scene.certificates) : null,
    ...(scene.certificates && scene.role === "initiator" ? { remoteId: parseIkeId("vpn.example") } : {}),
    ikeProposals: [parseIkeProposal(scene.ike)],
    espProposals: [parseEspProposal(scene.esp)],
    encap: scene.encap,
    dpdSeconds: scene.dpd.us,
    aggressive: scene.aggressive === true,
    localId: scene.fragment === undefined ? null : { type: 2, text: "x".repeat(1500) },
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

const child = process.env["IKE_RIG_SCENE"];
if (child) await inside(JSON.parse(child) as Scene);
else {
  const noCharon = existsSync(CHARON_BIN) ? false : "needs strongswan-charon";
  const missing = process.getuid?.() !== 0 ? "needs root" : noCharon;
  const sh = (cmd: string): string => {
    const r = spawnSync("sh", ["-c", cmd], { encoding: "utf8" });
    return r.stdout + r.stderr;
  };
  const dir = missing ? "" : mkdtempSync(`${tmpdir()}/ikerig-`);
  /**
   * Everything our side said, as parsed lines, and charon's log. It ends as soon as that is `enough`, or after
   * PATIENCE_MS.
   */
  const play = async (
    scene: Scene,
    enough: (said: Said[], log: string) => boolean,
  ): Promise<{ said: Said[]; log: string }> => {
    sh(`ip netns add ikerig-a; ip netns add ikerig-b
      ip link add ikerig-va netns ikerig-a type veth peer name ikerig-vb netns ikerig-b
      ip -n ikerig-a addr add ${US}/24 dev ikerig-va
      ip -n ikerig-a link set ikerig-va up; ip -n ikerig-a link set lo up
      ip -n ikerig-b addr add ${CHARON}/24 dev ikerig-vb
      ip -n ikerig-b link set ikerig-vb up; ip -n ikerig-b link set lo up
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
      writeFileSync(`${dir}/x509/own.pem`, charon.cert);
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
    const charon = spawn(
      "ip",
      ["netns", "exec", "ikerig-b", "unshare", "-m", "--propagation", "private", "sh", "-c", script],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
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
      const us = spawn("ip", ["netns", "exec", "ikerig-a", process.execPath, process.argv[1] as string], {
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
      sh("ip netns del ikerig-a; ip netns del ikerig-b");
    }
  };
  const base: Scene = {
    role: "initiator",
    ike: "aes256-sha256-modp2048",
    esp: "aes256-sha256",
    psk: "s3cret",
    encap: "auto",
    dpd: { us: 0, charon: 0 },
  };
  const isUp = (said: Said[]): boolean => said.some((x) => "up" in x);
  const isDown = (said: Said[]): boolean => said.some((x) => "down" in x);
  const established = /IKE_SA l2tp\[\d+\] established/;
  const all = (said: Said[], log: string): string =>
    `${said.map((x) => JSON.stringify(x)).join("\n")}\n${log.split("\n").slice(-40).join("\n")}`;
  const works = async (scene: Scene): Promise<void> => {
    // without ESP in this kernel charon takes back what it began, after it has agreed
    const agreed = /parsed QUICK_MODE response.*\n.*selected proposal: ESP:/;
    const done = (said: Said[], log: string): boolean =>
      established.test(log) && (scene.role === "initiator" ? isUp(said) : agreed.test(log));
    const { said, log } = await play(scene, (x, l) => done(x, l) || isDown(x));
    assert.ok(done(said, log), all(said, log));
  };
  test("charon answers us: main mode and quick mode; it asks R-U-THERE, takes our answer, and hears the deletes", {
    skip: missing,
  }, async () => {
    const asked = /sending DPD request[\s\S]*parsed INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD_ACK\) \]/;
    const { said, log } = await play(
      { ...base, dpd: { us: 0, charon: 1 } },
      (x, l) => (isUp(x) && asked.test(l)) || isDown(x),
    );
    assert.ok(isUp(said) && !isDown(said.slice(0, -1)), all(said, log));
    assert.match(log, established);
    assert.match(log, asked);
    assert.match(log, /received DELETE for IKE_SA/);
  });
  test("charon answers our R-U-THERE", { skip: missing }, async () => {
    const question = /parsed INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD\) \]/g;
    const two = (log: string): boolean => [...log.matchAll(question)].length >= 2;
    const { said, log } = await play({ ...base, dpd: { us: 2, charon: 0 } }, (x, l) => two(l) || isDown(x));
    assert.ok(two(log), all(said, log));
    // a question without an answer is asked again after one second; the next of a row with answers comes after two
    const [first, second] = said
      .slice(
        0,
        said.findIndex((x) => "closing" in x),
      )
      .flatMap((x) => ("sent" in x ? [x["sent"] as number] : []))
      .slice(-2);
    assert.ok(first !== undefined && second !== undefined && second - first > 1500, all(said, log));
  });
  test("charon answers us in UDP", { skip: missing }, () => works({ ...base, encap: "udp" }));
  test("charon answers us: ECP and AES-GCM", { skip: missing }, () =>
    works({ ...base, ike: "aes256-sha384-ecp384", esp: "aes128gcm16" }),
  );
  test("charon answers us: X25519", { skip: missing }, () =>
    works({ ...base, ike: "aes128-sha256-x25519", esp: "aes128-sha1-x25519" }),
  );
  test("charon begins", { skip: missing }, () => works({ ...base, role: "responder" }));
  test("charon begins, 3DES", { skip: missing }, () =>
    works({ ...base, role: "responder", ike: "3des-sha1-modp1024", esp: "3des-sha1" }),
  );
  test("charon begins, in UDP, with PFS", { skip: missing }, () =>
    works({ ...base, role: "responder", encap: "udp", esp: "aes128-sha1-modp2048" }),
  );
  test("charon answers us in aggressive mode", { skip: missing }, () => works({ ...base, aggressive: true }));
  test("charon answers us in aggressive mode, in UDP", { skip: missing }, () =>
    works({ ...base, aggressive: true, encap: "udp" }),
  );
  test("charon begins aggressive mode", { skip: missing }, () =>
    works({ ...base, role: "responder", aggressive: true }),
  );
  test("charon begins aggressive mode, in UDP", { skip: missing }, () =>
    works({ ...base, role: "responder", aggressive: true, encap: "udp" }),
  );
  for (const role of ["initiator", "responder"] as const)
    test(`fragments: both cut their messages, charon is the ${role === "initiator" ? "responder" : "initiator"}`, {
      skip: missing,
    }, async () => {
      const scene: Scene = { ...base, role, fragment: 300, ike: "aes256-sha256-modp4096" };
      const cut = /received fragment #\d+/;
      const done = (log: string): boolean => established.test(log) && cut.test(log);
      const { said, log } = await play(scene, (x, l) => done(l) || isDown(x));
      assert.ok(done(log), all(said, log));
      assert.match(log, /splitting IKE message/);
    });
  test("a charon that insists on PFS gets phase 1's group", { skip: missing }, async () => {
    const { said, log } = await play({ ...base, charonEsp: "aes256-sha256-modp2048" }, (x) => isUp(x) || isDown(x));
    const up = said.find((x) => "up" in x) as { up: { espProposal: string } } | undefined;
    assert.equal(up?.up.espProposal, "aes256-sha256-modp2048", all(said, log));
  });
  for (const [what, scene, value] of [
    ["for phase 1", { charonIke: "3des-sha1-modp1024" }, "3des-sha1-modp1024"],
    ["for ESP, with PFS", { charonEsp: "aes128-sha1-modp1024" }, "aes128-sha1-modp1024"],
  ] as const)
    test(`what a charon takes ${what} is found`, { skip: missing }, async () => {
      const { said, log } = await play({ ...base, ...scene, survey: true }, isDown);
      const found = said.find((x) => "down" in x) as { down: { advice: { value: string } | null } } | undefined;
      assert.equal(found?.down.advice?.value, value, all(said, log));
    });
  test("a differing pre-shared key is named", { skip: missing }, async () => {
    const { said, log } = await play({ ...base, psk: "wrong" }, isDown);
    const down = said.find((x) => "down" in x) as { down: { code: string } } | undefined;
    assert.equal(down?.down.code, "psk-mismatch", all(said, log));
  });

  const DAY = 86_400_000;
  const dates = { notBefore: Date.now() - DAY, notAfter: Date.now() + 30 * DAY };
  const expired = { ...dates, notAfter: Date.now() - 1000 };
  const text = (h: Held) => ({ cert: h.pem, key: Buffer.from(h.key).toString() });
  type Kind = "rsa2048" | "ecp256" | "ecp384";
  /** The initiator has a client's certificate, the responder a server's, of one CA; `spoil` makes others of them. */
  const byCertificates = (
    kind: Kind,
    role: Scene["role"],
    spoil: (
      ca: TestCa,
      us: Held,
      charon: Held,
    ) => { us?: Held; charon?: Held; ours?: string; its?: string } = () => ({}),
  ): Scene => {
    const ca = new TestCa("C=CH, O=Rig, CN=its CA", { kind, ...dates });
    const one = ca.client("me@example", { kind, ...dates });
    const other = ca.server("vpn.example", { kind, ...dates });
    const [us, charon] = role === "initiator" ? [one, other] : [other, one];
    const bad = spoil(ca, us, charon);
    const id = role === "initiator" ? '"O=Tests, CN=vpn.example"' : '"O=Tests, CN=me@example"';
    const certificates = {
      ca: ca.own.pem,
      crl: bad.ours ?? null,
      us: text(bad.us ?? us),
      charon: { ...text(bad.charon ?? charon), id, ...(bad.its === undefined ? {} : { crl: bad.its }) },
    };
    return { ...base, role, certificates };
  };
  const fresh = { now: Date.now() - 1000, nextUpdate: Date.now() + DAY };
  for (const kind of ["rsa2048", "ecp256", "ecp384"] as const) {
    test(`charon answers us by certificates: ${kind}`, { skip: missing }, () =>
      works(byCertificates(kind, "initiator")),
    );
    test(`charon begins by certificates: ${kind}`, { skip: missing }, () => works(byCertificates(kind, "responder")));
  }
  const refusal = (said: Said[]): string | undefined => {
    for (const x of said) {
      const code = x["kind"] === "ike.failed" ? x["code"] : (x["down"] as { code?: string } | undefined)?.code;
      if (typeof code === "string") return code;
    }
    return undefined;
  };
  for (const role of ["initiator", "responder"] as const) {
    const refused = async (code: string, spoil: Parameters<typeof byCertificates>[2]): Promise<void> => {
      const { said, log } = await play(byCertificates("ecp256", role, spoil), (x) => refusal(x) !== undefined);
      assert.equal(refusal(said), code, all(said, log));
      assert.ok(!isUp(said));
    };
    test(`${role}: we refuse charon's certificate: expired, revoked, another CA's`, { skip: missing }, async () => {
      const make = (ca: TestCa, o: object): Held =>
        role === "initiator" ? ca.server("vpn.example", o) : ca.client("me@example", o);
      await refused("cert-expired", (ca) => ({ charon: make(ca, expired) }));
      await refused("cert-revoked", (ca, _, charon) => ({ ours: ca.crl([charon.serial], fresh) }));
      await refused("cert-untrusted", () => ({ charon: make(new TestCa("CN=other", dates), dates) }));
    });
  }
  test("charon refuses ours: revoked, another CA's; the failure says that it may be our certificate", {
    skip: missing,
  }, async () => {
    for (const spoil of [
      (ca: TestCa, us: Held) => ({ its: ca.crl([us.serial], fresh) }),
      () => ({ us: new TestCa("CN=other", dates).client("me@example", dates) }),
    ]) {
      const { said, log } = await play(byCertificates("ecp256", "initiator", spoil), isDown);
      assert.equal(refusal(said), "cert-refused", all(said, log));
    }
  });
}
