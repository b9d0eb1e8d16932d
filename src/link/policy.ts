// When a link tries, waits and ends, as rows: state, event, actions, next state. Whatever pair is not here changes
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

export type Phase =
  | "idle"
  | "choosing"
  | "opening"
  | "standby"
  | "trying"
  | "up"
  | "ending"
  | "stopping"
  | "ended"
  | "pause";
export type PolicyEvent =
  | "start"
  | "stop"
  /** choose: make the netdev that waits for packets, wait, or try. */
  | "open"
  | "wait"
  | "go"
  | "opened"
  | "failed"
  | "packet"
  | "up"
  /** To be ended: idle, hold, line-down. */
  | "fail"
  | "ended"
  /** decide: in a while, or not again. */
  | "later"
  | "never"
  | "retry"
  | "hurry"
  | "freed"
  | "fault";
export type PolicyAction =
  | "want"
  | "ask"
  | "now"
  | "unwant"
  | "choose"
  | "open"
  | "standBy"
  | "begin"
  | "tellUp"
  | "fail"
  | "stop"
  | "fallen"
  | "decide"
  | "note"
  | "tellDown"
  | "pause"
  | "hurry"
  | "rearm"
  | "giveUp"
  | "finish"
  | "tellPause"
  | "tellEnd";

export const POLICY = rules<Phase, PolicyEvent, PolicyAction>([
  // A person, the configuration or netifd wants it.
  [["idle"], ["start"], ["want", "choose"], "choosing"],
  [["pause", "standby"], ["start"], ["ask", "choose"], "choosing"],
  [["opening"], ["start"], ["now"], "opening"],
  [["trying"], ["start"], ["now"], "trying"],
  [["up"], ["start"], ["now"], "up"],
  [["ending"], ["start"], ["now"], "ending"],
  [["stopping"], ["start"], ["want"], "ending"],

  // Nothing stands: what now?
  [["choosing"], ["open"], ["open"], "opening"],
  [["choosing"], ["wait"], ["standBy"], "standby"],
  [["choosing"], ["go"], ["begin"], "trying"],
  [["opening"], ["opened"], ["choose"], "choosing"],
  [["opening", "standby", "choosing"], ["failed", "fault"], ["note", "pause", "tellDown", "tellPause"], "pause"],
  [["standby"], ["packet", "fail", "freed"], ["choose"], "choosing"],

  // An attempt, up and down its ladder.
  [["trying", "up"], ["up"], ["tellUp"], "up"],
  [["trying", "up"], ["fail", "fault"], ["fail"], "ending"],
  [["trying", "up", "ending"], ["ended"], ["fallen", "decide"], "ended"],
  [["ended"], ["later"], ["pause", "tellDown", "tellPause", "finish", "tellEnd"], "pause"],
  [["ended"], ["never"], ["giveUp", "tellDown", "finish", "tellEnd"], "idle"],
  [["ended"], ["fault"], ["note", "pause", "tellDown", "tellPause", "finish", "tellEnd"], "pause"],

  // Between attempts.
  [["pause"], ["retry"], ["choose"], "choosing"],
  [["pause"], ["hurry"], ["hurry"], "pause"],
  [["pause"], ["fault"], ["rearm"], "pause"],

  // Nobody wants it any more.
  [["idle", "choosing", "opening", "standby", "ended", "pause"], ["stop"], ["unwant", "finish"], "idle"],
  [["trying", "up", "ending"], ["stop"], ["unwant", "stop"], "stopping"],
  [["stopping"], ["ended"], ["fallen", "tellDown", "finish", "tellEnd"], "idle"],
]);
