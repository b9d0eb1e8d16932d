// What one packet becomes on its way down, in bytes. The outer layers are read from the line; what ESP hides is counted
// from the headers' sizes, and must add up to what was seen.

import { CIPHERS, icvLength } from "../../src/esp/transforms.ts";
import { HdlcDecoder } from "../../src/hdlc/decode.ts";
import { parseEspProposal } from "../../src/ike/proposals.ts";
import { PROTOCOL, pullProtocol } from "../../src/ppp/frame.ts";

const FLAG = 0x7e;
const ESCAPE = 0x7d;

export interface LineFrame {
  /** As it was on the line, with its flags. */
  readonly raw: Uint8Array;
  /** Of the IP packet in it, and of the PPP header before that. */
  readonly ip: number;
  readonly ppp: number;
  readonly carries: "ESP" | "L2TP in the clear" | "other";
  readonly summary: string;
}

/** Finds the IP packets among the bytes of one direction of a line. */
export class LineTap {
  readonly frames: LineFrame[] = [];
  #raw: number[] = [FLAG];
  readonly #decoder = new HdlcDecoder(1500, (p) => {
    const whole = p.length;
    if (pullProtocol(p) !== PROTOCOL.ip || p.length < 28) return;
    const b = p.view();
    const u16 = (at: number): number => ((b[at] as number) << 8) | (b[at + 1] as number);
    const udp = b[9] === 17;
    const ports = [u16(20), u16(22)];
    const esp = b[9] === 50 || (udp && ports.includes(4500) && u16(28) + u16(30) > 0);
    const clear = udp && ports.includes(1701) ? "L2TP in the clear" : "other";
    this.frames.push({
      raw: Uint8Array.from(this.#raw),
      ip: p.length,
      ppp: whole - p.length,
      carries: esp ? "ESP" : clear,
      summary: `${b.subarray(12, 16).join(".")} > ${b.subarray(16, 20).join(".")}, protocol ${b[9]}`,
    });
  });
  constructor() {
    this.#decoder.configure(0);
    this.#decoder.push(Uint8Array.of(FLAG));
  }
  input(data: Uint8Array): void {
    for (const c of data) {
      this.#raw.push(c);
      this.#decoder.push(Uint8Array.of(c));
      if (c === FLAG) this.#raw = [FLAG];
    }
  }
}

interface Names {
  readonly netdev: string;
  readonly line: string;
  readonly speed: number;
}
/** One line a stage. Throws when the sizes do not add up. */
export function anatomy(packet: number, proposal: string, frame: LineFrame, names: Names): string[] {
  const esp = parseEspProposal(proposal);
  const c = CIPHERS[esp.cipher];
  const inner = [1, 2, 4]
    .map((ppp) => {
      const udp = packet + ppp + 6 + 8;
      const padded = Math.ceil((udp + 2) / c.align) * c.align;
      return { ppp, l2tp: packet + ppp + 6, udp, esp: 8 + c.iv + padded + icvLength(esp.cipher, esp.integ) };
    })
    .find((x) => x.esp + 20 === frame.ip);
  if (!inner) throw new Error(`an ESP packet of ${frame.ip} bytes does not hold one of ${packet}`);
  const escapes = frame.raw.filter((x) => x === ESCAPE).length;
  const rows: [where: string, what: string, bytes: number, remark: string][] = [
    ["router A", "IP packet", packet, `routed into ${names.netdev}`],
    ["", "+ PPP header", packet + inner.ppp, "protocol field, as LCP agreed"],
    ["", "+ L2TP data header", inner.l2tp, "tunnel id, call id"],
    ["", "+ UDP 1701", inner.udp, ""],
    ["", "+ ESP", inner.esp, `${proposal}: SPI, sequence, IV, padding, ICV`],
    ["", "+ IP header", frame.ip, `${frame.summary}: routed into ${names.line}`],
    ["", "+ PPP header", frame.ip + frame.ppp, "the second PPP, with the ISP"],
    [
      "",
      "+ HDLC framing",
      frame.raw.length,
      `flags, FCS, ${escapes} escaped: ` +
        `${[...frame.raw.subarray(0, 8)].map((x) => x.toString(16).padStart(2, "0")).join(" ")} ...`,
    ],
    [
      "line",
      "start and stop bits",
      frame.raw.length,
      `${Math.round((frame.raw.length * 10_000) / names.speed)} ms at ${names.speed} bit/s`,
    ],
  ];
  return rows.map(([where, what, n, remark]) =>
    `${where.padEnd(9)} ${what.padEnd(20)} ${String(n).padStart(4)} bytes   ${remark}`.trimEnd(),
  );
}
