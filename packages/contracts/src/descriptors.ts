import { createFileRegistry, fromBinary, type FileRegistry } from '@bufbuild/protobuf';
import {
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel as IdempotencyLevel,
} from '@bufbuild/protobuf/wkt';
import { DESCRIPTOR_SET_BASE64 } from './gen/descriptors.js';

/** Every `.proto` file as a serialised google.protobuf.FileDescriptorSet: what server reflection is fed with. */
export const descriptorSet: Uint8Array = Buffer.from(DESCRIPTOR_SET_BASE64, 'base64');

let registry: FileRegistry | undefined;

/** The same, parsed: look up messages, services and options by their full names. Parsed once, when first asked for. */
export function descriptorRegistry(): FileRegistry {
  registry ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet));
  return registry;
}

/**
 * Whether a method is declared `idempotency_level = NO_SIDE_EFFECTS`, so that calling it once more, or asking somebody
 * else instead, harms nobody. False for a method that is not known here.
 *
 * @param path as in a gRPC service definition, e.g. `/projects.v1.ProjectsService/GetProject`
 * @param registry where the method is declared
 */
export function hasNoSideEffects(path: string, registry = descriptorRegistry()): boolean {
  const [, service = '', name = ''] = path.split('/');
  const method = registry.getService(service)?.methods.find((candidate) => candidate.name === name);
  return method?.idempotency === IdempotencyLevel.NO_SIDE_EFFECTS;
}
