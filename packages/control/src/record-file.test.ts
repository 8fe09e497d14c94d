import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '@banyan/runtime';
import { RecordFile } from './record-file.js';
import { STAGE_FORM, type StageRecord } from './stage-record.js';

const recordOf = (edge: string, change: number): StageRecord => ({
  edge,
  kind: 'query',
  stage: 'shadow',
  change,
  changeId: `${edge} ${change}`,
  by: 'ann',
  why: 'because',
  at: '2026-01-01T00:00:00.000Z',
  from: 'call',
});

describe('the file of last known stages', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'banyan-stages-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const open = (): RecordFile<StageRecord> => new RecordFile(join(folder, 'state'), STAGE_FORM, silentLogger);

  it('is empty at first and makes its folder', () => {
    expect(open().get('a -> b.C')).toBeUndefined();
  });

  it('gives back what was put, the latest of each edge, also when many puts overlap', async () => {
    const file = open();
    const puts = Array.from({ length: 50 }, (_, i) =>
      file.put(recordOf(i % 2 === 0 ? 'a -> b.C' : 'a -> b.D', i + 1)),
    );
    expect(await Promise.all(puts)).not.toContain(false);
    expect(open().get('a -> b.C')?.change).toBe(49);
    expect(open().get('a -> b.D')?.change).toBe(50);
    expect(readdirSync(join(folder, 'state'))).toEqual(['stages.json']);
  });

  it('gives a share back as it was put', async () => {
    const ramping: StageRecord = { ...recordOf('a -> b.C', 1), share: 0.5 };
    await open().put(ramping);
    expect(open().get('a -> b.C')).toEqual(ramping);
  });

  it('survives rubbish in its place, and replaces it', async () => {
    const file = open();
    writeFileSync(file.path, '{"stages": [{"edge":');
    expect(open().get('a -> b.C')).toBeUndefined();
    writeFileSync(file.path, JSON.stringify({ stages: [{ edge: 'a -> b.C' }, recordOf('a -> b.D', 2)] }));
    const reopened = open();
    expect(reopened.get('a -> b.C')).toBeUndefined();
    expect(reopened.get('a -> b.D')?.change).toBe(2);
    await reopened.put(recordOf('a -> b.C', 1));
    expect(JSON.parse(readFileSync(file.path, 'utf8'))).toMatchObject({
      stages: [{ change: 2 }, { change: 1 }],
    });
  });

  it('says so, and throws nothing, when the disk refuses', async () => {
    const file = open();
    rmSync(join(folder, 'state'), { recursive: true });
    expect(await file.put(recordOf('a -> b.C', 1))).toBe(false);
    expect(file.get('a -> b.C')?.change).toBe(1);
  });
});
