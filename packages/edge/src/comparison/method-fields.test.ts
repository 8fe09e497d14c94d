import { describe, expect, it } from 'vitest';
import { ProjectsServiceService, type GetProjectResponse } from '@banyan/contracts/projects';
import { resolveCompareOptions, type CompareOptions } from './compare-options.js';
import { methodFields } from './method-fields.js';

const fieldsWith = (options: Partial<CompareOptions<GetProjectResponse>>, path?: string) => {
  const compare = resolveCompareOptions<GetProjectResponse>({ version: () => 1, ...options });
  const { getProject } = ProjectsServiceService;
  return methodFields({ ...getProject, path: path ?? getProject.path }, compare);
};

describe('the rules of a method', () => {
  it('are refused with a path that its messages do not have, of the response and of the request', () => {
    expect(() => fieldsWith({ ignore: ['project.nam'] })).toThrow('did you mean project.name?');
    expect(() => fieldsWith({ tolerance: { 'project.versions': 1 } })).toThrow(
      'did you mean project.version?',
    );
    expect(() => fieldsWith({ sensitive: ['request.idd'] })).toThrow('did you mean id?');
    expect(() => fieldsWith({ ignore: ['project.name'], sensitive: ['request.id'] })).not.toThrow();
  });

  it('cannot be checked where its types are not known', () => {
    expect(() => fieldsWith({ ignore: ['project.nam'] }, '/theirs.v1.Projects/GetProject')).not.toThrow();
  });
});
