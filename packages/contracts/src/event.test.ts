import { expect, it } from 'vitest';
import { ProjectRenamedEvent } from './projects.js';

it('says which event cannot be read, and how large it is', () => {
  const read = (): unknown => ProjectRenamedEvent.decode(Buffer.from([0xff, 0xff]));
  expect(read).toThrow(/BANYAN_EVENT_UNREADABLE: 2 bytes cannot be decoded as ProjectRenamed: /);
});
