import { Type, type TSchema } from 'typebox';
import { ProblemSchema } from './schemas.js';

const problems = { '4xx': ProblemSchema, '5xx': ProblemSchema };

/** For changes that need no more than their path: no body, or an empty object. */
export const noFields = Type.Union([Type.Null(), Type.Object({}, { additionalProperties: false })]);

/** What a route answers with: the thing, or nothing new, or a problem. */
export const answers = <T extends TSchema>(schema: T) => ({
  200: schema,
  304: Type.Null({ description: 'As If-None-Match has it.' }),
  ...problems,
});

/** What a route answers with that makes something. */
export const created = <T extends TSchema>(schema: T) => ({ 201: schema, ...problems });
