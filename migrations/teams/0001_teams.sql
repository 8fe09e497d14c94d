-- Teams, their projects and their members.
-- Not breaking: creates new objects only.

create table team (
  id          uuid        primary key,
  name        text        not null check (char_length(name) between 1 and 200),
  state       text        not null check (state in ('active', 'archived')),
  -- In the order in which they were attached. Part of the team's row, because the team's version counts them too.
  project_ids uuid[]      not null default '{}' check (cardinality(project_ids) <= 100),
  version     bigint      not null check (version >= 1),
  created_at  timestamptz not null,
  updated_at  timestamptz not null
);

comment on table team is 'One row a team. Lists go by id, which grows with time.';

create table membership (
  team_id    uuid        not null references team,
  member_id  text        not null check (member_id ~ '^[A-Za-z0-9_-]{1,64}$'),
  state      text        not null check (state in ('active', 'left')),
  version    bigint      not null check (version >= 1),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (team_id, member_id)
);

comment on table membership is
  'One row for each person who ever was in a team. A row is never deleted: its version goes on when somebody comes back.';

-- Member lists show who is in the team now.
create index membership_active on membership (team_id, member_id) where state = 'active';
