import { expect, it } from 'vitest';
import { ApiError, problemIn, problemOf } from './problem.js';

it('a gate’s refusal keeps its outcome and reasons', () => {
  const body = {
    type: 'about:blank',
    title: 'Conflict',
    detail: 'the gate does not pass',
    code: 'BANYAN_NOT_YET',
    remedy: 'Wait, or force it.',
    outcome: 'not-enough',
    reasons: ['12 more have to agree', 7],
  };
  expect(problemOf(409, body)).toEqual({
    status: 409,
    title: 'Conflict',
    detail: 'the gate does not pass',
    code: 'BANYAN_NOT_YET',
    remedy: 'Wait, or force it.',
    outcome: 'not-enough',
    reasons: ['12 more have to agree'],
  });
});

it.each([undefined, null, '', '<html>', [], { title: 3 }])(
  'an answer of another kind is told by its status: %j',
  (body) => {
    expect(problemOf(502, body)).toEqual({ status: 502, title: 'The gateway answered with status 502' });
  },
);

it('an error of the page itself is told by its message', () => {
  expect(problemIn(new TypeError('x is undefined'))).toEqual({
    status: 0,
    title: 'The page failed',
    detail: 'x is undefined',
  });
  expect(problemIn(new ApiError({ status: 404, title: 'Not found' }))).toMatchObject({ status: 404 });
});
