import { Metadata, status, type MethodDefinition, type StatusObject } from '@grpc/grpc-js';
import type { CachedEntry } from './edge-cache.js';

/** The one piece of a status's metadata that says something about the status itself: google.rpc error details. */
const DETAILS = 'grpc-status-details-bin';

interface NotFoundForm {
  details: string;
  more?: string;
}

/** What a cached answer becomes for one caller. */
export type GivenAnswer<Response> =
  | { kind: 'answer'; message: Response }
  | { kind: 'fail'; status: Pick<StatusObject, 'code' | 'details' | 'metadata'> };

/** Turns answers into what is kept of them, and back. Each caller gets one of its own: it may change it. */
export class KeptAnswer<Request, Response> {
  readonly #method: MethodDefinition<Request, Response>;
  readonly #versionOf: (response: Response) => number | undefined;

  constructor(
    method: MethodDefinition<Request, Response>,
    versionOf: (response: Response) => number | undefined,
  ) {
    this.#method = method;
    this.#versionOf = versionOf;
  }

  /** Undefined for what is not kept: anything but OK and NOT_FOUND says nothing about the data. Never throws. */
  of(end: StatusObject, message: unknown, asOfMs: number): CachedEntry | undefined {
    if (end.code === status.NOT_FOUND)
      return { kind: 'not-found', bytes: notFoundBytes(end), version: undefined, asOfMs };
    if (end.code !== status.OK || message === undefined) return undefined;
    try {
      const response = message as Response;
      const bytes = this.#method.responseSerialize(response);
      const version = this.#versionOf(response);
      return { kind: 'found', bytes, version: version === 0 ? undefined : version, asOfMs };
    } catch {
      return undefined;
    }
  }

  /** @throws whatever decoding throws for bytes that are damaged */
  give({ kind, bytes }: Pick<CachedEntry, 'kind' | 'bytes'>): GivenAnswer<Response> {
    if (kind === 'not-found') return { kind: 'fail', status: notFoundStatus(bytes) };
    return { kind: 'answer', message: this.message(bytes) };
  }

  /** @throws whatever decoding throws */
  message(bytes: Uint8Array): Response {
    // A copy: decoded fields of type bytes are views of what they were decoded from.
    return this.#method.responseDeserialize(Buffer.from(bytes));
  }
}

function notFoundBytes({ details, metadata }: StatusObject): Uint8Array {
  const [more] = metadata.get(DETAILS);
  const form: NotFoundForm = { details, ...(Buffer.isBuffer(more) ? { more: more.toString('base64') } : {}) };
  return Buffer.from(JSON.stringify(form));
}

function notFoundStatus(bytes: Uint8Array): Pick<StatusObject, 'code' | 'details' | 'metadata'> {
  const { details, more } = JSON.parse(Buffer.from(bytes).toString()) as NotFoundForm;
  const metadata = new Metadata();
  if (more !== undefined) metadata.set(DETAILS, Buffer.from(more, 'base64'));
  return { code: status.NOT_FOUND, details, metadata };
}
