import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findNats } from './find-nats.js';

describe('the NATS address', () => {
  let root: string;
  let folder: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'banyan-find-'));
    folder = join(root, 'deep', 'down');
    mkdirSync(folder, { recursive: true });
    mkdirSync(join(root, '.banyan'));
    writeFileSync(join(root, '.banyan', 'dev.json'), '{ "nats": "nats://stack:1" }');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is the one given, else that of the environment, else that of the nearest development stack', () => {
    const env = { NATS_URL: 'nats://env:1' };
    expect(findNats({ given: 'nats://given:1', env, folder })).toBe('nats://given:1');
    expect(findNats({ env, folder })).toBe('nats://env:1');
    expect(findNats({ env: {}, folder })).toBe('nats://stack:1');
    expect(findNats({ env: {}, folder: root })).toBe('nats://stack:1');
  });

  it('is missed with a remedy if nobody says it', () => {
    rmSync(join(root, '.banyan'), { recursive: true });
    expect(() => findNats({ env: {}, folder })).toThrow(
      /^BANYAN_CONTROL_UNREACHABLE: no NATS address is known in /,
    );
  });

  it('is missed if the development stack’s file does not hold it', () => {
    writeFileSync(join(root, '.banyan', 'dev.json'), '{}');
    expect(() => findNats({ env: {}, folder })).toThrow(/dev\.json: it has no field nats$/);
  });
});
