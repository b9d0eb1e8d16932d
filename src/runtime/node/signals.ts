// The three signals the daemon handles.

interface SignalHandlers {
  /** SIGTERM and SIGINT; also called for a second signal while the first is handled. */
  stop(name: "SIGTERM" | "SIGINT"): void;
  /** SIGHUP. */
  reload(): void;
}

/** Returns a function that removes the handlers. */
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
