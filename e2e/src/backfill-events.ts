import { defineEvent, type EventDefinition } from '@banyan/contracts';

export interface Project {
  id: string;
  version: number;
  name: string;
}

/** The events of a source with projects, in JSON. */
export function projectEvents(source: string) {
  return {
    saved: eventOf(source, 'ProjectSaved'),
    deleted: eventOf(source, 'ProjectDeleted'),
    snapshot: eventOf(source, 'ProjectSnapshot'),
  };
}

function eventOf(source: string, type: string): EventDefinition<Project> {
  return defineEvent<Project>({
    source,
    aggregate: 'project',
    type,
    codec: {
      encode: (message) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
      decode: (input) => JSON.parse(Buffer.from(input).toString()) as Project,
    },
    key: ({ id }) => id,
    version: ({ version }) => version,
  });
}
