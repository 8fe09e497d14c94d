create table project (
  id uuid not null,
  team_id uuid not null,
  name text not null,
  state text not null,
  open_tasks integer not null default 0,
  version bigint not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null);

create table team_replica (
  team_id uuid not null,
  name text not null,
  state text not null,
  project_ids uuid[] not null,
  version bigint not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null);

alter table project add constraint project_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)));

alter table project add constraint project_pkey PRIMARY KEY (id);

alter table project add constraint project_state_check CHECK ((state = ANY (ARRAY['active'::text, 'archived'::text])));

alter table project add constraint project_version_check CHECK ((version >= 1));

alter table team_replica add constraint team_replica_pkey PRIMARY KEY (team_id);

alter table team_replica add constraint team_replica_state_check CHECK ((state = ANY (ARRAY['active'::text, 'archived'::text])));

CREATE INDEX project_team ON public.project USING btree (team_id, id);
