import {
  fromBinary,
  getOption,
  ScalarType,
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescMessage,
  type FileRegistry,
} from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { FeatureSet_FieldPresence as Presence } from '@bufbuild/protobuf/wkt';
import { descriptorRegistry } from '@banyan/contracts/descriptors';
import { leaf, type FieldTree, type Leaf, type TreeReader } from './field-tree.js';

const SENSITIVE = 'banyan.v1.sensitive';

/**
 * Reads messages by their protobuf type. They go over the wire format, so that it does not matter which generator made
 * their classes: paths have the names of the `.proto` file, enums are told by name, 64-bit integers are exact.
 */
export class ProtobufReader<Message> implements TreeReader<Message> {
  readonly #type: DescMessage;
  readonly #serialize: (message: Message) => Uint8Array;
  readonly #sensitive: DescExtension | undefined;

  /** @param registry where the type is from; its own `banyan.v1.sensitive` is obeyed, if it has one */
  constructor(type: DescMessage, serialize: (message: Message) => Uint8Array, registry: FileRegistry) {
    this.#type = type;
    this.#serialize = serialize;
    this.#sensitive = registry.getExtension(SENSITIVE) ?? descriptorRegistry().getExtension(SENSITIVE);
  }

  read(message: Message): FieldTree {
    return this.#message(reflect(this.#type, fromBinary(this.#type, this.#serialize(message))));
  }

  #message(message: ReflectMessage): FieldTree {
    const known = wellKnown(message);
    if (known !== undefined) return known;
    const fields = new Map<string, FieldTree>();
    for (const field of message.fields) {
      if (field.presence !== Presence.IMPLICIT && !isCollection(field) && !message.isSet(field)) continue;
      const tree = this.#field(field, message);
      fields.set(field.name, this.#isSensitive(field) ? { ...tree, sensitive: true } : tree);
    }
    for (const { no, data } of message.getUnknown() ?? []) {
      const before = fields.get(`#${no}`);
      const bytes =
        before?.kind === 'leaf' && before.value instanceof Uint8Array ? [before.value, data] : [data];
      // Nobody knows whether it may be read.
      fields.set(`#${no}`, { ...leaf(Buffer.concat(bytes)), sensitive: true });
    }
    return { kind: 'message', fields };
  }

  #field(field: DescField, message: ReflectMessage): FieldTree {
    switch (field.fieldKind) {
      case 'message':
        return this.#message(message.get(field));
      case 'list': {
        const items = [...message.get(field)].map((item) => this.#value(field, item));
        return { kind: 'list', items };
      }
      case 'map': {
        const entries = [...message.get(field)].map(
          ([key, value]) => [writtenKey(key), this.#value(field, value)] as const,
        );
        return { kind: 'map', entries: new Map(entries) };
      }
      case 'scalar':
      case 'enum':
        return this.#value(field, message.get(field));
    }
  }

  #value(field: DescField, value: unknown): FieldTree {
    if (field.enum !== undefined) return leaf(enumName(field.enum, value));
    if (field.message !== undefined) return this.#message(value as ReflectMessage);
    return leaf(scalarOf(field, value));
  }

  #isSensitive(field: DescField): boolean {
    return this.#sensitive !== undefined && getOption(field, this.#sensitive) === true;
  }
}

const isCollection = ({ fieldKind }: DescField): boolean => fieldKind === 'list' || fieldKind === 'map';

const writtenKey = (key: unknown): string => (typeof key === 'string' ? JSON.stringify(key) : String(key));

function enumName(type: DescEnum, value: unknown): Leaf {
  return type.value[value as number]?.name ?? (value as number);
}

/** 64-bit integers are strings where the field says `jstype = JS_STRING`: numbers all the same. */
function scalarOf(field: DescField, value: unknown): Leaf {
  const isWide = field.scalar !== ScalarType.STRING && typeof value === 'string';
  return isWide ? BigInt(value) : (value as Leaf);
}

/** Types of google.protobuf that stand for one value. */
function wellKnown(message: ReflectMessage): FieldTree | undefined {
  const { typeName, field } = message.desc;
  if (typeName === 'google.protobuf.Timestamp') return leaf(instantOf(message));
  if (typeName === 'google.protobuf.Duration') return leaf(`${secondsOf(message)}s`);
  const value = field['value'];
  if (value?.fieldKind !== 'scalar' || !WRAPPER.test(typeName)) return undefined;
  return leaf(scalarOf(value, message.get(value)));
}

const WRAPPER = /^google\.protobuf\.(?:Double|Float|U?Int(?:32|64)|Bool|String|Bytes)Value$/;

/** RFC 3339 where it can be, else the seconds: nobody keeps a sender within the range of dates. */
function instantOf(message: ReflectMessage): string {
  const [whole = '', fraction = ''] = secondsOf(message).split('.');
  const date = new Date(Number(whole) * 1000);
  if (Number.isNaN(date.getTime())) return `${whole}.${fraction}s`;
  return `${date.toISOString().slice(0, -5)}.${fraction}Z`;
}

/** `12.000000001` */
function secondsOf(message: ReflectMessage): string {
  const [seconds, nanos] = ['seconds', 'nanos'].map((name) => {
    const field = message.desc.field[name];
    return field?.fieldKind === 'scalar' ? String(message.get(field)) : '0';
  });
  return `${seconds ?? '0'}.${(nanos ?? '0').padStart(9, '0')}`;
}
