// Two userspace planes in two network namespaces, SAs and addresses set by hand: IKE, L2TP and PPP control are not
// needed to show that packets move, that they move only inside ESP, and that nothing stays behind.
//
//   plane-a  [TUN pa0 10.7.0.2]  wa 198.51.100.1 ------ wb 198.51.100.2  [TUN pb0 10.7.0.1]  plane-b
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { unhex } from "../../src/core/text.ts";
import { type Commands, type Encap, Helper, type Setup } from "./plane-helper.ts";

// ---- the test's side ----

const skip = process.getuid?.() === 0 ? false : "needs root: network namespaces, TUN, raw sockets";
const NS = { a: "plane-a", b: "plane-b" };

function sh(command: string): string {
  const r = spawnSync("sh", ["-c", command], { encoding: "utf8" });
  assert.equal(r.status, 0, `${command}\n${r.stdout}${r.stderr}`);
  return r.stdout;
}
function inside(ns: string, command: string): { status: number | null; out: string } {
  const r = spawnSync("ip", ["netns", "exec", ns, "sh", "-c", command], { encoding: "utf8" });
  return { status: r.status, out: r.stdout + r.stderr };
}

class Node {
  readonly #child: ChildProcess;
  readonly exit: Promise<number | null>;
  constructor(ns: string) {
    const argv = ["netns", "exec", ns, process.execPath, "--enable-source-maps", process.argv[1] ?? ""];
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    this.#child = spawn("ip", argv, {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: { ...env, PLANE_HELPER: "1" },
    });
    this.exit = new Promise((done) => this.#child.on("exit", done));
  }
  /** One at a time. */
  do<K extends keyof Commands>(cmd: K, args: Commands[K]["args"]): Promise<Commands[K]["result"]> {
    return new Promise((done, fail) => {
      this.#child.once("message", (m: { ok: boolean; result: Commands[K]["result"]; error: string }) => {
        if (m.ok) done(m.result);
        else fail(new Error(m.error));
      });
      this.#child.send({ cmd, args });
    });
  }
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** Packets of one kind that pass the wire while `during` runs, one line each. */
async function wire(filter: string, during: () => Promise<void> | void): Promise<string[]> {
  const dump = spawn("ip", ["netns", "exec", NS.b, "tcpdump", "-lnni", "wb", "-Q", "in", filter], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  dump.stdout.on("data", (d: Buffer) => {
    text += d.toString();
  });
  await new Promise<void>((ready) =>
    dump.stderr.on("data", (d: Buffer) => d.toString().includes("listening") && ready()),
  );
  await during();
  await new Promise((r) => setTimeout(r, 150));
  dump.kill("SIGINT");
  await new Promise((r) => dump.on("close", r));
  return text.split("\n").filter((l) => l !== "");
}

async function both(
  encap: Encap,
  over: Partial<Setup>,
  run: (a: Node, b: Node) => Promise<void>,
  six = false,
  server = true,
): Promise<void> {
  const a = new Node(NS.a);
  const b = new Node(NS.b);
  const [left, right] = six ? ["fd00:99::1", "fd00:99::2"] : ["198.51.100.1", "198.51.100.2"];
  const s = { encap, sequencing: false, cipher: "aes128" as const, ...over };
  try {
    await b.do("setup", { ...s, local: right, remote: left, right: true, server, ifname: "pb0" });
    await a.do("setup", { ...s, local: left, remote: right, right: false, server: false, ifname: "pa0" });
    await run(a, b);
    await a.do("close", null);
    await b.do("close", null);
    assert.deepEqual(await Promise.all([a.exit, b.exit]), [0, 0]);
    for (const [ns, dev] of [
      [NS.a, "pa0"],
      [NS.b, "pb0"],
    ] as const) {
      assert.notEqual(inside(ns, `ip link show ${dev}`).status, 0, `${dev} is left`);
      assert.equal(inside(ns, "ip route show proto 76; ip -6 route show proto 76").out, "");
    }
  } finally {
    a.kill();
    b.kill();
  }
}

function ping(options = "-c 5 -i 0.02"): string {
  const r = inside(NS.a, `ping -n -W 1 ${options} 10.7.0.1`);
  assert.equal(r.status, 0, r.out);
  return r.out;
}

if (process.env["PLANE_HELPER"] === "1") {
  const helper = new Helper();
  process.on("message", (m: { cmd: keyof Commands; args: never }) => {
    void helper.run(m.cmd, m.args).then(
      (result) => {
        process.send?.({ ok: true, result });
        if (m.cmd === "close") process.disconnect?.(); // nothing else keeps the process: it must end by itself
      },
      (e: unknown) => process.send?.({ ok: false, error: String(e) }),
    );
  });
} else {
  before(() => {
    if (skip !== false) return;
    for (const ns of Object.values(NS)) spawnSync("ip", ["netns", "del", ns]);
    sh(`ip netns add ${NS.a} && ip netns add ${NS.b}`);
    sh(`ip -n ${NS.a} link add wa type veth peer name wb netns ${NS.b}`);
    for (const [ns, dev, n] of [
      [NS.a, "wa", 1],
      [NS.b, "wb", 2],
    ] as const) {
      sh(`ip -n ${ns} link set lo up && ip -n ${ns} addr add 198.51.100.${n}/24 dev ${dev}`);
      sh(`ip -n ${ns} addr add fd00:99::${n}/64 dev ${dev} nodad && ip -n ${ns} link set ${dev} up`);
    }
    sh(`ip -n ${NS.a} route add default via 198.51.100.2`);
  });
  after(() => {
    for (const ns of Object.values(NS)) spawnSync("ip", ["netns", "del", ns]);
  });

  const it = (what: string, o: { skip: string | false }, run: () => Promise<void>): void => {
    test(what, { ...o, timeout: 15_000 }, run);
  };
  const CASES: readonly [string, Encap, Partial<Setup>, boolean, string, RegExp][] = [
    ["raw ESP", "esp", {}, false, "ip", /ESP\(spi=0x00002000/],
    [
      "ESP in UDP",
      "udp",
      { cipher: "aes128gcm16" },
      false,
      "ip",
      /\.4500 > 198.51.100.2.4500: UDP-encap: ESP\(spi=0x00002000/,
    ],
    ["the clear", "clear", {}, false, "udp", /1701 > .*1701: .*l2tp|l2tp/],
    [
      "raw ESP over IPv6",
      "esp",
      {},
      true,
      "ip6 and not icmp6 and not ip6 multicast",
      /IP6 fd00:99::1 > fd00:99::2: ESP\(spi=0x00002000/,
    ],
    [
      "ESP in UDP over IPv6, with sequence numbers",
      "udp",
      { sequencing: true },
      true,
      "ip6 and not icmp6 and not ip6 multicast",
      /UDP-encap: ESP/,
    ],
    ["ESP in UDP with sequence numbers", "udp", { sequencing: true }, false, "ip", /UDP-encap: ESP/],
  ];
  for (const [what, encap, over, six, filter, looks] of CASES) {
    it(`packets pass in ${what}, and nothing else is on the wire`, { skip }, async () => {
      await both(
        encap,
        over,
        async (a, b) => {
          const lines = await wire(filter, () => {
            ping();
            // as long as the TUN takes: the outer packet is fragmented rather than lost
            ping("-c 2 -i 0.02 -s 1372 -M do");
          });
          const whole = lines.filter((l) => !/frag|\(ip-proto|ARP/.test(l));
          assert.ok(whole.length >= 5, lines.join("\n"));
          for (const l of whole) assert.match(l, looks);
          assert.equal(await b.do("counters", null), 7);
          assert.equal(await a.do("counters", null), 7);
        },
        six,
      );
    });
  }

  it("without an SA nothing leaves, in any form", { skip }, async () => {
    await both("esp", {}, async (a) => {
      ping();
      await a.do("cut", null);
      const lines = await wire("not arp and not icmp6 and not ip6 multicast", () => {
        assert.notEqual(inside(NS.a, "ping -n -W 1 -c 3 -i 0.05 10.7.0.1").status, 0);
      });
      assert.deepEqual(lines, []);
      assert.ok(((await a.do("drops", null))["tx.no-sa"] ?? 0) >= 3);
    });
  });

  for (const sequencing of [false, true]) {
    it(`a forged inner source is dropped by the server${sequencing ? ", with sequence numbers too" : ""}`, {
      skip,
    }, async () => {
      await both("udp", { sequencing }, async (a, b) => {
        sh(`ip -n ${NS.a} addr add 10.66.0.1/32 dev pa0 && ip -n ${NS.a} addr add 192.168.7.9/32 dev pa0`);
        assert.equal(
          inside(NS.a, "ping -n -W 1 -c 2 -i 0.05 -I 192.168.7.9 10.7.0.1").status,
          0,
          "a network behind the user",
        );
        assert.notEqual(inside(NS.a, "ping -n -W 1 -c 2 -i 0.05 -I 10.66.0.1 10.7.0.1").status, 0);
        assert.equal((await b.do("drops", null))["ip.spoofed"], 2);
        assert.equal(await a.do("counters", null), 2);
      });
    });
  }

  it("TCP passes, its MSS clamped to the tunnel", { skip }, async () => {
    await both("udp", {}, async () => {
      sh(`ip -n ${NS.a} link set pa0 mtu 1500`); // the netdev would allow more than the tunnel carries
      const dump = spawn("ip", ["netns", "exec", NS.b, "tcpdump", "-lnni", "pb0", "-c", "1", "tcp[13] & 2 != 0"], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let text = "";
      dump.stdout.on("data", (d: Buffer) => {
        text += d.toString();
      });
      await new Promise<void>((ready) =>
        dump.stderr.on("data", (d: Buffer) => d.toString().includes("listening") && ready()),
      );
      inside(
        NS.a,
        "timeout 1 sh -c 'exec 3<>/dev/tcp/10.7.0.1/81' 2>/dev/null; timeout 1 bash -c 'exec 3<>/dev/tcp/10.7.0.1/81'",
      );
      await new Promise((r) => dump.on("close", r));
      assert.match(text, /mss 1360/);
    });
  });

  it("addresses, routes and link are what was asked for, and quiet", { skip }, async () => {
    await both("udp", {}, async (a) => {
      const show = inside(NS.a, "ip addr show pa0; ip route show dev pa0").out;
      assert.match(show, /mtu 1400/);
      assert.match(show, /inet 10\.7\.0\.2 peer 10\.7\.0\.1\/32/);
      assert.match(show, /10\.9\.0\.0\/16 proto 76 scope link metric 50/);
      assert.doesNotMatch(show, /inet6/);
      await a.do("detach", null);
      assert.notEqual(inside(NS.a, "ip link show pa0").status, 0);
    });
  });

  for (const sequencing of [false, true]) {
    it(`IPv6 between two netdevs while it is open${sequencing ? ", with sequence numbers" : ""}`, {
      skip,
    }, async () => {
      await both(
        "udp",
        { sequencing },
        async (a, b) => {
          const ping6 = (): number | null => inside(NS.a, "ping -6 -n -W 1 -c 3 -i 0.05 fe80::b%pa0").status;
          await a.do("ipv6", "fe80::a");
          await b.do("ipv6", "fe80::b");
          assert.equal(ping6(), 0, inside(NS.a, "ip -6 addr; ip -6 route").out);
          assert.equal(inside(NS.a, "ping -6 -n -W 1 -c 2 -i 0.05 ff02::1%pa0").status, 0, "groups of the link too");
          await a.do("ipv6", null);
          assert.notEqual(ping6(), 0);
          assert.doesNotMatch(inside(NS.a, "ip addr show pa0").out, /inet6/);
          await a.do("ipv6", "fe80::1a");
          assert.equal(ping6(), 0);
          assert.match(inside(NS.a, "ip addr show pa0").out, /inet6 fe80::1a\/64 scope link/);
        },
        false,
        false,
      );
    });
  }

  it("a netdev that is deleted by somebody else takes only its own call along", { skip }, async () => {
    await both("udp", {}, async (a) => {
      sh(`ip -n ${NS.a} link del pa0`);
      assert.deepEqual(await a.do("path", "198.51.100.2"), {
        local: "198.51.100.1",
        mtu: 1500,
        device: "wa",
        borrowed: false,
      });
    });
  });

  it("host routes: by today's gateway, marked, not twice, and gone after a crash and a start", { skip }, async () => {
    const routes = (): string => inside(NS.a, "ip route show proto 76").out;
    const a = new Node(NS.a);
    try {
      await a.do("pin", "203.0.113.5");
      assert.match(routes(), /^203\.0\.113\.5 via 198\.51\.100\.2 dev wa onlink\s*$/);
      await a.do("pin", "203.0.113.5");
      await a.do("pin", "198.51.100.77");
      assert.match(routes(), /198\.51\.100\.77 dev wa scope link/);
      await a.do("block", "10.50.0.0/16");
      assert.match(routes(), /unreachable 10\.50\.0\.0\/16 metric/);
      sh(`ip -n ${NS.a} route add 203.0.113.6/32 via 198.51.100.2`);
      await a.do("pin", "203.0.113.6");
      assert.doesNotMatch(routes(), /203\.0\.113\.6/);
    } finally {
      a.kill();
    }
    await a.exit;
    const b = new Node(NS.a);
    try {
      await b.do("drops", null);
      assert.match(routes(), /^unreachable 10\.50\.0\.0\/16 metric \d+\s*$/); // until its link claims it
      await b.do("block", "10.50.0.0/16");
      await b.do("close", null);
      assert.equal(routes(), "");
      assert.match(inside(NS.a, "ip route show 203.0.113.6").out, /via 198\.51\.100\.2/);
      await b.exit;
    } finally {
      b.kill();
    }
  });

  it("a taken port is one sentence that says what to do", { skip }, async () => {
    const a = new Node(NS.a);
    const b = new Node(NS.a);
    try {
      assert.equal(await a.do("ike", null), "");
      assert.match(
        await b.do("ike", null),
        /^UDP 500 on 0\.0\.0\.0 cannot be opened: EADDRINUSE \(another IPsec daemon .* stop it/,
      );
      await assert.rejects(
        b.do("path", "2001:db8::1"),
        /no route to 2001:db8::1: ENETUNREACH \(is the Internet connection up\?\)/,
      );
    } finally {
      a.kill();
      b.kill();
    }
  });

  it("garbage on every socket is counted by name and hurts nobody", { skip }, async () => {
    await both("udp", {}, async (_a, b) => {
      const junk = unhex("0000100000000001deadbeefdeadbeefdeadbeefdeadbeef");
      assert.ok(junk);
      const send =
        `const d=require("dgram").createSocket("udp4");let n=0;for(let i=0;i<2000;i++){const ` +
        `b=require("crypto").randomBytes(i%97+1);d.send(b,4500+(i%2?0:-4000),"198.51.` +
        `100.2",()=>{if(++n===2000)d.close()})}`;
      assert.equal(inside(NS.a, `${process.execPath} -e '${send}'`).status, 0);
      ping();
      const drops = await b.do("drops", null);
      assert.ok((drops["esp.unknown-spi"] ?? 0) + (drops["esp.short"] ?? 0) > 500, JSON.stringify(drops));
    });
  });
}
