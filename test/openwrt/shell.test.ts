// netifd's handler and procd's init script, run by the shells of a router against stand-ins for OpenWrt's own shell
// libraries.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { handlerWithLists } from "../../src/config/handler.ts";
import { NASDIAL } from "../../src/config/nasdial.ts";
import { type Options, uciNames } from "../../src/config/option.ts";
import { isList, isSecret } from "../../src/config/options.ts";
import { CLIENT } from "../../src/config/schema.ts";
import { loadUci } from "../../src/config/uci-load.ts";
import { loadProtocol } from "./luci.ts";
import { HANDLER, HOTPLUG, INIT, missing, Scene, SHELLS } from "./shell.ts";

const FILES = "openwrt/l2tpsec/files";

test("shellcheck has nothing to say", { skip: missing("shellcheck") ?? false }, () => {
  // SC1091: the libraries are a router's. SC2034, SC3043: variables for them to read; every shell of OpenWrt has
  // `local`.
  execFileSync("shellcheck", [
    "-s",
    "sh",
    "-e",
    "SC1091,SC2034,SC3043",
    HANDLER,
    HOTPLUG,
    INIT,
    "openwrt/l2tpsec/test.sh",
  ]);
});

test("the handler's lists are the schema's (make generate)", () => {
  const text = readFileSync(HANDLER, "utf8");
  assert.equal(text, handlerWithLists(text));
});

test("the default configuration is valid, and so are its examples", () => {
  const text = readFileSync(`${FILES}/etc/config/l2tpsec`, "utf8");
  for (const t of [text, text.replace(/^#(?=config|\t)/gm, "")]) {
    const r = loadUci([{ name: "l2tpsec", path: "l2tpsec", text: t }]);
    assert.deepEqual([r.faults, r.warnings], [[], []]);
  }
});

test("what is executable, and what not", () => {
  const mode = (f: string): number => statSync(f).mode & 0o777;
  assert.deepEqual([mode(HANDLER), mode(INIT), mode(`${FILES}/etc/config/l2tpsec`) & 0o111], [0o755, 0o755, 0]);
  assert.match(
    readFileSync(HANDLER, "utf8"),
    new RegExp(
      '^\\[ -n "\\$INCLUDE_ONLY" \\] \\|\\| \\{\n\t\\. /lib/functions\\.sh\n\t\\. \\.\\./netifd-proto\\.sh\n' +
        '\tinit_proto "\\$@"\n\\}$',
      "m",
    ),
  );
  assert.match(
    readFileSync(HANDLER, "utf8"),
    /^\[ -n "\$INCLUDE_ONLY" \] \|\| \{\n\tadd_protocol l2tpsec\n\tadd_protocol nasdial\n\}\n$/m,
  );
  assert.ok(readFileSync(INIT, "utf8").startsWith("#!/bin/sh /etc/rc.common\n"));
});

for (const [name, words] of SHELLS) {
  describe(name, { skip: missing(words[0] ?? "") ?? false }, () => {
    const scene = (f: (s: Scene) => void) => (): void => {
      const s = new Scene(words);
      try {
        f(s);
      } finally {
        s.close();
      }
    };

    test(
      "the handler's options are the schema's, but for what may be secret and netifd's own",
      scene((s) => {
        for (const [proto, list] of [
          ["l2tpsec", CLIENT],
          ["nasdial", NASDIAL],
        ] as const) {
          const lines = s.handler(["dump"], {}, proto);
          const flags = lines.filter((l) => l.startsWith("flags"));
          assert.deepEqual(flags, ["flags no_device=1 available=1 no_proto_task=1 lasterror=1"]);
          const called = uciNames(list);
          const schema = new Map(
            Object.entries(list as Options)
              .filter(([n, o]) => !isSecret(o.kind) && !/^(proto|auto|chat|init)$/.test(n))
              .map(([n, o]) => [called[n] ?? n, o]),
          );
          const options = lines.filter((l) => !/^(flags|exit)/.test(l)).map((l) => l.split(" ") as [string, string]);
          assert.deepEqual(options.map(([, n]) => n.replace(/:.*/, "")).sort(), [...schema.keys()].sort());
          for (const [type, o] of options) {
            const n = o.replace(/:.*/, "");
            const kind = schema.get(n)?.kind;
            const many = kind !== undefined && isList(kind);
            assert.equal(type === "array", many, `${o}: a list of UCI would not be seen`);
            // netifd has these itself, with these types.
            const own: Record<string, string> = { defaultroute: "boolean", peerdns: "boolean", metric: "int" };
            assert.equal(type, own[n] ?? (many ? "array" : "string"), n);
          }
        }
      }),
    );

    test(
      "setup: the server's address is a dependency, then the daemon is told",
      scene((s) => {
        s.program("ubus", "exit 0");
        s.program(
          "resolveip",
          'case "$3" in vpn.example.org) printf "192.0.2.1\\n192.0.2.2\\n" ;; nowhere*) exit 1 ;; *) echo "$3" ;; esac',
        );
        for (const [server, host, address] of [
          ["198.51.100.2", "198.51.100.2", "198.51.100.2"],
          ["198.51.100.2:1702", "198.51.100.2", "198.51.100.2"],
          ["2001:db8::1", "2001:db8::1", "2001:db8::1"],
          ["[2001:db8::1]:1702", "2001:db8::1", "2001:db8::1"],
          ["vpn.example.org:1702", "vpn.example.org", "192.0.2.1"],
          ["vpn.example.org", "vpn.example.org", "192.0.2.1"],
        ] as const) {
          assert.deepEqual(s.handler(["setup", "hq"], { server }), [
            `resolveip -t 5 ${host}`,
            `dependency hq ${address}`,
            'ubus call l2tpsec setup {"name":"hq"}',
            "exit 0",
          ]);
        }
        assert.deepEqual(
          s.handler(["setup", "hq"], { server: "[2001:db8::1]:1702 vpn.example.org", tunlink: "wwan" }),
          [
            "resolveip -t 5 2001:db8::1",
            "dependency hq 2001:db8::1 wwan",
            "resolveip -t 5 vpn.example.org",
            "dependency hq 192.0.2.1 wwan",
            'ubus call l2tpsec setup {"name":"hq"}',
            "exit 0",
          ],
        );
        assert.deepEqual(s.handler(["setup", "hq"], { server: "nowhere.example", tunlink: "wwan" }), [
          "resolveip -t 5 nowhere.example",
          "dependency hq 0.0.0.0 wwan",
          'ubus call l2tpsec setup {"name":"hq"}',
          "exit 0",
        ]);
        assert.deepEqual(s.handler(["setup", "hq"], { server: "nowhere.example" }), [
          "resolveip -t 5 nowhere.example",
          'ubus call l2tpsec setup {"name":"hq"}',
          "exit 0",
        ]);
      }),
    );

    test(
      "no daemon: the interface says so and waits; a daemon that refuses has told netifd itself",
      scene((s) => {
        s.program("resolveip", "exit 1");
        s.program("ubus", "exit 4");
        assert.deepEqual(s.handler(["setup", "hq"], { server: "a" }).slice(2), [
          "ubus list l2tpsec",
          "error hq NO_DAEMON",
          "exit 0",
        ]);
        s.program("ubus", '[ "$1" = list ]');
        assert.deepEqual(s.handler(["setup", "hq"], { server: "a" }).slice(2), ["ubus list l2tpsec", "exit 0"]);
      }),
    );

    test(
      "teardown: within netifd's five seconds, whatever the daemon says",
      scene((s) => {
        for (const status of [0, 4, 7]) {
          s.program("ubus", `exit ${status}`);
          assert.deepEqual(s.handler(["teardown", "hq"]), ['ubus -t 4 call l2tpsec teardown {"name":"hq"}', "exit 0"]);
        }
      }),
    );

    test(
      "secrets are in nobody's arguments",
      scene((s) => {
        s.program("ubus", "exit 0");
        s.program("resolveip", "exit 1");
        const all = s.handler(["setup", "hq"], {
          server: "a",
          password: "hunter2",
          psk: "hunter2",
          tunnel_secret: "hunter2",
        });
        assert.doesNotMatch(all.join("\n"), /hunter2/);
        assert.deepEqual(
          s.handler(["setup", "modem"], { device: "/dev/ttyUSB0", password: "hunter2", pin: "hunter2" }, "nasdial"),
          ['ubus call l2tpsec setup {"name":"modem"}', "exit 0"],
        );
        assert.deepEqual(s.handler(["teardown", "modem"], {}, "nasdial"), [
          'ubus -t 4 call l2tpsec teardown {"name":"modem"}',
          "exit 0",
        ]);
      }),
    );

    test(
      "hotplug: a modem that was plugged in is dialled at once, if netifd waits for it",
      scene((s) => {
        writeFileSync(
          `${s.dir}/functions.sh`,
          "config_load() { :; }\nconfig_get() { case $2.$3 in modem.*|other.*|down.*) case $3 in proto) " +
            'eval "$1=nasdial" ;; *) eval "$1=\\$DEV_$2" ;; esac ;; *) eval "$1=x" ;; esac; }\n' +
            'config_foreach() { for i in lan modem other down; do "$1" "$i"; done; }\n',
        );
        writeFileSync(
          `${s.dir}/hotplug`,
          readFileSync(HOTPLUG, "utf8").replace(". /lib/functions.sh", `. ${s.dir}/functions.sh`),
        );
        s.program("readlink", 'echo "$2" | sed s,/dev/lte,/dev/ttyUSB0,');
        s.program("ubus", `case "$*" in *down*) echo '	"pending": false,' ;; *) echo '	"pending": true,' ;; esac`);
        const env = {
          DEVICENAME: "ttyUSB0",
          DEV_modem: "/dev/lte",
          DEV_other: "/dev/ttyUSB1",
          DEV_down: "/dev/ttyUSB0",
        };
        const said = (action: string): string[] =>
          s.run(`${s.dir}/hotplug`, [], { ...env, ACTION: action }).filter((l) => !l.startsWith("readlink"));
        assert.deepEqual(said("remove"), ["exit 0"]);
        assert.deepEqual(said("add"), [
          "ubus call network.interface.modem status",
          'ubus call l2tpsec up {"name":"modem"}',
          "ubus call network.interface.down status",
          "exit 0",
        ]);
      }),
    );

    test(
      "init: one instance, respawned for ever, its output in the log",
      scene((s) => {
        writeFileSync(`${s.dir}/good`, "#!/bin/sh\necho l2tpsec 1\n");
        chmodSync(`${s.dir}/good`, 0o755);
        assert.deepEqual(s.init("start", `${s.dir}/good`), [
          "open ",
          `param command ${s.dir}/good run --uci --foreground --syslog`,
          `param file ${s.dir}/good`,
          "param respawn 3600 5 0",
          "param term_timeout 5",
          "param no_new_privs 1",
          "param stdout 1",
          "param stderr 1",
          "close",
          "exit 0",
        ]);
        assert.deepEqual(s.init("reload"), ["signal l2tpsec", "exit 0"]);
        assert.deepEqual(s.init("triggers"), [
          "trigger l2tpsec network",
          "validate l2tpsec daemon   control:string:/var/run/l2tpsec.sock " +
            'log:or("error","warn","notice","info","debug"):info ubus:string:auto ' +
            "metrics:range(0,65535):0 session_log:string session_log_size:range(4,1048576):256",
          "exit 0",
        ]);
      }),
    );

    test(
      "init: a program that cannot run here is one line of the log, and nothing to respawn",
      { skip: missing("busybox") ?? false },
      scene((s) => {
        const program = `${s.dir}/prog`;
        assert.deepEqual(s.init("start", program), [
          `logger -t l2tpsec -p daemon.err not started: there is no ${program}`,
          "exit 1",
        ]);
        writeFileSync(
          program,
          "#!/bin/sh\necho 'Error loading shared library libcrypto.so.3: No such file or directory' >&2\n" +
            "echo more >&2\nexit 127\n",
        );
        chmodSync(program, 0o755);
        assert.deepEqual(s.init("start", program), [
          `logger -t l2tpsec -p daemon.err not started: ${program} does not run here: Error loading shared ` +
            "library libcrypto.so.3: No such file or directory",
          "exit 1",
        ]);
        // This machine's own busybox, made out to be a MIPS.
        copyFileSync(process.execPath, program);
        const elf = readFileSync(program).subarray(0, 64);
        elf[18] = 8;
        elf[5] = 2;
        writeFileSync(program, elf);
        chmodSync(program, 0o755);
        if (elf.toString("latin1", 1, 4) === "ELF")
          assert.deepEqual(s.init("start", program), [
            `logger -t l2tpsec -p daemon.err not started: ${program} is for another kind of processor`,
            "exit 1",
          ]);
      }),
    );
  });
}

test("LuCI has words for what the handler and the daemon say to netifd", () => {
  const { errors } = loadProtocol();
  const all = (file: string, what: RegExp): string[] =>
    [...readFileSync(file, "utf8").matchAll(what)].map((m) => m[1] ?? "");
  const said = [
    ...all(HANDLER, /proto_notify_error "\$1" (\w+)/g),
    ...all("src/openwrt/netifd.ts", /#error\(name, "([\w-]+)"/g),
  ];
  assert.deepEqual([...new Set(said)].sort(), ["NO_DAEMON", "invalid-config"]);
  for (const code of said) assert.ok(errors.has(code.toUpperCase().replaceAll("-", "_")), code);
  assert.ok(readdirSync(FILES).length > 0);
});
