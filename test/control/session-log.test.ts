// The log of sessions: what a line has, rotation, and a disk that takes nothing.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { SessionLog } from "../../src/control/session-log.ts";
import type { Event } from "../../src/core/events.ts";
import { levelOf, line } from "../../src/core/events.ts";
import { nodeRuntime } from "../../src/runtime/node/runtime.ts";

const up = (user = "nemo"): Event => ({
  ...{ kind: "session.up", link: "lns", user, ip: "10.99.0.10", peer: "192.0.2.1", session: 7 },
});
const down: Event = {
  ...{ kind: "session.down", link: "lns", user: "nemo", ip: "10.99.0.10", peer: "192.0.2.1", session: 7 },
  ...{ seconds: 61, rxBytes: 1000, txBytes: 2000, code: "peer-closed", text: 'the peer said "bye"' },
};

function world(t: { after(f: () => void): void }, size = 1) {
  const dir = mkdtempSync(join(tmpdir(), "l2tpsec-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, "log");
  const warnings: string[] = [];
  const settings: { session_log: string | null; session_log_size: number } = {
    session_log: path,
    session_log_size: size,
  };
  const log = new SessionLog(
    nodeRuntime,
    () => settings,
    () => 0,
    (w) => void warnings.push(w),
  );
  return { dir, path, warnings, settings, log, text: (n = ""): string => readFileSync(`${path}${n}`, "utf8") };
}

describe("the log of sessions", () => {
  test("a line for each begin and end, for its owner alone; names are quoted once", (t) => {
    const { path, log, text } = world(t);
    log.see(up('a "b"\n\\'));
    log.see({ kind: "link.state", link: "lns", state: "up" });
    log.see(down);
    assert.deepEqual(text().split("\n"), [
      `1970-01-01T00:00:00Z begin server=lns user="a \\"b\\"\\n\\\\" peer=192.0.2.1 ip=10.99.0.10 session=7`,
      `1970-01-01T00:00:00Z end server=lns user="nemo" peer=192.0.2.1 ip=10.99.0.10 session=7 seconds=61 in=1000 ` +
        `out=2000 code=peer-closed why="the peer said \\"bye\\""`,
      "",
    ]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });
  test("nothing without the option; a reload opens it anew and what is there goes on", (t) => {
    const { path, settings, log, text } = world(t);
    log.see(up());
    const length = text().length;
    rmSync(path);
    log.see({ kind: "daemon.reloaded", link: "", changed: "" });
    log.see(up());
    log.see({ kind: "daemon.reloaded", link: "", changed: "" });
    log.see(up());
    assert.equal(text().length, 2 * length);
    settings.session_log = null;
    log.see(up());
    assert.equal(text().length, 2 * length);
  });
  test("is rotated by its size, and the two before it are kept", (t) => {
    const { path, log, text } = world(t);
    for (let i = 0; i < 60; i++) log.see(up(`user${i}`));
    const lines = [text(".2"), text(".1"), text()].map((x) => x.trimEnd().split("\n"));
    for (const l of lines) assert.ok(l.join("\n").length <= 1024);
    const users = lines.flat().map((l) => /user(\d+)/.exec(l)?.[1]);
    assert.equal(users.at(-1), "59");
    assert.deepEqual(
      users,
      Array.from({ length: users.length }, (_, i) => String(60 - users.length + i)),
    );
    assert.throws(() => statSync(`${path}.3`));
  });
  test("what cannot be written is one sentence, until it can be written again", (t) => {
    const { dir, path, settings, warnings, log, text } = world(t);
    settings.session_log = join(dir, "nowhere", "log");
    for (let i = 0; i < 100; i++) log.see(up());
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /^sessions are not logged: cannot write .*nowhere\/log: ENOENT/);
    mkdirSync(join(dir, "nowhere"));
    log.see(up());
    settings.session_log = dir; // a folder
    log.see({ kind: "daemon.reloaded", link: "", changed: "" });
    log.see(up());
    log.see(up());
    assert.equal(warnings.length, 2);
    symlinkSync("/etc/passwd", `${path}link`);
    settings.session_log = `${path}link`;
    log.see(up());
    settings.session_log = path;
    log.see(up());
    assert.match(text(), /^\n1970-\S+ begin .*\n$/, "behind what may be half a line");
  });
  test("a full disk is one sentence", (t) => {
    const { warnings, log, settings } = world(t);
    let writes = 0;
    const full = {
      logFile: () => ({
        size: 0,
        write: (): void => {
          writes++;
          throw Object.assign(new Error("cannot write /x: ENOSPC"), { code: "ENOSPC" });
        },
        close: () => {},
      }),
      rename: () => {},
    };
    const l = new SessionLog(
      full,
      () => settings,
      () => 0,
      (w) => void warnings.push(w),
    );
    for (let i = 0; i < 50; i++) l.see(down);
    assert.deepEqual([writes, warnings], [50, ["sessions are not logged: cannot write /x: ENOSPC"]]);
    log.close();
  });
});

test("a refused login is a notice, others are information", () => {
  const auth = (ok: boolean): Event => ({ kind: "ppp.auth", link: "lns", user: "u", method: "PAP", ok, text: "" });
  assert.deepEqual([levelOf(auth(true)), levelOf(auth(false))], ["info", "notice"]);
  assert.match(line(auth(false)), /^notice lns: ppp\.auth/);
});
