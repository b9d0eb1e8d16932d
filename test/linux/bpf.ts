// Classic BPF, in what the program of a PPP unit uses of it (linux/filter.h).
import assert from "node:assert/strict";
import { ipBytes } from "../../src/dataplane/ring.ts";
import { get16, get32 } from "../../src/linux/netlink.ts";

/** Whether a packet passes: classic BPF, in what of it the program uses. A load behind the end refuses. */
export function passes(program: Uint8Array, data: Uint8Array, mark = 0): boolean {
  let a = 0;
  for (let pc = 0; ; pc++) {
    const at = 8 * pc;
    assert.ok(at + 8 <= program.length, "ran off its end");
    const [code, k] = [get16(program, at), get32(program, at + 4)];
    switch (code) {
      case 0x30:
      case 0x28:
      case 0x20: {
        if (k === 0xffff_f014) {
          a = mark;
          break;
        }
        const size = new Map([
          [0x30, 1],
          [0x28, 2],
          [0x20, 4],
        ]).get(code);
        if (size === undefined || k + size > data.length) return false;
        a = data.subarray(k, k + size).reduce((n, byte) => n * 0x100 + byte, 0);
        break;
      }
      case 0x54:
        a = (a & k) >>> 0;
        break;
      case 0x05:
        pc += k;
        break;
      case 0x15:
        pc += (a === k ? program[at + 2] : program[at + 3]) ?? 0;
        break;
      case 0x06:
        return k !== 0;
      default:
        assert.fail(`instruction ${code}`);
    }
  }
}
/** What the filter sees of a packet that came in. */
export function inbound(source: string, direction = 0): Uint8Array {
  const from = ipBytes(source);
  const packet = new Uint8Array(60);
  packet.set([direction, 0, 0, from.length === 4 ? 0x21 : 0x57]);
  packet.set(from, 4 + (from.length === 4 ? 12 : 8));
  return packet;
}
