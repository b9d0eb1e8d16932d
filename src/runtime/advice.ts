// What to do about a failure of the operating system, the same words on every engine.

export const FILE_ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "the daemon may not read it",
  EISDIR: "it is a directory",
  EINVAL: "it is no regular file",
  EFBIG: "it is longer than 16 MiB",
};
export const NAME_ADVICE: Readonly<Record<string, string>> = {
  ENOTFOUND: "the name does not exist",
  EAI_AGAIN: "no name server answers; is the Internet connection up?",
};

const SOCKET_ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "the folder must exist and be writable: see daemon.control",
  EACCES: "the folder must exist and be writable: see daemon.control",
  EADDRINUSE: "a daemon answers there already: stop it, or give this one another daemon.control",
};
export function socketAdvice(code: string): string {
  return SOCKET_ADVICE[code] ?? "";
}
