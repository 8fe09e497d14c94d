// Reads and checks the (banyan.v1.event) options. Whatever is wrong with one fails the generation and names the message.
import { ScalarType, getOption, hasOption } from '@bufbuild/protobuf';

const NAME = /^[a-z][a-z0-9_]*$/;
const KEY_TYPES = new Set([ScalarType.STRING]);
const VERSION_TYPES = new Set([ScalarType.INT64, ScalarType.UINT64, ScalarType.INT32, ScalarType.UINT32]);

/**
 * The events of each folder of files: `projects/v1` -> [{ name, file, source, aggregate, key, version }], in the order
 * in which they are declared. `key` and `version` are TypeScript expressions over the event `e`.
 */
export function eventsByFolder(schema) {
  const option = schema.allFiles
    .flatMap((file) => file.extensions)
    .find((e) => e.typeName === 'banyan.v1.event');
  const folders = new Map();
  if (option === undefined) return folders;
  for (const file of schema.files) {
    const events = file.messages.filter((message) => hasOption(message, option));
    refuseStrays(file, events);
    if (events.length === 0) continue;
    const folder = file.name.slice(0, file.name.lastIndexOf('/'));
    const read = events.map((message) => readEvent(message, getOption(message, option)));
    folders.set(folder, [...(folders.get(folder) ?? []), ...read]);
  }
  for (const events of folders.values()) refuseTwins(events);
  return folders;
}

function readEvent(message, { aggregate, key, version }) {
  const source = message.file.proto.package.split('.')[0];
  if (!NAME.test(aggregate)) {
    throw wrong(message, `aggregate ${JSON.stringify(aggregate)} must be lower-case letters, digits and _`);
  }
  return {
    name: message.name,
    file: message.file.name,
    source,
    aggregate,
    key: expression(message, { what: 'key', path: key, types: KEY_TYPES, kind: 'a string' }),
    version: expression(message, {
      what: 'version',
      path: version,
      types: VERSION_TYPES,
      kind: 'an integer',
    }),
  };
}

/** `project.id` becomes `e.project?.id`, if the path leads through single messages to a field of a fitting type. */
function expression(message, { what, path, types, kind }) {
  if (path === '') throw wrong(message, `${what} is missing: give the path of ${kind} field`);
  const names = path.split('.');
  let within = message;
  let code = 'e';
  for (const [i, name] of names.entries()) {
    const field = within.fields.find((candidate) => candidate.name === name);
    if (field === undefined) {
      const known = within.fields.map((candidate) => candidate.name).join(', ');
      throw wrong(message, `${what} path ${path}: ${within.typeName} has no field ${name}; it has ${known}`);
    }
    const last = i === names.length - 1;
    if (last && !(field.fieldKind === 'scalar' && types.has(field.scalar) && field.oneof === undefined)) {
      throw wrong(message, `${what} path ${path}: ${field.name} must be ${kind} field outside any oneof`);
    }
    if (!last && !(field.fieldKind === 'message' && field.oneof === undefined)) {
      throw wrong(message, `${what} path ${path}: ${field.name} must be a single message outside any oneof`);
    }
    code += `${i === 0 ? '.' : '?.'}${field.localName}`;
    within = field.message ?? within;
  }
  return code;
}

/** A file of events holds events only: a message without the option there was most likely forgotten. */
function refuseStrays(file, events) {
  if (!file.name.endsWith('/events')) return;
  const stray = file.messages.find((message) => !events.includes(message));
  if (stray !== undefined) throw wrong(stray, 'it is in a file of events but lacks the option');
}

function refuseTwins(events) {
  const seen = new Set();
  for (const event of events) {
    if (seen.has(event.name))
      throw new Error(`event ${event.name} is declared twice in source ${event.source}`);
    seen.add(event.name);
  }
}

function wrong(message, why) {
  return new Error(`${message.file.name}.proto: (banyan.v1.event) of ${message.typeName}: ${why}`);
}
