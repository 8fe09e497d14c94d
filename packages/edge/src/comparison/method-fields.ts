import type { MethodDefinition } from '@grpc/grpc-js';
import type { DescMessage, DescMethod } from '@bufbuild/protobuf';
import { descriptorRegistry } from '@banyan/contracts/descriptors';
import type { ResolvedCompare } from './compare-options.js';
import { FieldComparison } from './fields/field-comparison.js';
import { FieldRules, type FieldRuleOptions, type PathCheck } from './fields/field-rules.js';
import { pathCheckOf } from './fields/path-check.js';
import { PlainReader } from './fields/plain-tree.js';
import { ProtobufReader } from './fields/protobuf-tree.js';
import { Redactor } from './fields/redactor.js';

/** How the messages of a method are compared and told. */
export interface MethodFields<Request, Response> {
  request: FieldComparison<Request>;
  response: FieldComparison<Response>;
}

const REQUEST = 'request.';
const NO_RULES = { ignore: [], unordered: [], tolerance: {}, equal: {} };

/**
 * By the method's protobuf types, or by the objects' own names if the types are not known: nothing is then known to be
 * harmless either, so that all values are hidden unless the options say which.
 *
 * @throws BANYAN_OPTION_INVALID for a path that the type does not have
 */
export function methodFields<Request, Response>(
  method: MethodDefinition<Request, Response>,
  compare: ResolvedCompare<Response>,
): MethodFields<Request, Response> {
  const type = methodType(method.path, compare);
  const redactor = new Redactor(compare.redactionKey);
  const [ofRequest, ofResponse] = sensitivity(compare.sensitive, type !== undefined);
  const { requestSerialize, responseSerialize } = method;
  return {
    request: fieldsOf(
      { compare, redactor, type: type?.input, serialize: requestSerialize },
      { ...NO_RULES, sensitive: ofRequest },
    ),
    response: fieldsOf(
      { compare, redactor, type: type?.output, serialize: responseSerialize },
      { ...compare, sensitive: ofResponse },
    ),
  };
}

function methodType(
  path: string,
  { descriptors }: Pick<ResolvedCompare<never>, 'descriptors'>,
): DescMethod | undefined {
  const [, service = '', name = ''] = path.split('/');
  const found = (descriptors ?? descriptorRegistry()).getService(service);
  return found?.methods.find((candidate) => candidate.name === name);
}

type Sensitive = FieldRuleOptions['sensitive'];

function sensitivity(given: Sensitive, isTyped: boolean): [request: Sensitive, response: Sensitive] {
  if (typeof given === 'string') return isTyped ? [given, given] : ['all', 'all'];
  const ofRequest = given
    .filter((path) => path.startsWith(REQUEST))
    .map((path) => path.slice(REQUEST.length));
  return [ofRequest, given.filter((path) => !path.startsWith(REQUEST))];
}

interface Typed<Message> {
  compare: Pick<ResolvedCompare<never>, 'descriptors'>;
  redactor: Redactor;
  type: DescMessage | undefined;
  serialize: (message: Message) => Buffer;
}

function fieldsOf<Message>(
  { compare, redactor, type, serialize }: Typed<Message>,
  options: FieldRuleOptions,
): FieldComparison<Message> {
  const reader =
    type === undefined
      ? new PlainReader<Message>()
      : new ProtobufReader<Message>(type, serialize, compare.descriptors ?? descriptorRegistry());
  const check: PathCheck = type === undefined ? () => undefined : pathCheckOf(type);
  return new FieldComparison({ reader, rules: new FieldRules(options, check), redactor });
}
