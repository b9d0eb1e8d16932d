// What peer-config writes for NetworkManager brings a tunnel up. In the guest its library reads the profile, and the
// service of network-manager-l2tp drives strongSwan, xl2tpd and pppd by it; NetworkManager itself, which hands the one
// to the other, is not there.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { type Lab, PROGRAM, run, scenario, until } from "../net/harness.ts";
import { CLEAR_L2TP } from "../net/sites.ts";
import { TestCa } from "../x509/ca.ts";
import { direct, NEEDS, OURS, pings, server } from "./lab.ts";
import { USER } from "./peers.ts";

/** The folder of scripts/network-manager, or why there is none. */
const tree = ((): string | Error => {
  if (process.getuid?.() !== 0) return Error("needs root");
  const r = spawnSync("sh", ["scripts/network-manager"], { encoding: "utf8" });
  return r.status === 0 ? r.stdout.trim() : Error(r.stderr.trim().split("\n").at(-1));
})();
const needs = { ...NEEDS, ...(tree instanceof Error ? { needs: [...NEEDS.needs, `/${tree.message}`] } : {}) };

/** As NetworkManager does it: the file as a connection, which the service gets whole. */
const CONNECT = `
import sys, gi
gi.require_version("NM", "1.0")
from gi.repository import Gio, GLib, NM
keys = GLib.KeyFile()
keys.load_from_file(sys.argv[1], GLib.KeyFileFlags.NONE)
def told(*about):
    print("NM says of the file:", about)
    return False
connection = NM.keyfile_read(keys, "/", NM.KeyfileHandlerFlags.NONE, told, None)
connection.get_setting_connection().set_property("uuid", NM.utils_uuid_generate())
connection.normalize(None)
connection.verify()
bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
bus.call_sync("org.freedesktop.NetworkManager.l2tp", "/org/freedesktop/NetworkManager/VPN/Plugin",
    "org.freedesktop.NetworkManager.VPN.Plugin", "Connect",
    GLib.Variant.new_tuple(connection.to_dbus(NM.ConnectionSerializationFlags.ALL)), None, 0, 60000)
`;

/** Our server's files, and those that the profile names, as a script that puts them there. */
function certificates(lab: Lab): { readonly server: Record<string, string>; readonly put: string } {
  const [now, day] = [Date.now(), 86_400_000];
  const o = { kind: "rsa2048", notBefore: now - day, notAfter: now + 30 * day } as const;
  const ca = new TestCa("CN=the CA", o);
  const text = (pem: Uint8Array): string => Buffer.from(pem).toString();
  const [gate, user] = [ca.server("vpn.example", o), ca.client(`${USER}@example`, o)];
  const put = Object.entries({ "ca.pem": ca.own.pem, [`${USER}.pem`]: user.pem, [`${USER}.key`]: text(user.key) });
  return {
    server: {
      cert: lab.write("gate.pem", gate.pem),
      key: lab.write("gate.key", text(gate.key)),
      ca: lab.write("ca.pem", ca.own.pem),
    },
    put: ["mkdir -p /etc/NetworkManager/l2tpsec && cd /etc/NetworkManager/l2tpsec"]
      .concat(put.map(([name, pem]) => `cat >${name} <<'END'\n${pem.trim()}\nEND`))
      .join("\n"),
  };
}

for (const [what, secrets] of [
  ["plain secrets", {}],
  // More than one syntax would stumble over.
  ["secrets with signs in them", { psk: "0s'psk; #%", password: "it's a (quote) #; x" }],
  ["certificates", { certificates: true }],
] as const) {
  scenario(`our server, and NetworkManager by what peer-config writes: ${what}`, needs, async (lab) => {
    const { ns, guest, wire } = await direct(lab);
    const files = "certificates" in secrets ? certificates(lab) : null;
    const d = server(ns, OURS, "psk" in secrets ? { psk: secrets.psk } : (files?.server ?? {}));
    if ("password" in secrets) {
      const text = readFileSync(d.file, "utf8");
      lab.write("server.conf", text.replace("password = wonderland", `password = ${JSON.stringify(secrets.password)}`));
    }
    await d.start();
    const file = `${guest.dir}/lns.nmconnection`;
    const [program, ...first] = PROGRAM;
    const how = ["--for", "networkmanager", "--socket", d.socket, "--output", file];
    const written = await run(program, [...first, "peer-config", USER, ...how]);
    assert.equal(written.code, 0, written.stderr);
    const said = await guest.sh(`
[ "$(hostname)" = guest ] && [ -d /rig ] || exit 99
cp -a ${String(tree)}/. /
${files?.put ?? ""}
ldconfig
cat >/rig/connect.py <<'END'${CONNECT}END
mkdir -p /run/dbus
dbus-uuidgen --ensure
dbus-daemon --system --fork
/usr/lib/NetworkManager/nm-l2tp-service --debug >/rig/service.log 2>&1 &
i=0
at="-d org.freedesktop.NetworkManager.l2tp -o /org/freedesktop/NetworkManager/VPN/Plugin"
until gdbus introspect --system $at >/dev/null 2>&1; do
  i=$((i + 1))
  [ $i -lt 50 ] || { cat /rig/service.log; exit 1; }
  sleep 0.2
done
/usr/bin/python3 /rig/connect.py /rig/lns.nmconnection`);
    assert.doesNotMatch(said, /NM says of the file/);
    await d.event("lns", "session.up", 60_000);
    const session = await until("a session", 5000, async () => (await d.serverStatus("lns")).sessions[0]);
    assert.deepEqual([session.user, session.auth], [USER, "MS-CHAPv2"]);
    await pings(ns, session.ip);
    await wire.stop();
    assert.deepEqual(await wire.lines(CLEAR_L2TP), []);
  });
}
