// What test/rig/kernel-plane.test.ts runs in its guest, on either runtime: the contract of every data plane on the
// kernel's, and against the userspace one.
import { readFileSync } from "node:fs";
import { planeContract } from "../dataplane/contract.ts";
import { pairOf } from "./kernel-planes.ts";

const read = (path: string): string => readFileSync(path, "utf8");
const IPV4 = ["10.9.0.1", "10.9.0.2"] as const;
const IPV6 = ["fd00:9::1", "fd00:9::2"] as const;

planeContract("kernel, IPv4", () => pairOf(["kernel", "kernel"], IPV4, read));
planeContract("kernel, IPv6", () => pairOf(["kernel", "kernel"], IPV6, read));
planeContract("kernel to userspace", () => pairOf(["kernel", "userspace"], IPV4, read));
planeContract("userspace to kernel", () => pairOf(["userspace", "kernel"], IPV4, read));
