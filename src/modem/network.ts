// What a mobile modem knows of its network (3GPP TS 27.007 §7.3 and §8.5).
import { printable } from "../core/words.ts";

export interface Network {
  /** dBm; null: the modem does not say. */
  readonly signal: number | null;
  /** As the modem reports it: text chosen by the cell's operator. */
  readonly operator: string | null;
}

/** dBm of "+CSQ: 23,99": 0 to 31 in steps of 2 from -113; 99 and whatever else: null. */
export function signalOf(line: string): number | null {
  const m = /^\+CSQ:\s*(\d{1,3})\b/i.exec(line);
  const n = m ? Number(m[1]) : 99;
  return n <= 31 ? 2 * n - 113 : null;
}
/** Percent of what +CSQ can tell. */
export function signalPercent(dbm: number): number {
  return Math.round(((dbm + 113) / 62) * 100);
}
/** The name in `+COPS: 0,0,"Operator",7`; null: registered nowhere. */
export function operatorOf(line: string): string | null {
  const m = /^\+COPS:\s*\d\s*,\s*\d\s*,\s*"([^"]{1,64})"/i.exec(line);
  return m ? printable(m[1] as string) || null : null;
}
