/** Lets this process go on when nobody reads its output any more: `npm run dev | head`, a terminal that was closed. */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}
