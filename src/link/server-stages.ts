// A server's state as `doctor` shows it: its own stages, then who did not get in.
import type { Placement } from "./placing.ts";
import { placementText } from "./rungs/plane.ts";
import type { ServerStatus, Stage } from "./status.ts";

/** `placed`: null where there is but one plane. */
export function serverStages(s: ServerStatus, placed: Placement | null): Stage[] {
  const ike =
    s.ipsec === "off" ? "IPsec is off: L2TP in the clear" : `listening on ${s.listen}, ${s.peers} peers with IPsec`;
  const up = s.state === "up";
  const words = up ? `${s.ifname} with ${s.local_ip}` : `the server is ${s.state}`;
  const out: Stage[] = [{ name: "ip", state: up ? "ok" : "failed", text: s.error?.text ?? words }];
  if (placed) out.unshift({ name: "plane", state: "ok", text: placementText(placed) });
  if (up) out.push({ name: "ike", state: "ok", text: ike });
  const users = s.sessions.length + (s.sessions_left_out ?? 0);
  if (up) out.push({ name: "ppp", state: "ok", text: `${users} sessions` });
  for (const f of s.failures) {
    const name = f.layer === "ike" || f.layer === "l2tp" || f.layer === "ppp" ? f.layer : "ip";
    out.push({ name, state: "failed", text: `${f.peer}, last at ${f.at}, ${f.count} in all: ${f.text}` });
  }
  return out;
}
