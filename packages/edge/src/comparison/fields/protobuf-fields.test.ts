import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createFileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  type DescMessage,
  type FileRegistry,
  type JsonObject,
  type Message,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FieldComparison } from './field-comparison.js';
import { FieldRules, type FieldRuleOptions } from './field-rules.js';
import { pathCheckOf } from './path-check.js';
import { ProtobufReader } from './protobuf-tree.js';
import { Redactor } from './redactor.js';

const ROOT = fileURLToPath(new URL('../../../../../', import.meta.url));
const NO_RULES: FieldRuleOptions = {
  ignore: [],
  unordered: [],
  tolerance: {},
  equal: {},
  sensitive: 'declared',
};

/** As an adopter has it: a `.proto` of one's own, compiled by buf. */
const PROTO = `syntax = "proto3";
package trees.v1;
import "banyan/v1/options.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Kind { KIND_UNSPECIFIED = 0; KIND_FIG = 1; KIND_OAK = 2; }
message Branch { string id = 1; double length_m = 2; repeated string birds = 3; }
message Tree {
  string id = 1;
  int64 leaves = 2;
  optional int32 age = 3;
  Kind kind = 4;
  bytes seal = 5;
  repeated Branch branches = 6;
  map<string, Branch> by_name = 7;
  map<int32, string> by_year = 8;
  oneof owner { string person = 9; Branch branch = 10; }
  google.protobuf.Timestamp planted_at = 11;
  google.protobuf.Duration grown = 12;
  google.protobuf.StringValue nickname = 13;
  repeated string tags = 14;
  string keeper = 15 [(banyan.v1.sensitive) = true];
  map<string, string> visitors = 16 [(banyan.v1.sensitive) = true];
  repeated Visit visits = 17;
}
message Visit { string visitor = 1 [(banyan.v1.sensitive) = true]; int32 times = 2; }
message WiderTree { string id = 1; string other = 99; }
`;

let folder: string;
let registry: FileRegistry;
let Tree: DescMessage;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'banyan-fields-'));
  cpSync(join(ROOT, 'proto/banyan'), join(folder, 'banyan'), { recursive: true });
  writeFileSync(join(folder, 'trees.proto'), PROTO);
  const out = join(folder, 'set.binpb');
  execFileSync(join(ROOT, 'node_modules/.bin/buf'), ['build', folder, '--as-file-descriptor-set', '-o', out]);
  registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(out)));
  Tree = registry.getMessage('trees.v1.Tree')!;
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function comparison(options: Partial<FieldRuleOptions> = {}, type = Tree): FieldComparison<Message> {
  return new FieldComparison({
    reader: new ProtobufReader<Message>(Tree, (message) => toBinary(type, message), registry),
    rules: new FieldRules({ ...NO_RULES, ...options }, pathCheckOf(Tree)),
    redactor: new Redactor('a key'),
  });
}

function differences(a: JsonObject, b: JsonObject, options: Partial<FieldRuleOptions> = {}): object[] {
  const [left, right] = [fromJson(Tree, a), fromJson(Tree, b)];
  return comparison(options)
    .differences(left, right)
    .map(({ pattern: _, ...told }) => told);
}

const paths = (...sides: Parameters<typeof differences>): string[] =>
  differences(...sides).map((each) => (each as { path: string }).path);

describe('messages of a known type', () => {
  it('differ in paths that have the names of the .proto file', () => {
    const a = {
      plantedAt: '2024-01-01T00:00:00Z',
      kind: 'KIND_FIG',
      leaves: '9007199254740993',
      seal: 'AQI=',
    };
    const b = {
      plantedAt: '2024-01-01T00:00:00.000000001Z',
      kind: 'KIND_OAK',
      leaves: '9007199254740992',
      seal: 'AQM=',
    };
    expect(differences(a, b)).toEqual([
      { path: 'leaves', kind: 'value', provider: '9007199254740993', replica: '9007199254740992' },
      { path: 'kind', kind: 'value', provider: 'KIND_FIG', replica: 'KIND_OAK' },
      { path: 'seal', kind: 'value', provider: 'AQI=', replica: 'AQM=' },
      {
        path: 'planted_at',
        kind: 'value',
        provider: '2024-01-01T00:00:00.000000000Z',
        replica: '2024-01-01T00:00:00.000000001Z',
      },
    ]);
  });

  it('differ in items, map entries and what lies in them', () => {
    const a = {
      branches: [{ id: 'b1' }, { id: 'b2' }],
      byName: { 'a key': { lengthM: 1 } },
      byYear: { 7: 'x' },
    };
    const b = {
      branches: [{ id: 'b1' }, { id: 'b3' }],
      byName: { 'a key': { lengthM: 2 } },
      byYear: { 8: 'x' },
    };
    expect(paths(a, b)).toEqual(['branches[1].id', 'by_name["a key"].length_m', 'by_year[7]', 'by_year[8]']);
  });

  it('have a field without presence at its default, and one with presence as something else than absent', () => {
    expect(paths({ id: '', leaves: 0 }, {})).toEqual([]);
    expect(differences({ age: 0 }, {})).toEqual([{ path: 'age', kind: 'value', provider: 0 }]);
    expect(differences({ nickname: '' }, {})).toEqual([{ path: 'nickname', kind: 'value', provider: '' }]);
    expect(paths({ branch: {} }, {})).toEqual(['branch']);
  });

  it('show both members where a oneof holds another one', () => {
    expect(paths({ person: 'ann' }, { branch: { id: 'b1' } })).toEqual(['person', 'branch']);
  });

  it('are the same where floats are', () => {
    expect(paths({ branch: { lengthM: 'NaN' } }, { branch: { lengthM: 'NaN' } })).toEqual([]);
    expect(paths({ branch: { lengthM: -0 } }, { branch: {} })).toEqual([]);
  });

  it('keep fields that the type does not know apart, unread', () => {
    const Wider = registry.getMessage('trees.v1.WiderTree')!;
    const [a, b] = ['one', 'two'].map((other) => fromJson(Wider, { id: 't', other })) as [Message, Message];
    expect(comparison({}, Wider).differences(a, b)).toEqual([
      expect.objectContaining({ path: '#99', provider: expect.stringMatching(/^redacted:/) }),
    ]);
  });

  it('never differ from themselves', () => {
    const branch = fc.record({
      id: fc.string({ unit: 'grapheme' }),
      lengthM: fc.float({ noNaN: true, noDefaultInfinity: true }),
    });
    const tree = fc.record({
      branches: fc.array(branch),
      byYear: fc.dictionary(fc.nat(99).map(String), fc.string({ unit: 'grapheme' })),
    });
    fc.assert(
      fc.property(tree, (json) => {
        expect(paths(json, structuredClone(json))).toEqual([]);
      }),
    );
  });
});

describe('the order of a list', () => {
  const [b1, b2] = [{ id: 'b1', birds: ['x', 'y'] }, { id: 'b2' }];

  it('is told apart from other differences', () => {
    expect(differences({ branches: [b1, b2] }, { branches: [b2, b1] })).toEqual([
      expect.objectContaining({ path: 'branches', kind: 'order' }),
    ]);
    expect(paths({ branches: [b1, b1] }, { branches: [b1, b2] })).toEqual([
      'branches[1].id',
      'branches[1].birds[0]',
      'branches[1].birds[1]',
    ]);
  });

  it('does not count where a rule says so, by a key or by the whole item', () => {
    const options = { unordered: ['branches by id', 'branches[*].birds', 'tags'] };
    const turned = { ...b1, birds: ['y', 'x'] };
    expect(
      paths(
        { branches: [b1, b2], tags: ['a', 'b', 'a'] },
        { branches: [b2, turned], tags: ['a', 'a', 'b'] },
        options,
      ),
    ).toEqual([]);
    const other = { branches: [b2, { id: 'b1', lengthM: 3 }], tags: ['a', 'c', 'b'] };
    expect(differences({ branches: [b1, b2], tags: ['a', 'b', 'a'] }, other, options)).toEqual([
      { path: 'branches[id="b1"].length_m', kind: 'value', provider: 0, replica: 3 },
      { path: 'branches[id="b1"].birds[*]', kind: 'value', provider: 'x' },
      { path: 'branches[id="b1"].birds[*]', kind: 'value', provider: 'y' },
      { path: 'tags[*]', kind: 'value', provider: 'a', replica: 'c' },
    ]);
  });
});

describe('rules', () => {
  it('leave out fields, allow tolerances and judge by functions', () => {
    const options = {
      ignore: ['branches[*].birds', 'by_name["hint"]'],
      tolerance: { planted_at: 1000, grown: 100, 'branches[*].length_m': 0.1 },
      equal: { person: (a: unknown, b: unknown) => String(a).toLowerCase() === String(b).toLowerCase() },
    };
    const branch = { id: 'b', lengthM: 0.05 };
    const a = {
      plantedAt: '2024-01-01T00:00:00Z',
      grown: '1s',
      person: 'Ann',
      branches: [{ id: 'b', birds: ['x'] }],
      byName: { hint: branch },
    };
    const b = { plantedAt: '2024-01-01T00:00:01Z', grown: '1.1s', person: 'ann', branches: [branch] };
    expect(paths(a, b, options)).toEqual([]);
    const far = {
      ...b,
      plantedAt: '2024-01-01T00:00:01.001Z',
      person: 'bob',
      branches: [{ id: 'b', lengthM: 0.2 }],
    };
    expect(paths(a, far, options)).toEqual(['branches[0].length_m', 'person', 'planted_at']);
  });

  it.each([
    ['branchs[*].id', 'trees.v1.Tree has no field branchs; did you mean branches[*].id?'],
    ['plantedAt', 'trees.v1.Tree has no field plantedAt; did you mean planted_at?'],
    ['branches.id', 'branches is repeated; did you mean branches[*].id?'],
    ['branches[*].lenth_m', 'trees.v1.Branch has no field lenth_m; did you mean branches[*].length_m?'],
    ['person.name', 'person holds a value and nothing in it'],
    ['branch[0]', 'trees.v1.Branch is neither list nor map'],
    ['branch[id]', 'trees.v1.Branch is neither list nor map'],
    ['branches[', '"branches[" is no path'],
  ])('refuse the path %s and say what was meant', (path, message) => {
    expect(() => comparison({ ignore: [path] })).toThrow(
      expect.objectContaining({ message: expect.stringContaining(message) }),
    );
  });

  it('refuse the key of an unordered list that its items do not have', () => {
    expect(() => comparison({ unordered: ['branches by ids'] })).toThrow('did you mean branches[*].id?');
    expect(() => comparison({ unordered: ['tagz'] })).toThrow('did you mean tags?');
  });
});

describe('what is sensitive', () => {
  const a = { keeper: 'ann', visitors: { bob: 'twice' }, visits: [{ visitor: 'cid', times: 1 }] };
  const b = { keeper: 'eve', visitors: { bob: 'once' }, visits: [{ visitor: 'cid', times: 2 }] };

  it('is hidden behind a keyed hash, in values, keys and paths, by which equal can be told from unequal', () => {
    const told = differences(a, b, { unordered: ['visits by visitor'] });
    expect(told).toEqual([
      { path: 'keeper', kind: 'value', provider: HASH, replica: HASH },
      {
        path: expect.stringMatching(/^visitors\[redacted:\w{12}\]$/),
        kind: 'value',
        provider: HASH,
        replica: HASH,
      },
      {
        path: expect.stringMatching(/^visits\[visitor=redacted:\w{12}\]\.times$/),
        kind: 'value',
        provider: 1,
        replica: 2,
      },
    ]);
    const text = JSON.stringify([
      told,
      comparison().show(fromJson(Tree, a)),
      comparison().show(fromJson(Tree, b)),
    ]);
    for (const secret of ['ann', 'eve', 'bob', 'twice', 'once', 'cid']) expect(text).not.toContain(secret);
    const [left, right] = [comparison(), comparison()].map((one) => one.show(fromJson(Tree, a)));
    expect(left).toEqual(right);
  });

  it('is known of a message, and can be added to by path or be everything', () => {
    expect(comparison().hides(fromJson(Tree, a))).toBe(true);
    expect(comparison().hides(fromJson(Tree, { id: 't' }))).toBe(true); // keeper has its default
    expect(differences({ id: 'one' }, { id: 'two' }, { sensitive: ['id'] })).toEqual([
      { path: 'id', kind: 'value', provider: HASH, replica: HASH },
    ]);
    expect(JSON.stringify(differences({ leaves: '77' }, { leaves: '78' }, { sensitive: 'all' }))).not.toMatch(
      /7[78]"/,
    );
  });
});

const HASH: unknown = expect.stringMatching(/^redacted:\w{12}$/);
