import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../src/link/backoff.ts";
import { testCrypto } from "../ppp/pair.ts";

const near = (ms: number, seconds: number): void =>
  assert.ok(ms >= seconds * 750 && ms <= seconds * 1250, `${ms} is not about ${seconds} s`);

test("ordinary failures: doubling between the options, with no end", () => {
  const b = new Backoff(testCrypto(), 2, 20);
  for (const s of [2, 4, 8, 16, 20, 20]) near(b.pause(false), s);
  b.reset();
  near(b.pause(false), 2);
});

test("failures that are likely to last: half a minute to five, whatever the options and a new route say", () => {
  const b = new Backoff(testCrypto(), 2, 20);
  for (const s of [30, 60, 120, 240, 300, 300]) near(b.pause(true), s);
  near(b.pause(false), 2);
  b.anew();
  near(b.pause(true), 300);
  b.reset();
  near(b.pause(true), 30);
  const slow = new Backoff(testCrypto(), 60, 3600);
  for (const s of [60, 120, 240, 480]) near(slow.pause(true), s);
});
