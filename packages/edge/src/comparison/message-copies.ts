import type { MethodDefinition } from '@grpc/grpc-js';

/** A message as it was when it was copied, which is decoded when it is asked for. */
export interface MessageCopy<Message> {
  decode: () => Message;
  bytes: number;
}

/**
 * Copies of messages by way of the wire format: what is compared later must be what was said, whatever the caller does to
 * the objects it holds, and both sides must have the form that decoding gives (defaults filled in).
 */
export class MessageCopies<Request, Response> {
  readonly #method: MethodDefinition<Request, Response>;

  constructor(method: MethodDefinition<Request, Response>) {
    this.#method = method;
  }

  request(message: Request): MessageCopy<Request> {
    const data = this.#method.requestSerialize(message);
    return { decode: () => this.#method.requestDeserialize(data), bytes: data.length };
  }

  response(message: Response): MessageCopy<Response> {
    const data = this.#method.responseSerialize(message);
    return { decode: () => this.#method.responseDeserialize(data), bytes: data.length };
  }
}
