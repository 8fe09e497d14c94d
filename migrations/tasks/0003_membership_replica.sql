-- What tasks keeps of memberships, from the events of teams: answers `teams.GetMembership` without a call.
-- Not breaking: creates a new table only.

create table membership_replica (
  -- `<team_id>.<member_id>`: the aggregate's id in its events.
  membership_id text        primary key,
  team_id       uuid        not null,
  member_id     text        not null,
  state         text        not null check (state in ('active', 'left')),
  version       bigint      not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null
);

comment on table membership_replica is 'A replica: written by the subscriber of teams'' events only.';
