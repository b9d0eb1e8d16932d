// UDP sockets of the control plane on a kernel: what is sent is fire and forget, and an ICMP error is not an end.
import { FROM, type Native } from "node-tuntap2";
import { formatEndpoint } from "../core/addr.ts";
import { anyAddress, type Family, fill, ipBytes, readLocal, readRemote, writeEnds } from "../dataplane/ring.ts";
import type { Udp } from "../ports/ports.ts";
import { attempt, errnoOf } from "./errno.ts";

const LONGEST = 4096;
/** Datagrams read in one turn. */
const BURST = 256;
const KIND = 1;
const QUEUES = { buffer: 1 << 20 };

/** Errors of a socket in one turn: reading takes them away, one by one. */
const ERRORS = 8;

/** Reads until nothing is there; `got` may close the socket. */
function each(read: () => number, got: (n: number) => void, failed: (errno: string) => void = () => {}): void {
  for (let i = 0, errors = 0; i < BURST && errors < ERRORS; i++) {
    let n = 0;
    try {
      n = read();
    } catch (e) {
      errors++;
      failed(errnoOf(e));
      continue;
    }
    if (n < 0) return;
    got(n);
  }
}

export function linuxUdp(native: Native): Udp {
  return {
    connect(to, onDatagram, onError) {
      const remote = ipBytes(to.address);
      const what = `cannot open a UDP socket to ${formatEndpoint(to)}`;
      const fd = attempt(what, {}, () => native.udpOpen(new Uint8Array(remote.length), 0, QUEUES));
      try {
        attempt(what, { ENETUNREACH: "there is no route" }, () => native.udpConnect(fd, remote, to.port));
      } catch (e) {
        native.close(fd);
        throw e;
      }
      const buffer = new Uint8Array(LONGEST);
      native.watch(fd, () =>
        each(
          () => native.recv(fd, buffer),
          (n) => onDatagram(buffer.slice(0, n)),
          onError,
        ),
      );
      return {
        send(data) {
          try {
            native.send(fd, data);
          } catch (e) {
            onError?.(errnoOf(e)); // as if it had been lost
          }
        },
        close: () => native.close(fd),
      };
    },
    listen(port, onDatagram) {
      const open: number[] = [];
      const close = (): void => {
        for (const fd of open.splice(0)) native.close(fd);
      };
      const ring = native.ring(1);
      const buffer = new Uint8Array(LONGEST);
      const from = new Uint8Array(FROM);
      const listenOn = (family: Family): void => {
        const what = `UDP port ${port} cannot be opened`;
        const advice = { EADDRINUSE: "another program has it" };
        const fd = attempt(what, advice, () => native.udpOpen(ipBytes(anyAddress(family)), port, QUEUES));
        open.push(fd);
        native.watch(fd, () =>
          each(
            () => native.udpRecv(fd, buffer, from),
            (n) => {
              const [remote, local] = [readRemote(from, 0), readLocal(from, 0)];
              onDatagram(buffer.slice(0, n), remote, (data) => {
                if (!open.includes(fd) || !fill(ring, 0, [data], KIND)) return;
                writeEnds(ring.addr, 0, { ...local, port: 0 }, remote);
                try {
                  native.writeUdp(fd, ring, 1, KIND, null);
                } catch {
                  // as if it had been lost
                }
              });
            },
          ),
        );
      };
      try {
        listenOn(4);
        try {
          listenOn(6);
        } catch (e) {
          if (!["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(errnoOf(e))) throw e; // a kernel without IPv6
        }
      } catch (e) {
        close();
        throw e;
      }
      return { close };
    },
  };
}
