import { InterceptingCall, type Interceptor, type Metadata } from '@grpc/grpc-js';

/** What an interceptor has seen come back. */
export interface Sighting {
  by: string;
  header?: Metadata;
  trailer?: Metadata;
  code?: number;
}

/** An interceptor of grpc-js that signs a call's metadata and its `id`, and notes what comes back to it. */
export function signing(by: string, seen: Sighting[]): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) => {
        metadata.add('via', by);
        next(metadata, {
          onReceiveMetadata: (header, pass) => {
            seen.push({ by, header });
            pass(header);
          },
          onReceiveStatus: (end, pass) => {
            seen.push({ by, trailer: end.metadata, code: end.code });
            pass(end);
          },
        });
      },
      sendMessage: (message: { id: string }, next) => next({ ...message, id: `${message.id}-${by}` }),
    });
}
