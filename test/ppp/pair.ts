// Two PPP ends in memory on one virtual clock, with a wire that loses, reorders and repeats on demand.
import { Challenges } from "../../src/core/challenges.ts";
import type { Failure } from "../../src/core/errors.ts";
import type { Event } from "../../src/core/events.ts";
import { line } from "../../src/core/events.ts";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import type { Crypto, FrameChannel, LinkOptions } from "../../src/ports/ports.ts";
import type { PppConfig, PppOwner, PppUp } from "../../src/ppp/api.ts";
import { CODE, type Option, readOptions, readPacket, writeOptions, writePacket } from "../../src/ppp/cp.ts";
import { FULL_HEADER, PROTOCOL, pullProtocol, pushProtocol } from "../../src/ppp/frame.ts";
import { PppSession } from "../../src/ppp/session.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

/** A small deterministic generator: the same seed gives the same run. */
export function random(seed: number): () => number {
  let s = seed >>> 0 || 1;
  return () => {
    s ^= s << 13;
    s >>>= 0;
    s ^= s >>> 17;
    s ^= s << 5;
    s >>>= 0;
    return s / 0x1_0000_0000;
  };
}
/** The real primitives with repeatable randomness. */
export function testCrypto(seed = 1): Crypto {
  const next = random(seed * 2654435761);
  return { ...nodeCrypto, random: (n) => Uint8Array.from({ length: n }, () => Math.floor(next() * 256)) };
}

export interface Trouble {
  readonly loss?: number;
  readonly repeat?: number;
  /** Extra delay of up to this many milliseconds per frame: reorders. */
  readonly jitterMs?: number;
  readonly seed?: number;
}

export class End implements FrameChannel {
  readonly name = "test";
  readonly mru: number;
  readonly links: LinkOptions[] = [];
  onFrame: (frame: Packet) => void = () => {};
  onDown: (why: string) => void = () => {};
  received?: () => number;
  echoes?: () => { readonly answered: number; readonly agoMs: number };
  out: (frame: Uint8Array) => void = () => {};
  constructor(mru = 1400) {
    this.mru = mru;
  }
  send(frame: Packet): void {
    this.out(frame.view().slice());
  }
  deliver(frame: Uint8Array): void {
    this.onFrame(Packet.of(frame));
  }
  configure(link: LinkOptions): void {
    this.links.push(link);
  }
  close(): void {}
}

export function join(clock: VirtualClock, a: End, b: End, t: Trouble = {}): void {
  const next = random(t.seed ?? 1);
  const carry =
    (to: End) =>
    (frame: Uint8Array): void => {
      if (next() < (t.loss ?? 0)) return;
      const copies = next() < (t.repeat ?? 0) ? 2 : 1;
      for (let i = 0; i < copies; i++)
        clock.timer("wire", () => to.deliver(frame)).arm(1 + Math.floor(next() * (t.jitterMs ?? 0)));
    };
  a.out = carry(b);
  b.out = carry(a);
}

export const USERS: Readonly<Record<string, string>> = { alice: "wonderland", bob: "clientPass" };
export const CLIENT: PppConfig = {
  link: "hq",
  role: "client",
  mru: 1400,
  hostName: "lac",
  identity: { user: "alice", password: Secret.of("wonderland") },
  refuse: [],
  require: [],
  echo: null,
  ipcp: { local: null, remote: null, requestDns: true },
};
export const SERVER: PppConfig = {
  link: "lns",
  role: "server",
  mru: 1400,
  hostName: "lns",
  identity: null,
  refuse: [],
  require: ["mschapv2", "chap", "pap"],
  echo: null,
  ipcp: { local: null, remote: null, requestDns: false },
};

export class Side {
  readonly channel: End;
  readonly session: PppSession;
  readonly ups: PppUp[] = [];
  readonly downs: Failure[] = [];
  readonly phases: string[] = [];
  readonly admitted: string[] = [];
  readonly events: Event[] = [];
  constructor(
    clock: VirtualClock,
    cfg: PppConfig,
    over: Partial<PppOwner> = {},
    channel = new End(),
    crypto = testCrypto(cfg.role === "client" ? 5 : 6),
    challenges = new Challenges(),
  ) {
    this.channel = channel;
    const owner: PppOwner = {
      secretOf: (user) => (Object.hasOwn(USERS, user) ? Secret.of(USERS[user] as string) : null),
      admit: (user, method) => {
        this.admitted.push(`${user} ${method}`);
        return { local: "10.99.0.1", remote: "10.99.0.10", dns: ["10.99.0.53", "10.99.0.54"], wins: ["10.99.0.60"] };
      },
      onPhase: (phase) => void this.phases.push(phase),
      onUp: (info) => void this.ups.push(info),
      onDown: (why) => void this.downs.push(why),
      ...over,
    };
    const log = {
      emit: (e: Event) => {
        line(e); // what cannot be rendered must not be emitted
        this.events.push(e);
      },
    };
    this.session = new PppSession({ clock, crypto, log, challenges }, channel, cfg, owner);
  }
}

export function pair(client: Partial<PppConfig> = {}, server: Partial<PppConfig> = {}, trouble: Trouble = {}) {
  const clock = new VirtualClock();
  const c = new Side(clock, { ...CLIENT, ...client }, {}, new End(), testCrypto(2 * (trouble.seed ?? 1)));
  const s = new Side(clock, { ...SERVER, ...server }, {}, new End(), testCrypto(2 * (trouble.seed ?? 1) + 1));
  join(clock, c.channel, s.channel, trouble);
  c.session.start();
  s.session.start();
  return { clock, c, s };
}

/** A peer written by hand: sees every packet of ours, and says what the test wants. */
export class Script {
  readonly seen: { protocol: number; code: number; id: number; body: Uint8Array }[] = [];
  readonly channel: End;
  /** What it answers by itself; replace to misbehave. */
  react: (p: { protocol: number; code: number; id: number; body: Uint8Array }) => void = () => {};
  constructor(channel: End) {
    this.channel = channel;
    channel.out = (frame) => {
      const p = Packet.of(frame);
      const protocol = pullProtocol(p);
      const packet = { protocol, ...readPacket(p.view().slice()) };
      this.seen.push(packet);
      this.react(packet);
    };
  }
  say(protocol: number, code: number, id: number, body: Uint8Array = new Uint8Array(0)): void {
    const p = Packet.of(writePacket({ code, id, body }));
    pushProtocol(p, protocol, FULL_HEADER);
    this.channel.deliver(p.view().slice());
  }
  request(protocol: number, id: number, options: readonly Option[]): void {
    this.say(protocol, CODE.configureRequest, id, writeOptions(options));
  }
  last(protocol: number, code: number) {
    return this.seen.filter((p) => p.protocol === protocol && p.code === code).at(-1);
  }
  options(protocol: number, code: number): Option[] {
    return readOptions(this.last(protocol, code)?.body ?? new Uint8Array(0));
  }
  /** Acknowledges every Configure-Request of `protocols`. */
  agree(...protocols: number[]): void {
    const before = this.react;
    this.react = (p) => {
      before(p);
      if (p.code === CODE.configureRequest && protocols.includes(p.protocol))
        this.say(p.protocol, CODE.configureAck, p.id, p.body);
    };
  }
}
export function scripted(cfg: PppConfig, over: Partial<PppOwner> = {}) {
  const clock = new VirtualClock();
  const side = new Side(clock, cfg, over);
  const peer = new Script(side.channel);
  return { clock, side, peer };
}
export { CODE, PROTOCOL };
