// Serial lines in memory: links over emulated modems and null-modem cables, planes without netdevs, one virtual clock.
import assert from "node:assert/strict";
import * as v from "valibot";
import { NASDIAL, type SerialConfig } from "../../src/config/nasdial.ts";
import type { Options } from "../../src/config/option.ts";
import type { UserConfig } from "../../src/config/schema.ts";
import { Challenges } from "../../src/core/challenges.ts";
import { type Event, line } from "../../src/core/events.ts";
import { Secret } from "../../src/core/secret.ts";
import { NonePlane } from "../../src/dataplane/none.ts";
import { Blocks } from "../../src/link/blocks.ts";
import { Captures } from "../../src/link/captures.ts";
import { Link } from "../../src/link/link.ts";
import { Logins } from "../../src/link/logins.ts";
import { SerialAccess } from "../../src/link/serial.ts";
import type { SerialStatus } from "../../src/link/status.ts";
import type { Host } from "../../src/ports/ports.ts";
import type { SerialHost } from "../../src/ports/serial.ts";
import { testCrypto } from "../ppp/pair.ts";
import { SimNet } from "../sim/simnet.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

export function serialConfig(name: string, text: Record<string, string>): SerialConfig {
  const out: Record<string, unknown> = { name };
  for (const [key, o] of Object.entries(NASDIAL as Options)) {
    const given = { proto: "nasdial", ...text }[key] ?? o.def;
    if (given === undefined) {
      assert.ok(o.optional, `${key} is missing`);
      out[key] = null;
      continue;
    }
    const r = v.safeParse(o.kind.schema, given);
    assert.ok(r.success, `${key} = ${given}`);
    out[key] = r.output;
  }
  for (const key of Object.keys(text)) assert.ok(key in NASDIAL, key);
  return out as unknown as SerialConfig;
}

export const USERS: readonly UserConfig[] = [
  {
    name: "branch",
    username: null,
    password: Secret.of("w0nderland"),
    ip: null,
    routes: ["192.168.10.0/24"],
    bridge: null,
    ipv6_prefix: null,
    ipv6_delegated_prefix: null,
    session_timeout: 0,
    idle_timeout: 0,
    server: null,
  },
  {
    name: "second",
    username: null,
    password: Secret.of("w0nderland"),
    ip: "10.7.0.9",
    routes: null,
    bridge: null,
    ipv6_prefix: null,
    ipv6_delegated_prefix: null,
    session_timeout: 0,
    idle_timeout: 0,
    server: null,
  },
];

export interface Line {
  readonly link: Omit<Link, "status"> & { status(): SerialStatus };
  readonly plane: NonePlane;
  readonly events: Event[];
  readonly lines: string[];
  /** What came out of the netdev. */
  readonly packets: Uint8Array[];
}

export class SerialWorld {
  readonly clock = new VirtualClock();
  readonly net: SimNet;
  /** Of the wall clock, beside the virtual one. */
  wallOffset = 0;
  localOffset = 0;
  #n = 0;

  /** `start`: what the clocks say at first. */
  constructor(start = 0) {
    this.clock.advance(start);
    this.net = new SimNet(this.clock, 1);
  }

  line(serial: SerialHost, text: Record<string, string>, users: readonly UserConfig[] = USERS): Line {
    const nth = ++this.#n;
    const plane = new NonePlane({
      clock: this.clock,
      rng: testCrypto(nth),
      net: this.net.host(`h${nth}`, [`198.51.100.${nth}`]),
    });
    const events: Event[] = [];
    const lines: string[] = [];
    const packets: Uint8Array[] = [];
    plane.net.onPacket = (_, p) => void packets.push(p);
    const host: Host = {
      readFile: () => "",
      env: () => undefined,
      hostname: () => `h${nth}`,
      wallClock: () => this.clock.now() + this.wallOffset,
      localOffset: () => this.localOffset,
      resolve: () => Promise.reject(new Error("none")),
    };
    const log = {
      emit: (e: Event) => {
        events.push(e);
        lines.push(line(e));
      },
    };
    const clock = this.clock;
    const deps = { clock, crypto: testCrypto(nth), host, log, plane, serial };
    const access = new SerialAccess(
      { ...deps, captures: new Captures(), challenges: new Challenges(), logins: new Logins(clock) },
      serialConfig(`line${nth}`, text),
      () => users,
    );
    const link = new Link({ ...deps, blocks: new Blocks(plane.net) }, access) as Line["link"];
    return { link, plane, events, lines, packets };
  }
  async run(ms: number, step = 20): Promise<void> {
    for (let t = 0; t < ms; t += step) {
      await settle();
      this.clock.advance(Math.min(step, ms - t));
    }
    await settle();
  }
  async until(done: () => boolean, ms: number, what: string, ...lines: Line[]): Promise<number> {
    const start = this.clock.now();
    while (!done()) {
      if (this.clock.now() - start > ms)
        assert.fail(`${what} did not happen in ${ms} ms\n${lines.map((l) => l.lines.join("\n")).join("\n---\n")}`);
      await this.run(20);
    }
    return this.clock.now() - start;
  }
}
export async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) await Promise.resolve();
}
/** An IPv4 packet; only what the planes look at is right. */
export function packet(from: string, to: string, length = 100): Uint8Array {
  const p = Uint8Array.from({ length }, (_, i) => i & 255);
  p.set([0x45, 0, length >> 8, length & 255]);
  p.set(from.split(".").map(Number), 12);
  p.set(to.split(".").map(Number), 16);
  return p;
}
