// Times of the day, and lists of them. They may reach over midnight.

/** Minutes in a day. */
export const DAY = 1440;

/**
 * From a minute of the day, 0 to 1439, up to another, at most 1440; that is before `from` when midnight is between
 * them.
 */
export interface DayTime {
  readonly from: number;
  readonly to: number;
}
const covers = (t: DayTime, minute: number): boolean =>
  t.from < t.to ? minute >= t.from && minute < t.to : minute >= t.from || minute < t.to;

/**
 * The minute of the day (0 to 1439) from which on none of the times that hold at `minute` holds; null: none does; -1:
 * there is no such minute.
 */
export function endOf(times: readonly DayTime[], minute: number): number | null {
  let end = minute;
  for (let n = 0; n <= times.length; n++) {
    const t = times.find((x) => covers(x, end));
    if (!t) return end === minute ? null : end;
    end = t.to % DAY;
  }
  return -1;
}
/** Whether some minute of the day is free. */
export function someFree(times: readonly DayTime[]): boolean {
  return times.length === 0 || times.some((t) => !times.some((x) => covers(x, t.to % DAY)));
}
/** "22:05". */
export function timeOfDay(minute: number): string {
  return [Math.floor(minute / 60), minute % 60].map((n) => String(n).padStart(2, "0")).join(":");
}
