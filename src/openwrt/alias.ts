// `ipv6 = auto`: an interface NAME_6 on top of NAME, made at run time, on which netifd's DHCPv6 client asks the peer
// for addresses and a prefix. netifd removes such an interface by itself when NAME goes down.
import { type Table, type Ubus, UbusError } from "ubus-client";
import { parseUci } from "../config/uci.ts";
import { wordsOf } from "../core/text.ts";
import type { Host } from "../ports/ports.ts";

type Bus = Pick<Ubus, "call">;

/** One of this name that somebody has configured is left as it is. */
export async function addAlias(bus: Bus, name: string, zone: string | null): Promise<void> {
  const alias = `${name}_6`;
  if ((await ask(bus, "network.interface", "status", { interface: alias })) !== null) return;
  await ask(bus, "network", "add_dynamic", {
    name: alias,
    device: `@${name}`,
    proto: "dhcpv6",
    extendprefix: "1",
    ...(zone === null ? {} : { zone }),
  });
}
export async function removeAlias(bus: Bus, name: string): Promise<void> {
  const alias = `${name}_6`;
  const s = await ask(bus, "network.interface", "status", { interface: alias });
  if (s?.["dynamic"] === true) await ask(bus, "network.interface", "remove", { interface: alias });
}
async function ask(bus: Bus, object: string, method: string, args: Table): Promise<Table | null> {
  try {
    return (await bus.call(object, method, args)) ?? {};
  } catch (e) {
    if (!(e instanceof UbusError)) throw e;
    return null;
  }
}

/** The firewall zone that has `network` among its networks, by DIR/firewall; null when there is none. */
export function zoneOf(host: Pick<Host, "readFile">, dir: string, network: string): string | null {
  try {
    const zone = parseUci(host.readFile(`${dir.replace(/\/$/, "")}/firewall`)).find(
      (s) => s.type === "zone" && s.options.get("network")?.values.some((v) => wordsOf(v).includes(network)),
    );
    return zone?.options.get("name")?.values[0] ?? null;
  } catch {
    return null; // no file, or one that the firewall itself will complain of
  }
}
