-- What projects keeps of teams, from their events: answers `teams.GetTeam` without a call.
-- Not breaking: creates a new table only.

create table team_replica (
  team_id     uuid        primary key,
  name        text        not null,
  state       text        not null check (state in ('active', 'archived')),
  -- In the order in which they were attached.
  project_ids uuid[]      not null,
  version     bigint      not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null
);

comment on table team_replica is 'A replica: written by the subscriber of teams'' events only.';
