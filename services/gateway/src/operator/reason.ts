import { Type } from 'typebox';

/** Why somebody does something. It is kept, and shown at terminals. */
export const Reason = Type.String({
  minLength: 3,
  maxLength: 500,
  pattern: '^\\S[^\\p{Cc}]*\\S$',
  description: 'Why: kept in the audit log. One line, without blanks around it.',
});
