// When a link tries, waits and ends, as rows: states, events, actions, next state. A pair that is not here changes
// nothing. As in netifd's interface.c, one machine serves every kind of link; kinds differ in their rungs and pauses.
//
//                 start          go                 up
//          idle --------> choosing --> trying ------------> up
//                         ^   | wait     | ended             | ended, or fail and ended
//                         |   v          v                   v
//                       standby        ended <------------ ending
//                         ^              | later
//                         +--- pause <---+            stop: to idle, by way of stopping where something stands

import { rules } from "../core/fsm.ts";

const ROWS = [
  // A person, the configuration or netifd wants it.
  [["idle"], ["start"], ["want", "choose"], "choosing"],
  [["pause", "standby"], ["start"], ["ask", "choose"], "choosing"],
  [["opening"], ["start"], ["now"], "opening"],
  [["trying"], ["start"], ["now"], "trying"],
  [["up"], ["start"], ["now"], "up"],
  [["ending"], ["start"], ["now"], "ending"],
  [["stopping"], ["start"], ["want"], "ending"],

  // Nothing stands. choose says: open the netdev that waits for packets; wait for one, for the end of hold, or for a
  // backup's turn; or go.
  [["choosing"], ["open"], ["open"], "opening"],
  [["choosing"], ["wait"], ["standBy"], "standby"],
  [["choosing"], ["go"], ["begin"], "trying"],
  [["opening"], ["opened"], ["choose"], "choosing"],
  [["opening", "standby", "choosing"], ["failed", "fault"], ["note", "pause", "tellDown", "tellPause"], "pause"],
  [["standby"], ["packet", "fail", "freed"], ["choose"], "choosing"],
  [["standby", "pause"], ["turn"], ["choose"], "choosing"],

  // An attempt, up its ladder and down. fail: it is to end (hold, idle, line-down). decide says: later,
  // never, or rest: until a backup is needed again.
  [["trying", "up"], ["up"], ["tellUp"], "up"],
  [["trying", "up"], ["fail", "fault"], ["fail"], "ending"],
  [["trying", "up", "ending"], ["ended"], ["fallen", "decide"], "ended"],
  [["ended"], ["later"], ["pause", "tellDown", "tellPause", "finish", "tellEnd"], "pause"],
  [["ended"], ["never"], ["giveUp", "tellDown", "finish", "tellEnd"], "idle"],
  [["ended"], ["rest"], ["tellDown", "finish", "tellEnd", "choose"], "choosing"],
  [["ended"], ["fault"], ["note", "pause", "tellDown", "tellPause", "finish", "tellEnd"], "pause"],

  // Between attempts. hurry: there may be another way out.
  [["pause"], ["retry"], ["choose"], "choosing"],
  [["pause"], ["hurry"], ["hurry"], "pause"],
  [["pause"], ["fault"], ["rearm"], "pause"],

  // No longer wanted.
  [["idle", "choosing", "opening", "standby", "ended", "pause"], ["stop"], ["unwant", "finish"], "idle"],
  [["trying", "up", "ending"], ["stop"], ["unwant", "stop"], "stopping"],
  [["stopping"], ["ended"], ["fallen", "tellDown", "finish", "tellEnd"], "idle"],
] as const;

type Row = (typeof ROWS)[number];
export type Phase = Row[0][number] | Row[3];
export type PolicyEvent = Row[1][number];
export type PolicyAction = Row[2][number];
export const POLICY = rules<Phase, PolicyEvent, PolicyAction>(ROWS);
