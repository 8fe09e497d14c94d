import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';

/** What a client may send. */
const ClientFrame = Type.Union([
  Type.Object({
    type: Type.Literal('subscribe'),
    id: Type.String({ minLength: 1, maxLength: 64 }),
    resource: Type.String({ minLength: 1, maxLength: 400 }),
    from: Type.Optional(Type.String({ maxLength: 32 })),
  }),
  Type.Object({ type: Type.Literal('unsubscribe'), id: Type.String({ minLength: 1, maxLength: 64 }) }),
  Type.Object({ type: Type.Literal('pong') }),
]);

export type ClientFrame = Static<typeof ClientFrame>;
export type SubscribeFrame = Extract<ClientFrame, { type: 'subscribe' }>;

const checker = Compile(ClientFrame);

/** Why a client is to read something anew. */
export type RefetchReason =
  | 'new' // it gave no position to go on from
  | 'gone' // the events after its position are not there any more
  | 'reset' // the gateway lost the thread of the source
  | 'unreadable'; // an event came that the gateway cannot read

/** Reads a client's frame; undefined if it is none. */
export function readFrame(text: string): ClientFrame | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return checker.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
