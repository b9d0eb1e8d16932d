// The netdev of a serial line on demand, there before the call is, and after it: its first packet asks for a call, and
// waits for it.
import type { Clock } from "../core/clock.ts";
import { Counters as Drops } from "../core/counters.ts";
import { Packet } from "../core/packet.ts";
import type { IpConfig, LineInterface, NetPlane, PacketLine, TrafficCounters } from "../dataplane/dataplane.ts";

/** Placeholder addresses, as pppd's, until the first call negotiates real ones. */
export const PLACEHOLDER = { local4: "10.64.64.64", peer4: "10.112.112.112" } as const;
const MAX_WAITING = 16;
/** A sender has given up or retransmitted an older packet. */
const MAX_AGE_MS = 60_000;
const NONE: TrafficCounters = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };

export interface DemandOwner {
  /** A packet waits for a call. */
  onWanted(): void;
  /** The netdev disappeared without close(). */
  onLost(why: string): void;
}

export class DemandNet implements PacketLine {
  readonly #deps: { readonly clock: Clock; readonly net: NetPlane };
  readonly #owner: DemandOwner;
  readonly #drops = new Drops<
    "demand.full" | "demand.late" | "demand.old-address" | "demand.multicast" | "demand.held"
  >();
  #cfg: IpConfig;
  #net: LineInterface | null = null;
  /** Serializes operations on the netdev. */
  #turn: Promise<void> = Promise.resolve();
  #line: PacketLine | null = null;
  #waiting: { readonly packet: Uint8Array; readonly since: number }[] = [];
  /** No call will be placed: packets are not queued. */
  held = false;

  /** `cfg`: with addresses of no meaning, until the first call. */
  constructor(deps: { readonly clock: Clock; readonly net: NetPlane }, cfg: IpConfig, owner: DemandOwner) {
    this.#deps = deps;
    this.#cfg = cfg;
    this.#owner = owner;
  }
  get isOpen(): boolean {
    return this.#net !== null;
  }
  /** The netdev's addresses. */
  get addresses(): { readonly local_ip: string; readonly remote_ip: string } {
    return { local_ip: this.#cfg.local4, remote_ip: this.#cfg.peer4 ?? this.#cfg.local4 };
  }
  /** A queued packet is still recent enough to be useful. */
  get wanted(): boolean {
    this.#age();
    return this.#waiting.length > 0;
  }
  drops(): Record<string, number> {
    return this.#drops.snapshot();
  }

  /** With the addresses of the last call, or the placeholders. Rejects with SystemError. */
  open(): Promise<void> {
    return this.#after(() => this.#attach(this.#cfg));
  }
  /** Attaches a call; recreates the netdev when the addresses differ. Rejects with SystemError. */
  connect(line: PacketLine, cfg: IpConfig): Promise<LineInterface> {
    return this.#after(() => this.#attach(cfg)).then(() => {
      this.#line = line;
      return {
        ifname: cfg.ifname,
        counters: () => line.counters(),
        receive: (p: Packet) => void this.#net?.receive(p),
        setIpv6: (local: string | null) => this.#net?.setIpv6(local) ?? Promise.resolve(),
        detach: () => {
          if (this.#line !== line) return Promise.resolve();
          this.#line = null;
          return this.#net?.setIpv6(null) ?? Promise.resolve();
        },
      };
    });
  }
  /** Sends the queued packets; the line is ready. */
  release(): void {
    this.#age();
    for (const { packet } of this.#waiting.splice(0)) {
      // An answer to any address but ours would not be routed back.
      if (sourceOf(packet) === PLACEHOLDER.local4 && this.#cfg.local4 !== PLACEHOLDER.local4)
        this.#drops.bump("demand.old-address");
      else this.#line?.transmit(Packet.of(packet));
    }
  }
  close(): Promise<void> {
    this.#waiting = [];
    this.#line = null;
    return this.#after(async () => {
      const net = this.#net;
      await net?.detach(); // a failed removal is retried
      if (this.#net === net) this.#net = null;
    });
  }

  transmit(p: Packet): void {
    if (this.#line) return this.#line.transmit(p);
    if (this.held) return this.#drops.bump("demand.held");
    // Multicast and broadcast do not place a call, which may cost money.
    const six = (p.mem[p.start] as number) >>> 4 === 6;
    if (six ? p.mem[p.start + 24] === 0xff : (p.mem[p.start + 16] as number) >= 224)
      return this.#drops.bump("demand.multicast");
    this.#age();
    if (this.#waiting.length >= MAX_WAITING) return this.#drops.bump("demand.full");
    this.#waiting.push({ packet: p.view().slice(), since: this.#deps.clock.now() });
    this.#owner.onWanted();
  }
  counters(): TrafficCounters {
    return this.#line?.counters() ?? NONE;
  }
  lost(why: string): void {
    this.#net = null;
    const line = this.#line;
    this.#line = null;
    if (line) line.lost(why);
    else this.#owner.onLost(why);
  }

  #attach(cfg: IpConfig): Promise<void> {
    if (this.#net && JSON.stringify(cfg) === JSON.stringify(this.#cfg)) return Promise.resolve();
    const old = this.#net;
    return (old ? old.detach() : Promise.resolve())
      .then(() => {
        if (this.#net === old) this.#net = null;
      })
      .then(() => this.#deps.net.attachLine(this, cfg))
      .then((net) => {
        this.#net = net;
        this.#cfg = cfg;
      });
  }
  #after<T>(f: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(f);
    this.#turn = done.then(
      () => {},
      () => {},
    );
    return done;
  }
  #age(): void {
    const oldest = this.#deps.clock.now() - MAX_AGE_MS;
    while (this.#waiting[0] && this.#waiting[0].since < oldest) {
      this.#waiting.shift();
      this.#drops.bump("demand.late");
    }
  }
}

function sourceOf(packet: Uint8Array): string {
  return packet.subarray(12, 16).join(".");
}
