import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const BARK = `syntax = "proto3";
package barks.v1;
message Bark { string id = 1; int64 version = 2; repeated Bark tags = 3; oneof x { string twin = 4; } }
`;

let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'banyan-generation-'));
  await cp(join(ROOT, 'proto/banyan'), join(scratch, 'banyan'), { recursive: true });
  await mkdir(join(scratch, 'barks/v1'), { recursive: true });
  await writeFile(join(scratch, 'barks/v1/barks.proto'), BARK);
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

describe('the generation of an event', () => {
  it('takes source, aggregate, id and version from its option', async () => {
    await generate({ key: 'bark.id', version: 'bark.version' });
    const registry = await readFile(join(scratch, 'out/barks/v1/events_registry.ts'), 'utf8');
    expect(registry).toContain("source: 'barks'");
    expect(registry).toContain('key: (e) => e.bark?.id');
    expect(registry).toContain('export const barksEvents');
  });

  it.each([
    [{ key: 'bark.idd' }, /barks\.v1\.Bark has no field idd; it has id, version, tags, twin/],
    [{ key: '' }, /key is missing/],
    [{ key: 'bark' }, /bark must be a string field/],
    [{ key: 'bark.version' }, /version must be a string field/],
    [{ version: 'bark.id' }, /id must be an integer field/],
    [{ key: 'bark.tags.id' }, /tags must be a single message/],
    [{ key: 'bark.twin' }, /twin must be a string field outside any oneof/],
    [{ aggregate: 'Bark' }, /aggregate "Bark" must be lower-case/],
  ])('fails for %o and says why', async (option, message) => {
    await expect(generate(option)).rejects.toThrow(message);
  });

  it('fails for a message in a file of events that lacks the option', async () => {
    await expect(generate({}, 'message Forgotten {}')).rejects.toThrow(
      /barks\.v1\.Forgotten: .*lacks the option/,
    );
  });
});

interface EventOption {
  aggregate?: string;
  key?: string;
  version?: string;
}

/** Generates from one event with these options. Rejects with what buf printed. */
async function generate(option: EventOption, more = ''): Promise<void> {
  await writeFile(join(scratch, 'barks/v1/events.proto'), protoOf(option) + more);
  const plugin = join(ROOT, 'packages/contracts/plugin/protoc-gen-banyan.mjs');
  const template = {
    version: 'v2',
    plugins: [
      { local: [process.execPath, plugin], out: join(scratch, 'out'), strategy: 'all', opt: 'target=ts' },
    ],
  };
  const buf = join(ROOT, 'node_modules/.bin/buf');
  await run(buf, ['generate', scratch, '--template', JSON.stringify(template)], { cwd: scratch });
}

function protoOf({ aggregate = 'bark', key = 'bark.id', version = 'bark.version' }: EventOption): string {
  return `syntax = "proto3";
package barks.v1;
import "banyan/v1/options.proto";
import "barks/v1/barks.proto";
message BarkPeeled {
  option (banyan.v1.event) = { aggregate: "${aggregate}" key: "${key}" version: "${version}" };
  Bark bark = 1;
}
`;
}
