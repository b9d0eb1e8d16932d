// Rule 7: a throw at any call of a seam, at any event told and at any timer ends what it belongs to, and nothing else.
//
// Each scene has one daemon that is thrown in, with two links (as a client, as a server): whoever is not the victim
// stays up, the victim comes back, the daemon stops within two seconds, and nothing is left of it. Points are found by
// running the scene without a throw. FAULTS=all tries them all (100 s), a number so many of them a scene; make test
// runs all.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Event } from "../../src/core/events.ts";
import { testCrypto } from "../ppp/pair.ts";
import { type How, Injector, type Target } from "./inject.ts";
import { seededRng } from "./simnet.ts";
import { client, clientConf, SERVER_CONF, type Site, server, World } from "./world.ts";

const SAMPLE = 15;
/** Of one point's many calls these are tried: the first ones, then a few along the scene. */
const FIRST = 6;
const LATER = 6;

/** What status asks for, which is a request of ours here: test/control. */
const STATUS = /^(plane\.drops|net\..*\.counters|l2tp\..*\.counters)$/;

const FAST =
  "ike_proposals = aes128-sha1-x25519\nesp_proposals = aes128gcm16\nesp_lifetime = 30\nike_lifetime = 60\n" +
  "reconnect_min = 1\nreconnect_max = 2\ndpd = 5\nhello = 10";
type Version = "v1" | "v2";
/** With two calls in a bundle, beside the newer version. */
const CALLS = { v1: "", v2: "\nmrru = 1500\nlinks = 2" } as const;
const ONE = (ike: Version): string => clientConf(`${FAST}\nike = ${ike}${CALLS[ike]}`);
const TWO = (ike: Version, server: string): string =>
  clientConf(`${FAST}\nike = ${ike}${CALLS[ike]}`, server)
    .replace("interface hq", "interface two")
    .replace("username = branch", "username = second");

const serverConf = (ike: Version): string =>
  SERVER_CONF.replace(
    "psk =",
    `${FAST.split("\n").slice(0, 4).join("\n")}${ike === "v2" ? "\nmrru = 1500\nbundle_links = 3" : ""}\npsk =`,
  );

interface Scene {
  readonly w: World;
  /** The daemon that is thrown in, and all. */
  readonly victim: Site;
  readonly sites: readonly Site[];
  /** The two links, by name. */
  readonly links: readonly { readonly site: Site; readonly name: string; readonly server: Site }[];
}
type Make = (inject: Injector) => Scene;

const asClient =
  (ike: Version): Make =>
  (inject) => {
    const w = new World(7);
    const crypto = testCrypto(3);
    const conf = serverConf(ike);
    const b1 = w.site(w.net.host("b1", ["198.51.100.2"]), conf, { crypto });
    const b2 = w.site(w.net.host("b2", ["198.51.100.3"]), conf.replace("198.51.100.2", "198.51.100.3"), { crypto });
    const a = w.site(w.net.host("a", ["203.0.113.1"]), ONE(ike) + TWO(ike, "198.51.100.3"), { inject, crypto });
    return {
      w,
      victim: a,
      sites: [a, b1, b2],
      links: [
        { site: a, name: "hq", server: b1 },
        { site: a, name: "two", server: b2 },
      ],
    };
  };
const asServer =
  (ike: Version): Make =>
  (inject) => {
    const w = new World(7);
    const crypto = testCrypto(3);
    const conf = serverConf(ike);
    const b = w.site(w.net.host("b", ["198.51.100.2"]), conf, { inject, crypto });
    const a1 = w.site(w.net.host("a1", ["203.0.113.1"]), ONE(ike), { crypto });
    const a2 = w.site(w.net.host("a2", ["203.0.113.2"]), TWO(ike, "198.51.100.2"), { crypto });
    return {
      w,
      victim: b,
      sites: [b, a1, a2],
      links: [
        { site: a1, name: "hq", server: b },
        { site: a2, name: "two", server: b },
      ],
    };
  };
const SCENES: Readonly<Record<string, Make>> = {
  "a client": asClient("v2"),
  "a server": asServer("v2"),
  "a client by IKEv1": asClient("v1"),
  "a server by IKEv1": asServer("v1"),
};

const up = (l: Scene["links"][number]): boolean =>
  l.site.daemon.status(null)[l.name]?.state === "up" &&
  server(l.server).sessions.some((s) => s.ip === client(l.site, l.name).local_ip);

/** An IPv4 packet. */
function packet(from: string, to: string): Uint8Array {
  const p = new Uint8Array(28);
  p.set([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, ...from.split(".").map(Number), ...to.split(".").map(Number)]);
  return p;
}
/** Whether a packet passes both ways. */
async function carries(s: Scene, l: Scene["links"][number]): Promise<boolean> {
  const { local_ip: ip, ifname } = client(l.site, l.name);
  let there = false;
  let back = false;
  const [was, wasServer] = [l.site.plane.net.onPacket, l.server.plane.net.onPacket];
  l.server.plane.net.onPacket = (_, p) => {
    if (p[15] === Number(ip?.split(".")[3])) there = true;
  };
  l.site.plane.net.onPacket = (dev) => {
    if (dev === ifname) back = true;
  };
  l.site.plane.net.transmit(ifname, packet(ip ?? "", "10.99.0.1"));
  l.server.plane.net.transmit("l2tps-lns", packet("10.99.0.1", ip ?? ""));
  await s.w.run(100);
  l.site.plane.net.onPacket = was;
  l.server.plane.net.onPacket = wasServer;
  return there && back;
}
async function allUp(s: Scene, ms: number, what: string): Promise<void> {
  const until = s.w.clock.now() + ms;
  await s.w.until(() => s.links.every(up), ms, what, ...s.sites);
  for (const l of s.links) {
    // A link that fails in the moment in which it comes up is called up until it is down.
    while (!(await carries(s, l))) {
      assert.ok(s.w.clock.now() < until, `${what}: ${l.name} carries no packets`);
      await s.w.until(() => s.links.every(up), ms, what, ...s.sites);
    }
  }
}

/** The life of two links: up, packets, both phases renewed, one goes and comes, all goes. */
async function live(make: Make, target: Target | null): Promise<Injector> {
  const inject = new Injector(target);
  const standing = new Set<string>();
  const fell = new Set<string>();
  let scene: Scene | null = null;
  inject.onHit = () => {
    for (const l of scene?.links ?? []) if (up(l)) standing.add(l.name);
  };
  const s = make(inject);
  scene = s;
  const log = (): string => s.sites.map((x) => `${x.host.name}:\n  ${x.lines.join("\n  ")}`).join("\n");
  for (const site of s.sites) {
    const keep = site.events.push.bind(site.events);
    site.events.push = (...all: Event[]) => {
      for (const e of all)
        if (e.kind === "link.down" && standing.has(e.link) && site !== s.links[0]?.server) fell.add(e.link);
      return keep(...all);
    };
  }
  await allUp(s, 60_000, "up");
  await s.w.run(75_000); // esp_lifetime 30, ike_lifetime 60
  await allUp(s, 60_000, "up after renewals");
  const [one, two] = s.links as [Scene["links"][number], Scene["links"][number]];
  assert.ok(fell.size <= 1, `${[...fell].join(" and ")} fell\n${log()}`);
  standing.clear();
  two.site.daemon.down(two.name);
  await s.w.run(2500);
  assert.equal(client(two.site, two.name).state, "down", log());
  assert.equal(client(one.site, one.name).state === "up" || inject.hit, true, log());
  two.site.daemon.up(two.name);
  await allUp(s, 60_000, "up again");
  let stopped = false;
  const at = s.w.clock.now();
  s.victim.daemon.stop("the end", () => {
    stopped = true;
  });
  await s.w.until(() => stopped, 2000, "stopped", s.victim);
  assert.ok(s.w.clock.now() - at <= 2000);
  const left = Object.entries(s.victim.plane.sizes()).filter(([, n]) => n > 0);
  assert.deepEqual(left, [], `left in the plane: ${left.join(" ")}\n${log()}`);
  for (const site of s.sites) if (site !== s.victim) site.daemon.stop("the end", () => {});
  await s.w.run(70_000);
  assert.deepEqual(s.w.clock.pending(), [], log());
  for (const site of s.sites) {
    const tables = Object.entries(site.daemon.tables()).filter(([, n]) => n > 0);
    assert.deepEqual(tables, [], `left in the tables of ${site.host.name}\n${log()}`);
  }
  if (target)
    assert.ok(
      s.victim.lines.some((l) => l.includes("daemon.fault") && l.includes("injected")),
      `not a word of it\n${log()}`,
    );
  return inject;
}

/** Every point of a scene, and which of its calls are to be tried. */
async function targets(make: Make): Promise<Target[]> {
  const plain = await live(make, null);
  const out: Target[] = [];
  for (const [point, count] of plain.counts) {
    if (STATUS.test(point)) continue;
    const hows: How[] = plain.promised.has(point) ? ["throw", "reject"] : ["throw"];
    const nths = new Set(Array.from({ length: Math.min(FIRST, count) }, (_, i) => i + 1));
    for (let i = 1; i <= LATER; i++) nths.add(Math.max(1, Math.floor((count * i) / LATER)));
    for (const nth of nths) for (const how of hows) out.push({ point, nth, how });
  }
  return out;
}

describe("a throw", () => {
  for (const [name, make] of Object.entries(SCENES)) {
    test(`in ${name}, wherever it is, ends what it belongs to`, async () => {
      const all = await targets(make);
      const points = new Set(all.map((x) => x.point));
      assert.ok(points.size > 50, `${points.size} points`);
      const wish = process.env["FAULTS"] ?? String(SAMPLE);
      const only = process.env["FAULTS_AT"];
      const rng = seededRng(20261126);
      const chance = wish === "all" ? 1 : Number(wish) / all.length;
      const chosen = all.filter((x) => (only === undefined ? rng.uniform() < chance : x.point.startsWith(only)));
      const failed: string[] = [];
      for (const target of chosen) {
        await live(make, target).catch((e: unknown) => {
          failed.push(
            `${target.point} ${target.nth} ${target.how}: ` +
              `${(e as Error).message.slice(0, Number(process.env["FAULTS_CHARS"] ?? 300))}`,
          );
        });
      }
      console.log(`# ${name}: ${chosen.length} of ${all.length} throws at ${points.size} points`);
      assert.equal(failed.length, 0, `${failed.length} of ${chosen.length}:\n${failed.join("\n")}`);
    });
  }
});
