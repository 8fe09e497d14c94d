import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { testNats, uniqueName } from '@banyan/devstack';
import { DrawnScreen } from '../terminal.js';
import { ReportedEdge } from '../testing/reported-edge.js';
import { runBanyan, type Ended } from '../testing/run-banyan.js';

const ESCAPE = '\u001b';
const CONTROLS = new RegExp(`${ESCAPE}\\[[?\\d]*[A-Za-z]|\\r`, 'g');

let nats: Awaited<ReturnType<typeof testNats>>;
let edge: ReportedEdge;
let left: AbortController;
let out: string[];

beforeEach(async () => {
  nats = await testNats();
  edge = new ReportedEdge(nats.connection, `${uniqueName('tasks')} -> projects.GetProject`);
  await edge.start();
  left = new AbortController();
  out = [];
});
afterEach(async () => {
  left.abort();
  await edge.stop();
  await nats.close();
});

const watching = (args: string[], screen?: DrawnScreen): Promise<Ended> =>
  runBanyan(['status', edge.name, '--watch', '--every', '0.2', ...args], {
    env: { NATS_URL: nats.url },
    terminal: {
      out: (line) => void out.push(line),
      interrupted: () => left.signal,
      ...(screen === undefined ? {} : { screen }),
    },
  });

const advance = (): Promise<Ended> =>
  runBanyan(['advance', edge.name, '--yes'], { env: { NATS_URL: nats.url } });

it('says where nobody watches a line for each change only, and ends well at Ctrl-C', async () => {
  const ended = watching([]);
  await vi.waitFor(() => expect(out).toHaveLength(1), 60_000);
  await advance();
  await vi.waitFor(() => expect(out.at(-1)).toContain('shadow (change 1, in force 1/1)'), 60_000);
  left.abort();
  expect(await ended).toMatchObject({ code: 0, err: '' });
  expect(out[0]).toContain(`${edge.name}: call (change 0, in force 1/1); shadow: ready`);
  expect(new Set(out.map((line) => line.slice(line.indexOf(' ')))).size).toBe(out.length);
});

it('draws in place at a terminal, and gives the cursor back at Ctrl-C', async () => {
  const written: string[] = [];
  const write = (text: unknown): boolean => written.push(String(text)) > 0;
  const ended = watching([], new DrawnScreen({ write, columns: 60, rows: 8 }));
  await vi.waitFor(() => expect(written.length).toBeGreaterThan(2), 60_000);
  left.abort();
  expect((await ended).code).toBe(0);
  expect(written[0]).toContain(`${ESCAPE}[?25l`);
  expect(written[1]).toContain(`${ESCAPE}[7A`);
  expect(written.at(-1)).toContain(`${ESCAPE}[?25h`);
  const lines = written.slice(0, -1).flatMap((frame) => frame.split('\n'));
  const widths = lines.map((line) => line.replaceAll(CONTROLS, '').length);
  expect(Math.max(...widths)).toBe(59);
});

it('prints an object for each look with --json', async () => {
  const ended = watching(['--json']);
  await vi.waitFor(() => expect(out.length).toBeGreaterThan(1), 60_000);
  left.abort();
  await ended;
  for (const line of out) expect(JSON.parse(line)).toMatchObject({ ok: true, edges: [{ edge: edge.name }] });
});
