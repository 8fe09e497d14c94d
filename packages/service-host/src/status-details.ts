import { Metadata } from '@grpc/grpc-js';
import { Any, BadRequest, ErrorInfo, ResourceInfo } from 'nice-grpc-error-details';
import type { Violation } from './domain-error.js';
import { Status } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';

const HEADER = 'grpc-status-details-bin';
const TYPES = 'type.googleapis.com/google.rpc.';

/** What is told about an error besides its code and message, as in google/rpc/error_details.proto. */
export interface StatusDetails {
  /** Why, for programs: `reason` is UPPER_SNAKE_CASE within `domain`, the service's short name. */
  info?: { reason: string; domain: string; metadata: Record<string, string> };
  /** Which fields of the request are wrong. */
  badRequest?: { fieldViolations: Violation[] };
  /** What was not found. */
  resource?: { resourceType: string; resourceName: string };
}

/** Trailers that carry a google.rpc.Status with these details. */
export function withDetails(code: number, message: string, details: StatusDetails): Metadata {
  const packed: Any[] = [];
  if (details.info) packed.push(pack('ErrorInfo', ErrorInfo.encode(ErrorInfo.fromPartial(details.info))));
  if (details.badRequest)
    packed.push(pack('BadRequest', BadRequest.encode(BadRequest.fromPartial(details.badRequest))));
  if (details.resource)
    packed.push(pack('ResourceInfo', ResourceInfo.encode(ResourceInfo.fromPartial(details.resource))));
  const status = Status.encode(Status.fromPartial({ code, message, details: packed })).finish();
  const trailers = new Metadata();
  trailers.set(HEADER, Buffer.from(status));
  return trailers;
}

/** Reads the details that came with an error. Empty if it carries none, or none that can be read. */
export function detailsOf(error: { metadata?: Metadata }): StatusDetails {
  const [value] = error.metadata?.get(HEADER) ?? [];
  if (!(value instanceof Buffer)) return {};
  try {
    return Object.assign({}, ...Status.decode(value).details.map(unpack)) as StatusDetails;
  } catch {
    return {};
  }
}

function pack(type: string, writer: { finish: () => Uint8Array }): Any {
  return Any.fromPartial({ typeUrl: TYPES + type, value: Buffer.from(writer.finish()) });
}

function unpack({ typeUrl, value }: Any): StatusDetails {
  if (typeUrl === `${TYPES}ErrorInfo`) return { info: ErrorInfo.decode(value) };
  if (typeUrl === `${TYPES}BadRequest`) return { badRequest: BadRequest.decode(value) };
  if (typeUrl === `${TYPES}ResourceInfo`) return { resource: ResourceInfo.decode(value) };
  return {};
}
