/** How a command ends, for scripts: 0 done, 1 failed, 2 not yet (nothing was wrong, but it could not be done now). */
export const EXIT = { done: 0, failed: 1, notYet: 2 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
