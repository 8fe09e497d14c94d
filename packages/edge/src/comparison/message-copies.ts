import type { MethodDefinition } from '@grpc/grpc-js';

/**
 * Copies of messages by way of the wire format: what is compared later must be what was said, whatever the caller does to
 * the objects it holds, and both sides must have the form that decoding gives (defaults filled in).
 */
export class MessageCopies<Request, Response> {
  readonly #method: MethodDefinition<Request, Response>;

  constructor(method: MethodDefinition<Request, Response>) {
    this.#method = method;
  }

  /** A copy now, which is decoded when it is asked for. */
  request(message: Request): () => Request {
    const bytes = this.#method.requestSerialize(message);
    return () => this.#method.requestDeserialize(bytes);
  }

  /** A copy now, which is decoded when it is asked for. */
  response(message: Response): () => Response {
    const bytes = this.#method.responseSerialize(message);
    return () => this.#method.responseDeserialize(bytes);
  }
}
