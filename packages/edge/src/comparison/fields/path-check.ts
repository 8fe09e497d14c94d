import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { nearestName } from '@banyan/runtime';
import type { FieldPath, Step } from './field-path.js';
import { invalid, type PathCheck } from './field-rules.js';

/** Where a path has come to: in a message, at a list or map that wants brackets, or at a value. */
type Place =
  | { kind: 'message'; type: DescMessage }
  | { kind: 'collection'; field: DescField }
  | { kind: 'value'; field: DescField };

/** Refuses paths that lead nowhere in a type, and says which was probably meant. */
export function pathCheckOf(type: DescMessage): PathCheck {
  return (path, written) => {
    let place: Place = { kind: 'message', type };
    path.forEach((step, i) => {
      place = next(place, step, { written, before: path.slice(0, i) });
    });
  };
}

interface Where {
  written: string;
  before: FieldPath;
}

function next(place: Place, step: Step, where: Where): Place {
  if (place.kind === 'message') return fieldOf(place.type, step, where);
  const { name } = place.field;
  if (place.kind === 'value') throw wrong(where, `${name} holds a value and nothing in it`);
  if (step.kind === 'bracket') return inner(place.field);
  throw wrong(where, `${name} is repeated`, where.written.replace(name, `${name}[*]`));
}

function fieldOf(type: DescMessage, step: Step, where: Where): Place {
  const field = type.fields.find(({ name }) => name === step.text);
  if (step.kind === 'field' && field !== undefined) return placeOf(field);
  const names = type.fields.map(({ name }) => name);
  const near = snakeOf(step.text, names) ?? nearestName(step.text, names);
  const what =
    step.kind === 'bracket'
      ? `${type.typeName} is neither list nor map`
      : `${type.typeName} has no field ${step.text}${near === undefined ? `; it has ${names.join(', ')}` : ''}`;
  throw wrong(where, what, near === undefined ? undefined : where.written.replace(step.text, near));
}

/** The name of a generated property, `openTasks`, stands for the field `open_tasks`. */
function snakeOf(text: string, names: readonly string[]): string | undefined {
  return names.find((name) => name.replaceAll('_', '') === text.toLowerCase());
}

function placeOf(field: DescField): Place {
  if (field.fieldKind === 'list' || field.fieldKind === 'map') return { kind: 'collection', field };
  return inner(field);
}

function inner(field: DescField): Place {
  return field.message === undefined ? { kind: 'value', field } : { kind: 'message', type: field.message };
}

function wrong({ written }: Where, what: string, meant?: string): Error {
  return invalid(`path ${written}: ${what}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
}
