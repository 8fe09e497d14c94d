import type { Server } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';

/**
 * Serves grpc.reflection.v1 and v1alpha, so that grpcurl and the like need no `.proto` files.
 *
 * @param descriptors a serialised google.protobuf.FileDescriptorSet, imports included
 * @param services full names of the services that this server has; others in the set are not listed
 */
export function addReflection(server: Server, descriptors: Uint8Array, services: string[]): void {
  const definitions = loadFileDescriptorSetFromBuffer(Buffer.from(descriptors));
  new ReflectionService(definitions, { services }).addToServer(server);
}
