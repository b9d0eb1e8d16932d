// A serial line's channel by itself: what it counts for link quality reports, on both ends of one wire.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Packet } from "../../src/core/packet.ts";
import { hex } from "../../src/core/text.ts";
import { HdlcDecoder } from "../../src/hdlc/decode.ts";
import { SerialChannel } from "../../src/link/serial-channel.ts";
import type { SerialPort } from "../../src/ports/serial.ts";

function port(write: (data: Uint8Array) => void): SerialPort {
  return {
    device: "/dev/test",
    write,
    queued: 0,
    carrier: null,
    onDrained: () => {},
    onData: () => {},
    onCarrier: () => {},
    onGone: () => {},
    setDtr: () => {},
    sendBreak: () => {},
    close: () => {},
  };
}

test("RFC 1989 §2.3: header, body, FCS and one flag count, escapes and more flags do not; errors do", () => {
  const wire: Uint8Array[] = [];
  const a: SerialChannel = new SerialChannel(
    port((d) => void wire.push(d.slice())),
    1500,
    115200,
  );
  const b: SerialChannel = new SerialChannel(
    port(() => {}),
    1500,
    115200,
  );
  // an LQR header and seven octets, most of which are escaped on the line
  const frame = Uint8Array.of(0xff, 0x03, 0xc0, 0x25, 0x7e, 0x7d, 1, 2, 3, 4, 5);
  for (let i = 0; i < 3; i++) a.send(Packet.of(frame));
  const octets = frame.length + 3;
  assert.ok((wire[0]?.length ?? 0) > octets);
  for (const [i, bytes] of wire.entries()) {
    if (i === 1) bytes[5] = (bytes[5] as number) ^ 1;
    b.input(Uint8Array.of(0x7e, 0x7e));
    b.input(bytes);
  }
  assert.deepEqual(a.counts(), { inPackets: 0, inOctets: 0, inErrors: 0, outPackets: 3, outOctets: 3 * octets });
  assert.deepEqual(b.counts(), { inPackets: 2, inOctets: 2 * octets, inErrors: 1, outPackets: 0, outOctets: 0 });
  a.configure({ sendAccm: 0, recvAccm: 0, pfc: false, acfc: false, mtu: 1500, sendFcs32: true });
  wire.length = 0;
  a.send(Packet.of(frame));
  assert.equal(a.counts().outOctets, 4 * octets + 2);
  const wide: string[] = [];
  const decoder = new HdlcDecoder(1500, (p) => void wide.push(hex(p.view())), 32);
  decoder.configure(0);
  decoder.push(Uint8Array.of(0x7e));
  decoder.push(wire[0] ?? new Uint8Array(0));
  assert.deepEqual(wide, [hex(frame)]);
  for (const c of [a, b]) c.configure({ sendAccm: 0, recvAccm: 0, pfc: false, acfc: false, mtu: 1500 });
  a.send(Packet.of(frame));
  b.input(wire[1] ?? new Uint8Array(0));
  assert.equal(b.counts().inPackets, 3, "16 bits again");
  a.close();
  a.send(Packet.of(frame));
  assert.equal(a.counts().outPackets, 5, "closed: nothing leaves");
});
