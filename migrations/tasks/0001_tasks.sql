-- Tasks of projects.
-- Not breaking: creates new objects only.

create table task (
  id          uuid        primary key,
  -- A project of the projects service and its team: other databases, so no foreign keys.
  project_id  uuid        not null,
  team_id     uuid        not null,
  name        text        not null check (char_length(name) between 1 and 200),
  state       text        not null check (state in ('open', 'done', 'archived')),
  -- Null: nobody.
  assignee_id text        check (assignee_id ~ '^[A-Za-z0-9_-]{1,64}$'),
  version     bigint      not null check (version >= 1),
  created_at  timestamptz not null,
  updated_at  timestamptz not null
);

comment on table task is 'One row a task. Lists go by id, which grows with time.';

-- "The tasks of a project" and "the tasks of somebody", page by page.
create index task_project on task (project_id, id);
create index task_assignee on task (assignee_id, id) where assignee_id is not null;

-- What archiving a project and a leaving member still have to change.
create index task_unarchived on task (project_id, id) where state <> 'archived';
create index task_assigned on task (team_id, assignee_id, id) where assignee_id is not null and state <> 'archived';
