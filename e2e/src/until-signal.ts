const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

// npm hands on each Ctrl-C that the terminal has sent to this process too.
const ECHO_MS = 1000;

/** Resolves when the process is asked to stop: Ctrl-C, SIGTERM or a closed terminal. Asked again later, it ends at once. */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstMs: number | undefined;
    const heed = (signal: NodeJS.Signals): void => {
      if (firstMs !== undefined && performance.now() - firstMs > ECHO_MS) process.exit(1);
      firstMs ??= performance.now();
      resolve(signal);
    };
    for (const signal of SIGNALS) process.on(signal, heed);
  });
}
