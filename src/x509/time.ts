// Dates of certificates (RFC 5280 §4.1.2.5): milliseconds since 1970, and the Gregorian calendar. Years begin in March
// here, so that the leap day is the last.
import { DecodeError } from "../core/errors.ts";
import { fromUtf8 } from "../core/text.ts";
import { type Der, TAG } from "./der.ts";

const DAY_MS = 86_400_000;
/** Days of 400 years, and from 0000-03-01 to 1970-01-01. */
const ERA = 146_097;
const TO_1970 = 719_468;

/** The next element, a UTCTime or a GeneralizedTime. Throws DecodeError. */
export function readTime(r: Der): number {
  const { tag, body } = r.next("time");
  const digits = tag === TAG.utcTime ? 2 : 4;
  const text = fromUtf8(body.subarray(0, 20));
  const m = new RegExp(`^(\\d{${digits}})(\\d\\d)(\\d\\d)(\\d\\d)(\\d\\d)(\\d\\d)?Z$`).exec(text);
  if ((tag !== TAG.utcTime && tag !== TAG.time) || !m) throw new DecodeError("bad-value", "time", 0);
  const [year = 0, month = 0, date = 0, hour = 0, minute = 0, second = 0] = m.slice(1).map((x) => Number(x ?? 0));
  const short = year < 50 ? 2000 + year : 1900 + year;
  return fromCalendar(digits === 2 ? short : year, month, date) + ((hour * 60 + minute) * 60 + second) * 1000;
}
function fromCalendar(year: number, month: number, date: number): number {
  const y = month > 2 ? year : year - 1;
  const era = Math.floor(y / 400);
  const ofEra = y - era * 400;
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + date - 1;
  const days = ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear;
  return (era * ERA + days - TO_1970) * DAY_MS;
}
export function calendar(ms: number): { readonly year: number; readonly month: number; readonly date: number } {
  const days = Math.floor(ms / DAY_MS) + TO_1970;
  const era = Math.floor(days / ERA);
  const ofEra = days - era * ERA;
  const y = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * y + Math.floor(y / 4) - Math.floor(y / 100));
  const m = Math.floor((5 * ofYear + 2) / 153);
  const month = m < 10 ? m + 3 : m - 9;
  return {
    year: y + era * 400 + (month <= 2 ? 1 : 0),
    month,
    date: ofYear - Math.floor((153 * m + 2) / 5) + 1,
  };
}
/** "2026-03-01", in UTC. */
export function day(ms: number): string {
  const { year, month, date } = calendar(ms);
  return `${year}-${String(month).padStart(2, "0")}-${String(date).padStart(2, "0")}`;
}
