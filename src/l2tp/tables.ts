// RFC 2661 §7.2.1, §7.4 and §7.5 as rows, in the RFC's order. "-bad" is the RFC's "not acceptable". A test compares
// these with the RFC's text.
import type { Rows } from "../core/fsm.ts";

export type TunnelState = "idle" | "wait-ctl-reply" | "wait-ctl-conn" | "established";
export type TunnelEvent =
  | "local-open"
  | "SCCRQ"
  | "SCCRQ-bad"
  | "SCCRQ-lost-tie"
  | "SCCRP"
  | "SCCRP-bad"
  | "SCCCN"
  | "SCCCN-bad"
  | "StopCCN"
  | "admin-close";
export type TunnelAction =
  | "sendSCCRQ"
  | "sendSCCRP"
  | "sendSCCCN"
  | "sendStopCCN"
  | "tunnelOpen"
  | "cleanUp"
  | "requeueSCCRQ";

/** §7.2.1 control connection establishment. */
export const TUNNEL: Rows<TunnelState, TunnelEvent, TunnelAction> = [
  [["idle"], ["local-open"], ["sendSCCRQ"], "wait-ctl-reply"],
  [["idle"], ["SCCRQ"], ["sendSCCRP"], "wait-ctl-conn"],
  [["idle"], ["SCCRQ-bad"], ["sendStopCCN", "cleanUp"], "idle"],
  [["idle"], ["SCCRP"], ["sendStopCCN", "cleanUp"], "idle"],
  [["idle"], ["SCCCN"], ["cleanUp"], "idle"],
  [["wait-ctl-reply"], ["SCCRP"], ["sendSCCCN", "tunnelOpen"], "established"],
  [["wait-ctl-reply"], ["SCCRP-bad"], ["sendStopCCN", "cleanUp"], "idle"],
  [["wait-ctl-reply"], ["SCCRQ-lost-tie"], ["cleanUp", "requeueSCCRQ"], "idle"],
  [["wait-ctl-reply"], ["SCCCN"], ["sendStopCCN", "cleanUp"], "idle"],
  [["wait-ctl-conn"], ["SCCCN"], ["tunnelOpen"], "established"],
  [["wait-ctl-conn"], ["SCCCN-bad"], ["sendStopCCN", "cleanUp"], "idle"],
  [["wait-ctl-conn"], ["SCCRP", "SCCRQ"], ["sendStopCCN", "cleanUp"], "idle"],
  [["established"], ["local-open"], ["tunnelOpen"], "established"],
  [["established"], ["admin-close"], ["sendStopCCN", "cleanUp"], "idle"],
  [["established"], ["SCCRQ", "SCCRP", "SCCCN"], ["sendStopCCN", "cleanUp"], "idle"],
  [["idle", "wait-ctl-reply", "wait-ctl-conn", "established"], ["StopCCN"], ["cleanUp"], "idle"],
];
/** What the RFC leaves out: closing before the tunnel is established, and an unacceptable repeat. */
export const TUNNEL_MORE: Rows<TunnelState, TunnelEvent, TunnelAction> = [
  [["wait-ctl-reply", "wait-ctl-conn"], ["admin-close"], ["sendStopCCN", "cleanUp"], "idle"],
];

export type CallState = "idle" | "wait-tunnel" | "wait-reply" | "wait-connect" | "wait-cs-answer" | "established";
export type CallEvent =
  | "local-open"
  | "tunnel-open"
  | "bearer-answer"
  | "bearer-failure"
  | "local-close"
  | "ICRQ"
  | "ICRQ-bad"
  | "ICRP"
  | "ICRP-bad"
  | "ICCN"
  | "ICCN-bad"
  | "OCRQ"
  | "OCRQ-bad"
  | "OCRP"
  | "OCRP-bad"
  | "OCCN"
  | "CDN";
export type CallAction =
  | "openTunnel"
  | "sendICRQ"
  | "sendICRP"
  | "sendICCN"
  | "sendOCRQ"
  | "sendOCRP"
  | "sendOCCN"
  | "openBearer"
  | "sendCDN"
  | "cleanUp"
  | "up";
export type CallRows = Rows<CallState, CallEvent, CallAction>;

/** §7.4.1 LAC incoming call. "up" (PPP may start) is ours: the RFC says no more than the state. */
export const LAC_INCOMING: CallRows = [
  [["idle"], ["local-open"], ["openTunnel"], "wait-tunnel"],
  [["idle"], ["ICCN", "ICRP", "CDN"], ["cleanUp"], "idle"],
  [["wait-tunnel"], ["local-close"], ["cleanUp"], "idle"],
  [["wait-tunnel"], ["tunnel-open"], ["sendICRQ"], "wait-reply"],
  [["wait-reply"], ["ICRP"], ["sendICCN", "up"], "established"],
  [["wait-reply"], ["ICRP-bad"], ["sendCDN", "cleanUp"], "idle"],
  [["wait-reply"], ["ICRQ"], ["sendCDN", "cleanUp"], "idle"],
  [["wait-reply"], ["CDN", "ICCN"], ["cleanUp"], "idle"],
  [["wait-reply"], ["local-close"], ["sendCDN", "cleanUp"], "idle"],
  [["established"], ["CDN"], ["cleanUp"], "idle"],
  [["established"], ["ICRQ", "ICRP", "ICCN"], ["sendCDN", "cleanUp"], "idle"],
  [["established"], ["local-close"], ["sendCDN", "cleanUp"], "idle"],
];
/** §7.4.2 LNS incoming call. */
export const LNS_INCOMING: CallRows = [
  [["idle"], ["ICRQ"], ["sendICRP"], "wait-connect"],
  [["idle"], ["ICRQ-bad"], ["sendCDN", "cleanUp"], "idle"],
  [["idle"], ["ICRP"], ["sendCDN", "cleanUp"], "idle"],
  [["idle"], ["ICCN"], ["cleanUp"], "idle"],
  [["wait-connect"], ["ICCN"], ["up"], "established"],
  [["wait-connect"], ["ICCN-bad"], ["sendCDN", "cleanUp"], "idle"],
  [["wait-connect"], ["ICRQ", "ICRP"], ["sendCDN", "cleanUp"], "idle"],
  [["idle", "wait-connect", "established"], ["CDN"], ["cleanUp"], "idle"],
  [["wait-connect", "established"], ["local-close"], ["sendCDN", "cleanUp"], "idle"],
  [["established"], ["ICRQ", "ICRP", "ICCN"], ["sendCDN", "cleanUp"], "idle"],
];
/** §7.5.1 LAC outgoing call. */
export const LAC_OUTGOING: CallRows = [
  [["idle"], ["OCRQ"], ["sendOCRP", "openBearer"], "wait-cs-answer"],
  [["idle"], ["OCRQ-bad"], ["sendCDN", "cleanUp"], "idle"],
  [["idle"], ["OCRP"], ["sendCDN", "cleanUp"], "idle"],
  [["idle"], ["OCCN", "CDN"], ["cleanUp"], "idle"],
  [["wait-cs-answer"], ["bearer-answer"], ["sendOCCN", "up"], "established"],
  [["wait-cs-answer"], ["bearer-failure"], ["sendCDN", "cleanUp"], "idle"],
  [["wait-cs-answer"], ["OCRQ", "OCRP", "OCCN"], ["sendCDN", "cleanUp"], "idle"],
  [["established"], ["OCRQ", "OCRP", "OCCN"], ["sendCDN", "cleanUp"], "idle"],
  [["wait-cs-answer", "established"], ["CDN"], ["cleanUp"], "idle"],
  [["established"], ["local-close"], ["sendCDN", "cleanUp"], "idle"],
];
/** §7.5.2 LNS outgoing call. */
export const LNS_OUTGOING: CallRows = [
  [["idle"], ["local-open"], ["openTunnel"], "wait-tunnel"],
  [["idle"], ["OCCN", "OCRP", "CDN"], ["cleanUp"], "idle"],
  [["wait-tunnel"], ["tunnel-open"], ["sendOCRQ"], "wait-reply"],
  [["wait-reply"], ["OCRP"], [], "wait-connect"],
  [["wait-reply"], ["OCRP-bad"], ["sendCDN", "cleanUp"], "idle"],
  [["wait-reply"], ["OCCN", "OCRQ"], ["sendCDN", "cleanUp"], "idle"],
  [["wait-connect"], ["OCCN"], ["up"], "established"],
  [["wait-connect"], ["OCRQ", "OCRP"], ["sendCDN", "cleanUp"], "idle"],
  [["idle", "wait-reply", "wait-connect", "established"], ["CDN"], ["cleanUp"], "idle"],
  [["established"], ["OCRQ", "OCRP", "OCCN"], ["sendCDN", "cleanUp"], "idle"],
  [["wait-reply", "wait-connect", "established"], ["local-close"], ["sendCDN", "cleanUp"], "idle"],
  [["wait-tunnel"], ["local-close"], ["cleanUp"], "idle"],
];
