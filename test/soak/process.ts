// A daemon that can die: its timers and its host's datagrams are gone, and nobody was told.
import type { Clock, Timer } from "../../src/core/clock.ts";
import type { SimHost } from "../sim/simnet.ts";
import type { Site, SiteOptions, World } from "../sim/world.ts";

/** A clock whose timers end with the process that has them. */
class ProcessClock implements Clock {
  readonly #clock: Clock;
  readonly #armed = new Set<Timer>();
  #dead = false;
  constructor(clock: Clock) {
    this.#clock = clock;
  }
  get size(): number {
    return this.#armed.size;
  }
  now(): number {
    return this.#clock.now();
  }
  timer(name: string, fire: () => void, turns?: { run(f: () => void): void }): Timer {
    const armed = this.#armed;
    const inner = this.#clock.timer(name, () => {
      armed.delete(inner);
      if (turns) turns.run(fire);
      else fire();
    });
    return {
      get armed() {
        return inner.armed;
      },
      arm: (ms) => {
        if (this.#dead) return;
        armed.add(inner);
        inner.arm(ms);
      },
      disarm: () => {
        armed.delete(inner);
        inner.disarm();
      },
    };
  }
  die(): void {
    this.#dead = true;
    for (const t of this.#armed) t.disarm();
    this.#armed.clear();
  }
}

export class Process {
  readonly host: SimHost;
  readonly #world: World;
  readonly #options: SiteOptions;
  #text: string;
  #clock: ProcessClock;
  site: Site;

  constructor(world: World, host: SimHost, text: string, options: SiteOptions) {
    this.#world = world;
    this.host = host;
    this.#options = options;
    this.#text = text;
    this.#clock = new ProcessClock(world.clock);
    this.site = this.#start();
  }
  /** Renewals so far, of all lives. */
  readonly renewed = { isakmp: 0, esp: 0 };
  /** Armed timers. */
  get timers(): number {
    return this.#clock.size;
  }
  reload(text: string): void {
    this.#text = text;
    this.site.reload(text);
  }
  /** SIGKILL, or a power cut; it starts again at once, knowing nothing. */
  die(): void {
    this.#clock.die();
    this.host.onDatagram = () => {};
    this.#clock = new ProcessClock(this.#world.clock);
    this.site = this.#start();
  }
  /** Every table that could grow. */
  tables(): Record<string, number> {
    return { ...this.site.daemon.tables(), ...this.site.plane.sizes(), timers: this.timers };
  }
  #start(): Site {
    const site = this.#world.site(this.host, this.#text, { ...this.#options, clock: this.#clock });
    site.daemon.subscribe((e) => {
      if (e.kind === "ike.rekeyed") this.renewed[e.what]++;
    });
    return site;
  }
}
