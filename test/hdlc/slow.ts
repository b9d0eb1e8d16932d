// RFC 1662 once more, as plainly as it can be said, for comparison: whole inputs, bit by bit.

export function slowFcs(bits: 16 | 32, b: readonly number[]): number {
  let fcs = bits === 16 ? 0xffff : 0xffffffff;
  for (const c of b) {
    for (let i = 0; i < 8; i++) {
      const feedback = (fcs ^ (c >> i)) & 1;
      fcs >>>= 1;
      if (feedback) fcs = (fcs ^ (bits === 16 ? 0x8408 : 0xedb88320)) >>> 0;
    }
  }
  return bits === 16 ? ~fcs & 0xffff : ~fcs >>> 0;
}

const tail = (bits: 16 | 32, b: readonly number[]): number[] => {
  const fcs = slowFcs(bits, b);
  return Array.from({ length: bits / 8 }, (_, i) => (fcs >>> (8 * i)) & 0xff);
};
const isEarlyLcp = (b: readonly number[]): boolean => {
  const [a, c, p, q, code] = b;
  return a === 0xff && c === 3 && p === 0xc0 && q === 0x21 && code !== undefined && code >= 1 && code <= 7;
};

export function slowEncode(frame: readonly number[], accm: number, bits: 16 | 32): number[] {
  const early = isEarlyLcp(frame);
  const map = early ? 0xffffffff : accm;
  const body = [...frame, ...tail(early ? 16 : bits, frame)];
  const must = (c: number): boolean => c === 0x7e || c === 0x7d || (c < 32 && ((map >>> c) & 1) === 1);
  return [0x7e, ...body.flatMap((c) => (must(c) ? [0x7d, c ^ 0x20] : [c])), 0x7e];
}

export interface SlowResult {
  frames: number[][];
  fcs: number;
  abort: number;
  runt: number;
  giant: number;
}
/** `limit`: octets of a frame with its FCS. */
export function slowDecode(line: readonly number[], accm: number, bits: 16 | 32, limit: number): SlowResult {
  const r: SlowResult = { frames: [], fcs: 0, abort: 0, runt: 0, giant: 0 };
  const kept = line.filter((c) => !(c < 32 && ((accm >>> c) & 1) === 1));
  const flags = kept.flatMap((c, i) => (c === 0x7e ? [i] : []));
  const undo = (piece: readonly number[]): { body: number[]; open: boolean } => {
    const body: number[] = [];
    let open = false;
    for (const c of piece) {
      if (open) body.push(c ^ 0x20);
      else if (c !== 0x7d) body.push(c);
      open = !open && c === 0x7d;
    }
    return { body, open };
  };
  for (const [n, flag] of flags.entries()) {
    const next = flags[n + 1];
    const { body, open } = undo(kept.slice(flag + 1, next));
    if (body.length > limit) {
      r.giant++;
      continue;
    }
    if (next === undefined) continue;
    const good = (b: 16 | 32): boolean => {
      const cut = body.length - b / 8;
      return cut >= 0 && tail(b, body.slice(0, cut)).every((x, i) => x === body[cut + i]);
    };
    if (open) r.abort++;
    else if (body.length === 0) continue;
    else if (body.length < 4) r.runt++;
    else if (bits === 32 && body.length >= 6 && good(32)) r.frames.push(body.slice(0, -4));
    else if (good(16) && (bits === 16 || isEarlyLcp(body))) r.frames.push(body.slice(0, -2));
    else r.fcs++;
  }
  return r;
}
