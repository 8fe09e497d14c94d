import { Type, type TSchema } from 'typebox';

/** What the API takes and gives, and what OpenAPI says of it. */

const Time = Type.String({ format: 'date-time' });
const Version = Type.Integer({
  minimum: 1,
  description: 'Counts its changes, from 1. Its ETag is the same, quoted.',
});
const Name = Type.String({ minLength: 1, maxLength: 200 });
const Id = Type.String({ maxLength: 100 });
const MemberId = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' });
const closed = { additionalProperties: false };

const common = { id: Id, version: Version };
const times = { createdAt: Time, updatedAt: Time };
const ActiveOrArchived = Type.Union([Type.Literal('active'), Type.Literal('archived')]);

export const Team = Type.Object({
  ...common,
  name: Name,
  state: ActiveOrArchived,
  projectIds: Type.Array(Id),
  ...times,
});

export const Member = Type.Object({
  ...common,
  teamId: Id,
  memberId: MemberId,
  state: Type.Union([Type.Literal('active'), Type.Literal('left')]),
  ...times,
});

export const Project = Type.Object({
  ...common,
  teamId: Id,
  name: Name,
  state: ActiveOrArchived,
  openTasks: Type.Integer({ description: 'What tasks have reported so far.' }),
  ...times,
});

export const Task = Type.Object({
  ...common,
  projectId: Id,
  teamId: Id,
  name: Name,
  state: Type.Union([Type.Literal('open'), Type.Literal('done'), Type.Literal('archived')]),
  assigneeId: Type.Union([MemberId, Type.Null()]),
  ...times,
});

const Shown = Type.Object({ id: Id, name: Name, archived: Type.Boolean() });
export const TeamPage = Type.Object({ team: Team, projects: Type.Array(Shown) });
export const ProjectPage = Type.Object({ project: Project, team: Shown });

/** A part of a list, oldest first. */
export const listOf = <T extends TSchema>(item: T) =>
  Type.Object({
    items: Type.Array(item),
    nextPageToken: Type.Union([Type.String(), Type.Null()], { description: 'null: there is no more.' }),
  });

export const paging = {
  pageSize: Type.Optional(
    Type.String({ pattern: '^([1-9]\\d?|1\\d\\d|200)$', description: '1 to 200; default 50.' }),
  ),
  pageToken: Type.Optional(Type.String({ maxLength: 300 })),
};

export const ById = Type.Object({ id: Id }, closed);
export const ByMember = Type.Object({ id: Id, memberId: MemberId }, closed);
export const NewTeam = Type.Object({ name: Name }, closed);
export const NewMember = Type.Object({ memberId: MemberId }, closed);
export const NewProject = Type.Object({ teamId: Id, name: Name }, closed);
export const NewTask = Type.Object(
  { projectId: Id, name: Name, assigneeId: Type.Optional(Type.Union([MemberId, Type.Null()])) },
  closed,
);
export const Rename = Type.Object({ name: Name }, closed);
export const Assign = Type.Object({ assigneeId: Type.Union([MemberId, Type.Null()]) }, closed);
export const Attach = Type.Object({ projectId: Id }, closed);

export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'For programs: e.g. TASK_NOT_FOUND, VERSION_CONFLICT, UNAVAILABLE.' }),
    detail: Type.String(),
    remedy: Type.String(),
    service: Type.Optional(Type.String()),
    values: Type.Optional(Type.Record(Type.String(), Type.String())),
    errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), description: Type.String() }))),
    requestId: Type.Optional(Type.String()),
  },
  { description: 'RFC 9457, as application/problem+json.' },
);
