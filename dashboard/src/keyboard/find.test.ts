import { expect, it } from 'vitest';
import { found } from './find.js';

const NAMES = [
  'Map',
  'Relays',
  'tasks -> projects.GetProject',
  'teams -> projects.GetProject',
  'projects -> teams.GetTeam',
];
const find = (typed: string): string[] => found(NAMES, (name) => name, typed);

it('finds names that hold what was typed, then those that have its letters in their order', () => {
  expect(find('rel')).toEqual(['Relays']);
  expect(find('getteam')).toEqual(['projects -> teams.GetTeam']);
  expect(find('taskgetp')).toEqual(['tasks -> projects.GetProject']);
  expect(find('teams')[0]).toBe('teams -> projects.GetProject');
});

it('finds all where nothing was typed, and none for what nothing holds', () => {
  expect(find('')).toEqual(NAMES);
  expect(find('zz')).toEqual([]);
});
