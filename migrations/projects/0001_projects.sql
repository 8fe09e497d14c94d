-- Projects, each owned by a team.
-- Not breaking: creates new objects only.

create table project (
  id         uuid        primary key,
  -- A team of the teams service: another database, so no foreign key.
  team_id    uuid        not null,
  name       text        not null check (char_length(name) between 1 and 200),
  state      text        not null check (state in ('active', 'archived')),
  -- No lower bound: a report that was lost must show, not make the next one fail.
  open_tasks integer     not null default 0,
  version    bigint      not null check (version >= 1),
  created_at timestamptz not null,
  updated_at timestamptz not null
);

comment on table project is 'One row a project. Lists go by id, which grows with time.';

-- "The projects of a team", page by page.
create index project_team on project (team_id, id);
