/**
 * Stops what a process started, once that process is gone. It reads lines of JSON from its standard input, a pipe whose
 * other end only that process holds, so the end of the input means: gone, however it ended. Plain JavaScript, because it
 * runs both from the sources and from the build.
 *
 *   {"watch": 123, "signal": "SIGTERM", "last": true}
 *                                         stop process 123 with this signal when the input ends; last: what others may need
 *                                         for their own end, so it is stopped after them
 *   {"release": 123}                      process 123 has ended by itself
 *   {"remove": "/tmp/x"}                  remove this folder after everything has stopped
 *   {"keep": "/tmp/x"}                    no longer
 */
import { readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

// For those stopped first, and then for those stopped last.
const GRACE_MS = 5_000;
const LAST_GRACE_MS = 10_000;
const POLL_MS = 25;

const watched = new Map();
const folders = new Set();

// It must outlive a Ctrl-C that ends the process it watches.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);

createInterface({ input: process.stdin })
  .on('line', (line) => obey(JSON.parse(line)))
  .on('close', () => void cleanUp());

function obey(order) {
  if (order.watch !== undefined) watched.set(order.watch, order);
  if (order.release !== undefined) watched.delete(order.release);
  if (order.remove !== undefined) folders.add(order.remove);
  if (order.keep !== undefined) folders.delete(order.keep);
}

async function cleanUp() {
  const orders = [...watched.values()];
  await stop(
    orders.filter(({ last }) => !last),
    GRACE_MS,
  );
  await stop(
    orders.filter(({ last }) => last),
    LAST_GRACE_MS,
  );
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exit(0);
}

async function stop(orders, graceMs) {
  for (const { watch, signal } of orders) send(watch, signal);
  const deadline = Date.now() + graceMs;
  while (orders.some(({ watch }) => runs(watch)) && Date.now() < deadline) await wait(POLL_MS);
  // Each is the leader of its own process group: what it left behind goes with it.
  for (const { watch } of orders) send(-watch, 'SIGKILL');
}

function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** False also for a zombie: in a container nobody may ever collect it. */
function runs(pid) {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch (error) {
    return error.code === 'ENOENT' && process.platform !== 'linux';
  }
}
