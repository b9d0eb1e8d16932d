// netifd as the bus shows it: `network.interface`, with the states of its proto-ext.c for handlers without a task of
// their own. The handler itself is a function here.
import { STATUS, type Table, TYPE, type Ubus } from "ubus-client";

interface Iface {
  state: "down" | "setup" | "up" | "teardown";
  autostart: boolean;
  readonly errors: (readonly string[])[];
  /** Of first attempts, told as errors that are none. */
  readonly steps: string[];
  /** Every update that was taken, in order. */
  readonly updates: Table[];
  keptUp: number;
  readonly proto: string;
}

export interface Handler {
  setup(name: string): Promise<unknown>;
  teardown(name: string): Promise<unknown>;
}

const plain = (x: Table): Table => JSON.parse(JSON.stringify(x)) as Table;

export class NetifdDouble {
  readonly ifaces = new Map<string, Iface>();
  readonly refused: Table[] = [];
  handler: Handler = { setup: async () => {}, teardown: async () => {} };

  add(name: string, proto = name === "lan" ? "static" : "l2tpsec"): Iface {
    const i: Iface = { proto, state: "down", autostart: true, errors: [], steps: [], updates: [], keptUp: 0 };
    this.ifaces.set(name, i);
    return i;
  }
  at(name: string): Iface {
    const i = this.ifaces.get(name);
    if (!i) throw new Error(`no interface ${name}`);
    return i;
  }
  up(name: string): void {
    const i = this.at(name);
    i.autostart = true;
    if (i.state !== "down") return;
    i.state = "setup";
    this.handler.setup(name).catch(() => {});
  }
  down(name: string): void {
    this.at(name).autostart = false;
    this.teardown(name);
  }
  teardown(name: string): void {
    const i = this.at(name);
    if (i.state === "down" || i.state === "teardown") return;
    i.state = "teardown";
    const done = (): void => {
      i.state = "down";
      if (i.autostart) this.up(name);
    };
    this.handler.teardown(name).then(done, done);
  }

  async serve(bus: Ubus): Promise<void> {
    const name = { args: { interface: TYPE.STRING } } as const;
    const shown = (n: string, i: Iface): Table => ({
      interface: n,
      up: i.state === "up",
      pending: i.state === "setup",
      available: true,
      autostart: i.autostart,
      proto: i.proto,
    });
    await bus.add({
      path: "network.interface",
      methods: {
        dump: {
          call: (r) => {
            r.reply({ interface: [...this.ifaces].map(([n, i]) => shown(n, i)) });
            r.done();
          },
        },
        status: {
          ...name,
          call: (r) => {
            const n = String(r.args["interface"]);
            const i = this.ifaces.get(n);
            if (!i) return r.done(STATUS.NOT_FOUND);
            r.reply(shown(n, i));
            r.done();
          },
        },
        up: {
          ...name,
          call: (r) => {
            this.up(String(r.args["interface"]));
            r.done();
          },
        },
        down: {
          ...name,
          call: (r) => {
            this.down(String(r.args["interface"]));
            r.done();
          },
        },
        notify_proto: {
          // As in netifd's notify_attr: another type is not seen at all.
          args: {
            interface: TYPE.STRING,
            action: TYPE.INT32,
            error: TYPE.ARRAY,
            "link-up": TYPE.BOOL,
            ifname: TYPE.STRING,
            "address-external": TYPE.BOOL,
            keep: TYPE.BOOL,
            ipaddr: TYPE.ARRAY,
            routes: TYPE.ARRAY,
            dns: TYPE.ARRAY,
            data: TYPE.TABLE,
          },
          required: ["interface", "action"],
          call: (r) => r.done(this.#notify(plain(r.args))),
        },
      },
    });
  }
  #notify(t: Table): number {
    const name = String(t["interface"]);
    const i = this.ifaces.get(name);
    if (!i) return STATUS.NOT_FOUND;
    if (t["action"] === 3) {
      const [code = "", step = ""] = t["error"] as string[];
      if (code === "CONNECTING") i.steps.push(step);
      else i.errors.splice(0, 9, t["error"] as string[]);
    }
    if (t["action"] === 4) i.autostart = false;
    if (t["action"] === 7) this.teardown(name);
    if (t["action"] !== 0) return STATUS.OK;
    if (i.state === "teardown" || i.state === "down") {
      this.refused.push(t);
      return STATUS.PERMISSION_DENIED;
    }
    i.updates.push(t);
    if (t["link-up"] === true) {
      if (i.state === "up" && t["keep"] === true) i.keptUp++;
      i.state = "up";
    } else if (i.state === "up") i.state = "setup";
    return STATUS.OK;
  }
}
