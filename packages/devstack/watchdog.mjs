/**
 * Stops what a process started, once that process is gone. It reads lines of JSON from its standard input, a pipe whose
 * other end only that process holds, so the end of the input means: gone, however it ended. Plain JavaScript, because it
 * runs both from the sources and from the build.
 *
 *   {"watch": 123, "signal": "SIGTERM"}   stop process 123 with this signal when the input ends
 *   {"release": 123}                      process 123 has ended by itself
 *   {"remove": "/tmp/x"}                  remove this folder after everything has stopped
 *   {"keep": "/tmp/x"}                    no longer
 */
import { readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

const GRACE_MS = 15_000;
const POLL_MS = 25;

const stopSignals = new Map();
const folders = new Set();

// It must outlive a Ctrl-C that ends the process it watches.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);

createInterface({ input: process.stdin })
  .on('line', (line) => obey(JSON.parse(line)))
  .on('close', () => void cleanUp());

function obey(order) {
  if (order.watch !== undefined) stopSignals.set(order.watch, order.signal);
  if (order.release !== undefined) stopSignals.delete(order.release);
  if (order.remove !== undefined) folders.add(order.remove);
  if (order.keep !== undefined) folders.delete(order.keep);
}

async function cleanUp() {
  for (const [pid, signal] of stopSignals) send(pid, signal);
  const deadline = Date.now() + GRACE_MS;
  while ([...stopSignals.keys()].some(runs) && Date.now() < deadline) await wait(POLL_MS);
  // Each is the leader of its own process group: what it left behind goes with it.
  for (const pid of stopSignals.keys()) send(-pid, 'SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exit(0);
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
