import { describe, expect, it } from 'vitest';
import { descriptorRegistry, hasNoSideEffects } from './descriptors.js';

describe('descriptors', () => {
  it('know which methods may be asked twice', () => {
    expect(hasNoSideEffects('/projects.v1.ProjectsService/GetProject')).toBe(true);
    expect(hasNoSideEffects('/projects.v1.ProjectsService/RenameProject')).toBe(false);
  });

  it('take a method that nobody declared for one with side effects', () => {
    expect(hasNoSideEffects('/projects.v1.ProjectsService/GetNothing')).toBe(false);
    expect(hasNoSideEffects('/nobody.v1.Nothing/Get')).toBe(false);
    expect(hasNoSideEffects('')).toBe(false);
  });

  it('hold every service', () => {
    for (const name of ['teams.v1.TeamsService', 'projects.v1.ProjectsService', 'tasks.v1.TasksService']) {
      expect(descriptorRegistry().getService(name)?.methods.length).toBeGreaterThan(5);
    }
  });
});
