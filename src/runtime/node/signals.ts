// The three signals a daemon listens to.

interface SignalHandlers {
  /** SIGTERM and SIGINT; a second one while the first is being served comes here too. */
  stop(name: "SIGTERM" | "SIGINT"): void;
  /** SIGHUP. */
  reload(): void;
}

/** Returns what takes the handlers away again. */
export function onSignals(handlers: SignalHandlers): () => void {
  const term = (): void => handlers.stop("SIGTERM");
  const int = (): void => handlers.stop("SIGINT");
  const hup = (): void => handlers.reload();
  process.on("SIGTERM", term);
  process.on("SIGINT", int);
  process.on("SIGHUP", hup);
  return () => {
    process.off("SIGTERM", term);
    process.off("SIGINT", int);
    process.off("SIGHUP", hup);
  };
}
