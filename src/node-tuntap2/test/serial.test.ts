// Serial lines on ptys: raw both ways, exclusive, restored, and no lock file left behind.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { describe, type TestContext, test } from "node:test";
import { linuxSerial, lockFile } from "../../linux/serial.ts";
import type { SerialPort } from "../../ports/serial.ts";
import { nodeClock } from "../../runtime/node/clock.ts";
import { loadFlat, loadNative } from "../../runtime/node/native.ts";

const flat = loadFlat();
const native = loadNative();
const TIOCSPTLCK = 0x40045431;
const TIOCGPTN = 0x80045430;

/** A pty: our end as a descriptor, the other as a device. */
function pty(t: TestContext): { master: number; device: string; close(): void } {
  const master = openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  flat.ioctl(master, TIOCSPTLCK, new Uint8Array(4));
  const n = new Uint8Array(4);
  flat.ioctl(master, TIOCGPTN, n);
  let open = true;
  const close = (): void => {
    if (open) closeSync(master);
    open = false;
  };
  t.after(close);
  return { master, device: `/dev/pts/${new DataView(n.buffer).getUint32(0, true)}`, close };
}
function folder(t: TestContext): string {
  const dir = mkdtempSync(`${tmpdir()}/l2tpsec-serial-`);
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
const errno = (code: string) => (e: unknown) => (e as { code?: string }).code === code;
const every = Uint8Array.from({ length: 256 }, (_, i) => i);
const later = (ms: number): Promise<void> => new Promise((r) => setTimeout(r, ms));

describe("serial lines", () => {
  test("a FIFO, a directory or a link where the lock file should be: somebody holds it, and nobody waits", (t) => {
    const { device } = pty(t);
    const dir = folder(t);
    execFileSync("mkfifo", [`${dir}/LCK..fifo`]);
    mkdirSync(`${dir}/LCK..dir`);
    symlinkSync(`${dir}/LCK..fifo`, `${dir}/LCK..link`);
    for (const name of ["fifo", "dir", "link"]) {
      const script =
        `const fd = require("./dist/tuntap2.node").serialOpen(${JSON.stringify(device)}, ` +
        `${JSON.stringify(`${dir}/LCK..${name}`)}, 9600, "none"); console.log(fd)`;
      const r = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 5000 });
      assert.match(r.stderr, /EBUSY/, name);
      assert.ok(existsSync(`${dir}/LCK..${name}`), name);
    }
  });
  test("every byte passes both ways unchanged", (t) => {
    const { master, device } = pty(t);
    const fd = native.serialOpen(device, "", 115200, "none");
    const into = new Uint8Array(512);
    assert.equal(native.serialRead(fd, into), -1);
    writeSync(master, every);
    assert.equal(native.serialRead(fd, into), 256);
    assert.deepEqual(into.slice(0, 256), every);
    assert.equal(native.serialWrite(fd, every, 6), 250);
    assert.equal(readSync(master, into), 250);
    assert.deepEqual(into.slice(0, 250), every.slice(6));
    assert.equal(native.serialLines(fd), null); // a pty has no such wires
    native.serialDtr(fd, false);
    native.serialBreak(fd, true);
    assert.equal(native.serialQueued(fd), 0);
    native.close(fd);
  });
  test("the settings are as before when it is closed", (t) => {
    const { device } = pty(t);
    const keep = openSync(device, constants.O_RDWR | constants.O_NOCTTY);
    t.after(() => closeSync(keep));
    const settings = (): string => execFileSync("stty", ["-g", "-F", device], { encoding: "utf8" });
    const before = settings();
    const fd = native.serialOpen(device, "", 9600, "xonxoff");
    native.close(fd);
    assert.equal(settings(), before);
  });
  test("what cannot be opened says why, and leaves no lock file", (t) => {
    const dir = folder(t);
    const lock = `${dir}/LCK..x`;
    const { device } = pty(t);
    const wrong: [string, () => number][] = [
      ["ENOENT", () => native.serialOpen(`${dir}/none`, lock, 115200, "none")],
      ["ENOTTY", () => native.serialOpen("/dev/null", lock, 115200, "none")],
      ["EINVAL", () => native.serialOpen(device, lock, 12345, "none")],
    ];
    for (const [code, f] of wrong) {
      assert.throws(f, errno(code));
      assert.equal(existsSync(lock), false);
    }
    native.close(native.serialOpen(device, `${dir}/no/lock`, 9600, "none")); // no folder for locks: none is kept
    assert.throws(() => flat.serialOpen(device, "", 9600, "xon"), RangeError);
    assert.throws(() => flat.serialOpen("x".repeat(200), "", 9600, "none"), RangeError);
    assert.throws(() => flat.serialWrite(0, every, 257), RangeError);
  });
  test("one holder: by lock file, and by the kernel; a lock of a process that is gone is replaced", (t) => {
    const dir = folder(t);
    const lock = `${dir}/LCK..x`;
    const { device } = pty(t);
    const fd = native.serialOpen(device, lock, 115200, "rtscts");
    assert.equal(readFileSync(lock, "utf8"), `${String(process.pid).padStart(10)}\n`);
    assert.throws(() => native.serialOpen(device, lock, 115200, "none"), errno("EBUSY"));
    assert.throws(() => native.serialOpen(device, "", 115200, "none"), errno("EBUSY"));
    native.close(fd);
    assert.equal(existsSync(lock), false);
    const gone = Number(execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" }));
    writeFileSync(lock, `${String(gone).padStart(10)}\n`);
    native.close(native.serialOpen(device, lock, 115200, "none"));
    writeFileSync(lock, "garbage\n"); // nobody can tell whose it is
    assert.throws(() => native.serialOpen(device, lock, 115200, "none"), errno("EBUSY"));
    assert.ok(existsSync(lock));
    // A link locks what it leads to, as others do.
    symlinkSync("/dev/null", `${dir}/modem`);
    writeFileSync(`${dir}/LCK..null`, `${String(process.pid).padStart(10)}\n`);
    assert.throws(() => native.serialOpen(`${dir}/modem`, `${dir}/LCK..modem`, 115200, "none"), errno("EBUSY"));
    rmSync(`${dir}/LCK..null`);
    assert.throws(() => native.serialOpen(`${dir}/modem`, `${dir}/LCK..modem`, 115200, "none"), errno("ENOTTY"));
    assert.deepEqual(readdirSync(dir).sort(), ["LCK..x", "modem"]);
  });
  test("the port: data, what waits, and the end of the line as one sentence", async (t) => {
    const { master, device, close } = pty(t);
    const port: SerialPort = await linuxSerial(native, nodeClock).open(device, { baud: 115200, flow: "none" });
    t.after(() => port.close());
    const got: number[] = [];
    let drained = 0;
    let why = "";
    port.onData = (c) => got.push(...c);
    port.onDrained = () => drained++;
    port.onGone = (w) => {
      why = w;
    };
    assert.equal(port.carrier, null);
    writeSync(master, every);
    const big = new Uint8Array(40_000).map((_, i) => i);
    port.write(big.slice(0, 30_000));
    port.write(big.slice(30_000));
    assert.ok(port.queued > 20_000);
    const seen: number[] = [];
    const into = new Uint8Array(4096);
    for (let i = 0; i < 400 && seen.length < big.length; i++) {
      await later(5);
      try {
        for (let n = readSync(master, into); n > 0; n = readSync(master, into)) seen.push(...into.subarray(0, n));
      } catch (e) {
        assert.ok(errno("EAGAIN")(e), String(e));
      }
    }
    assert.deepEqual(Uint8Array.from(seen), big);
    assert.deepEqual(Uint8Array.from(got), every);
    await later(150);
    assert.equal(port.queued, 0);
    assert.ok(drained >= 1);
    close();
    await later(50);
    assert.match(why, /^\/dev\/pts\/\d+ is gone: (hung up|EIO)$/);
    port.write(every); // after the end: nothing
    assert.equal(port.queued, 0);
  });
  test("a refusal says what to do", async () => {
    await assert.rejects(
      linuxSerial(native, nodeClock).open("/dev/ttyNONE9", { baud: 9600, flow: "none" }),
      /open .*9600 baud.*(no such device|ENOENT)/,
    );
    assert.equal(lockFile("/dev/ttyUSB0"), "/var/lock/LCK..ttyUSB0");
    assert.equal(lockFile("/dev/pts/3"), "");
  });
});
