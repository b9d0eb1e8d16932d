// Advice for operating system errors, the same text on every engine.

export const FILE_ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "the daemon is not allowed to read it",
  EISDIR: "it is a directory",
  EINVAL: "it is not a regular file",
  EFBIG: "it is longer than 16 MiB",
};
export const NAME_ADVICE: Readonly<Record<string, string>> = {
  ENOTFOUND: "the name does not exist",
  EAI_AGAIN: "no name server answers; is the Internet connection up?",
};

const SOCKET_ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "the directory must exist and be writable: see daemon.control",
  EACCES: "the directory must exist and be writable: see daemon.control",
  EADDRINUSE: "another daemon already listens there: stop it, or set another daemon.control",
};
export function socketAdvice(code: string): string {
  return SOCKET_ADVICE[code] ?? "";
}
