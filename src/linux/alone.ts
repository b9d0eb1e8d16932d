// One daemon per network namespace: two would take each other's routes, ports and netdevs.
import { SystemError } from "../core/errors.ts";
import { attempt } from "./errno.ts";

/** In front of the namespace's number and ".lock". */
const PREFIX = "/var/run/l2tpsec";

interface Locks {
  lockOpen(prefix: string): { readonly fd: number; readonly path: string; readonly holder: number };
}

/**
 * From now until this process ends no other one gets past this call in the same network namespace. Touches nothing
 * else. Returns the lock's file, to be removed at the end. Throws SystemError: EBUSY, with the process that runs, and
 * what open(2) says.
 */
export function runAlone(locks: Locks, prefix = PREFIX): string {
  const advice = {
    EACCES: "the daemon needs to be root",
    EPERM: "the file is not the daemon's own: remove it",
    ELOOP: "a link has its name: remove it",
    ENOENT: "the folder is missing, or /proc is not mounted",
    EROFS: "the file system can only be read",
  };
  const { fd, path, holder } = attempt(`cannot lock ${prefix}.*.lock`, advice, () => locks.lockOpen(prefix));
  if (fd >= 0) return path;
  const who = holder > 0 ? `process ${holder}` : "a process of another container";
  throw new SystemError(
    "EBUSY",
    "a daemon runs already in this network namespace",
    `${who}: stop it first, or ask it to reload`,
  );
}
