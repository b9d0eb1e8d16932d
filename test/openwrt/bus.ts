// Two ways to the double of ubusd: in memory, delivering when told, and on a UNIX socket, as a router's programs see
// it.
import { Ubus } from "ubus-client";
import { nodeClock } from "../../src/runtime/node/clock.ts";
import { nodeStreams } from "../../src/runtime/node/streams.ts";
import { FakeUbusd } from "../../src/ubus-client/test/ubusd.ts";

export interface BusDouble {
  readonly path: string;
  readonly ubusd: FakeUbusd;
  client(): Ubus;
  close(): void;
}

export async function listenUbusd(path: string): Promise<BusDouble> {
  const ubusd = new FakeUbusd();
  const clients: Ubus[] = [];
  const { close } = await nodeStreams.listen(path, (s) => {
    // What comes before the double has the stream is kept.
    const early: Uint8Array[] = [];
    s.onData = (c) => void early.push(c.slice());
    ubusd.connect().then(
      (inner) => {
        inner.onData = (c) => s.send(c.slice());
        inner.onClose = () => s.close();
        const push = (c: Uint8Array): void => {
          inner.send(c.slice());
          void ubusd.flush();
        };
        s.onData = push;
        s.onClose = () => {
          inner.close();
          void ubusd.flush();
        };
        for (const c of early) push(c);
        void ubusd.flush();
      },
      () => s.close(),
    );
  });
  return {
    path,
    ubusd,
    client() {
      const c = new Ubus({ connect: () => nodeStreams.connect(path), clock: nodeClock });
      clients.push(c);
      c.start();
      return c;
    },
    close() {
      for (const c of clients) c.close();
      ubusd.stop();
      close();
    },
  };
}
