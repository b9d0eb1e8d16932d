// A client that has the key, and afterwards sends whatever a test wants under its IKE SA.

import { offerChild } from "../../../src/ike/v2/childsa.ts";
import { Connection } from "../../../src/ike/v2/connection.ts";
import type { IkeSa } from "../../../src/ike/v2/ikesa.ts";
import { NOTIFY, notification, readNotify } from "../../../src/ike/v2/wire/bodies.ts";
import { PAYLOAD } from "../../../src/ike/v2/wire/message.ts";
import type { Payload } from "../../../src/ike/wire/payloads.ts";
import { nodeCrypto } from "../../../src/runtime/node/crypto.ts";
import { client, Host, type Net } from "../double.ts";

export class Probe {
  readonly #net: Net;
  readonly #connection: Connection;

  constructor(net: Net, address: string, remote: string) {
    this.#net = net;
    const host = new Host(net, address);
    const c = host.ike.connect(client(remote, address, { versions: "v2" }), host);
    if (!(c instanceof Connection)) throw new Error("not IKEv2");
    this.#connection = c;
  }
  get #sa(): IkeSa {
    const sa = this.#connection.current;
    if (!sa) throw new Error("no IKE SA");
    return sa;
  }
  /** The error notifications that answer a request with these payloads. */
  async ask(exchange: number, list: readonly (readonly [type: number, body: Uint8Array])[]): Promise<number[]> {
    return this.#send(
      exchange,
      list.map(([type, body]) => ({ type, body })),
    );
  }
  async makeChild(): Promise<number[]> {
    return this.#send(36, this.#offer([]));
  }
  async rekey(spi: number): Promise<number[]> {
    const b = Uint8Array.of(spi >>> 24, spi >>> 16, spi >>> 8, spi);
    return this.#send(36, this.#offer([notification(NOTIFY.rekeySa, new Uint8Array(0), b)]));
  }
  #offer(more: readonly Payload[]): Payload[] {
    const offer = offerChild(this.#sa, { local: 1701, remote: 1701 }, null);
    return [...more, ...offer.payloads, { type: PAYLOAD.nonce, body: nodeCrypto.random(32) }];
  }
  async #send(exchange: number, payloads: readonly Payload[]): Promise<number[]> {
    let errors: number[] | null = null;
    this.#sa.channel.ask(() => ({
      exchange,
      payloads,
      answered: ({ chain }) => {
        const all = chain.payloads.filter((p) => p.type === PAYLOAD.notify).map((p) => readNotify(p.body).type);
        errors = all.filter((t) => t < 16384);
      },
      silent: () => {},
      unreadable: () => {},
    }));
    for (let t = 0; t < 2000 && !errors; t += 20) await this.#net.run(20);
    return errors ?? [-1];
  }
}
