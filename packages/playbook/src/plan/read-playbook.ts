import { readFileSync } from 'node:fs';
import { BanyanError, messageOf, nearestName } from '@banyan/runtime';
import { Compile } from 'typebox/compile';
import { isMap, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import { OUTLINE_SCHEMA, STEP_SCHEMAS, type PlaybookStep, type StepKind } from './playbook-schema.js';
import type { Static } from 'typebox';

export type Outline = Static<typeof OUTLINE_SCHEMA>;

/** A playbook as it is written: of the right shape, and nothing else is known of it. */
export interface Written {
  file: string;
  outline: Outline;
  steps: readonly PlaybookStep[];
  places: Places;
}

const outline = Compile(OUTLINE_SCHEMA);
const KINDS = Object.keys(STEP_SCHEMAS) as StepKind[];

/** @throws BanyanError BANYAN_PLAYBOOK_INVALID with file, line and what is wrong there */
export function readPlaybook(file: string): Written {
  return parsePlaybook(contentOf(file), file);
}

/** @throws BanyanError BANYAN_PLAYBOOK_INVALID with file, line and what is wrong there */
export function parsePlaybook(text: string, file: string): Written {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const places = new Places(document, lines, file);
  const [syntax] = document.errors;
  if (syntax !== undefined) throw places.invalidAt(syntax.pos[0], syntax.message);
  const value: unknown = document.toJS();
  if (!outline.Check(value)) throw shapeError(places, [], outline.Errors(value));
  return { file, outline: value, steps: value.steps.map((step, i) => checkedStep(step, i, places)), places };
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new BanyanError('BANYAN_PLAYBOOK_INVALID', `${file}: ${messageOf(error)}`, {
      cause: error,
      remedy: 'Name a playbook that can be read: banyan plan playbooks/<name>.yaml.',
    });
  }
}

function checkedStep(step: object, index: number, places: Places): PlaybookStep {
  const path = ['steps', index];
  const kinds = KINDS.filter((kind) => kind in step);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    const [first = ''] = Object.keys(step);
    const near = kind === undefined ? nearestName(first, KINDS) : undefined;
    const hint = near === undefined ? `it must have one of ${KINDS.join(', ')}` : `did you mean ${near}?`;
    throw places.invalid(path, `this step says ${kinds.join(' and ') || JSON.stringify(first)}: ${hint}`);
  }
  const check = Compile(STEP_SCHEMAS[kind]);
  if (!check.Check(step)) throw shapeError(places, path, check.Errors(step));
  return step;
}

/** Where things stand in a playbook. */
export class Places {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #file: string;

  constructor(document: Document, lines: LineCounter, file: string) {
    this.#document = document;
    this.#lines = lines;
    this.#file = file;
  }

  /** `file:line` of a value, or of the nearest thing around it. */
  of(path: readonly (string | number)[]): string {
    return `${this.#file}:${this.#lines.linePos(this.#offset(path)).line}`;
  }

  invalid(path: readonly (string | number)[], what: string): BanyanError {
    return this.invalidAt(this.#offset(path), what);
  }

  invalidAt(offset: number, what: string): BanyanError {
    const { line, col } = this.#lines.linePos(offset);
    return new BanyanError('BANYAN_PLAYBOOK_INVALID', `${this.#file}:${line}:${col}: ${what}`);
  }

  #offset(path: readonly (string | number)[]): number {
    for (let length = path.length; length > 0; length--) {
      const parent = this.#document.getIn(path.slice(0, length - 1), true);
      const last = path[length - 1];
      const pair = isMap(parent)
        ? parent.items.find(({ key }) => isScalar(key) && key.value === last)
        : undefined;
      if (pair !== undefined && isScalar(pair.key)) return pair.key.range?.[0] ?? 0;
      const node: unknown = this.#document.getIn(path.slice(0, length), true);
      if (isMap(node) || isScalar(node)) return node.range?.[0] ?? 0;
    }
    return 0;
  }
}

/** The parts of a schema's complaint that are used. */
interface Complaint {
  keyword: string;
  instancePath: string;
  message: string;
  params: object;
}

/** The first complaint decides; what a person can use of it is told. */
function shapeError(
  places: Places,
  base: readonly (string | number)[],
  complaints: readonly Complaint[],
): BanyanError {
  const told = complaints.find(({ keyword }) => keyword !== 'boolean') ?? complaints[0];
  if (told === undefined) return places.invalid(base, 'it is not of the right shape');
  const path = [...base, ...told.instancePath.split('/').slice(1).map(unescaped)];
  const { additionalProperties, allowedValues, requiredProperties } = told.params as {
    additionalProperties?: string[];
    allowedValues?: unknown[];
    requiredProperties?: string[];
  };
  if (additionalProperties !== undefined) {
    const [name = ''] = additionalProperties;
    return places.invalid([...path, name], `${JSON.stringify(name)} is not known here`);
  }
  if (requiredProperties !== undefined)
    return places.invalid(path, `${requiredProperties.join(', ')} is missing`);
  const field = path.at(-1) ?? 'the playbook';
  const must = allowedValues === undefined ? told.message : `must be one of ${allowedValues.join(', ')}`;
  return places.invalid(path, `${field} ${must}`);
}

const unescaped = (part: string): string | number =>
  /^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~');
