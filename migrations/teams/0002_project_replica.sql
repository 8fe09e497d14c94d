-- What teams keeps of projects, from their events: answers `projects.GetProject` without a call.
-- Not breaking: creates a new table only.

create table project_replica (
  project_id uuid        primary key,
  team_id    uuid        not null,
  name       text        not null,
  state      text        not null check (state in ('active', 'archived')),
  open_tasks integer     not null,
  version    bigint      not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

comment on table project_replica is 'A replica: written by the subscriber of projects'' events only.';
