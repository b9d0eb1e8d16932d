// Dates of certificates (RFC 5280 §4.1.2.5) as milliseconds since 1970.
import { isoTime } from "../core/date.ts";
import { DecodeError } from "../core/errors.ts";
import { fromUtf8 } from "../core/text.ts";
import { type Der, TAG } from "./der.ts";

const DAY_MS = 86_400_000;
/** Days of 400 years, and from 0000-03-01 to 1970-01-01: years begin in March, so that the leap day is the last. */
const ERA = 146_097;
const TO_1970 = 719_468;

/** The next element, a UTCTime or a GeneralizedTime. Throws DecodeError. */
export function readTime(r: Der): number {
  const { tag, body } = r.next("time");
  const digits = tag === TAG.utcTime ? 2 : 4;
  const text = fromUtf8(body.subarray(0, 20));
  const m = /^(\d\d|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?Z$/.exec(text);
  if ((tag !== TAG.utcTime && tag !== TAG.time) || m?.[1]?.length !== digits)
    throw new DecodeError("bad-value", "time", 0);
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
/** "2026-03-01", in UTC. */
export function day(ms: number): string {
  return isoTime(ms).slice(0, 10);
}
