create table membership (
  team_id uuid not null,
  member_id text not null,
  state text not null,
  version bigint not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null);

create table project_replica (
  project_id uuid not null,
  team_id uuid not null,
  name text not null,
  state text not null,
  open_tasks integer not null,
  version bigint not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null);

create table team (
  id uuid not null,
  name text not null,
  state text not null,
  project_ids uuid[] not null default '{}'::uuid[],
  version bigint not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null);

alter table membership add constraint membership_member_id_check CHECK ((member_id ~ '^[A-Za-z0-9_-]{1,64}$'::text));

alter table membership add constraint membership_pkey PRIMARY KEY (team_id, member_id);

alter table membership add constraint membership_state_check CHECK ((state = ANY (ARRAY['active'::text, 'left'::text])));

alter table membership add constraint membership_team_id_fkey FOREIGN KEY (team_id) REFERENCES team(id);

alter table membership add constraint membership_version_check CHECK ((version >= 1));

alter table project_replica add constraint project_replica_pkey PRIMARY KEY (project_id);

alter table project_replica add constraint project_replica_state_check CHECK ((state = ANY (ARRAY['active'::text, 'archived'::text])));

alter table team add constraint team_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)));

alter table team add constraint team_pkey PRIMARY KEY (id);

alter table team add constraint team_project_ids_check CHECK ((cardinality(project_ids) <= 100));

alter table team add constraint team_state_check CHECK ((state = ANY (ARRAY['active'::text, 'archived'::text])));

alter table team add constraint team_version_check CHECK ((version >= 1));

CREATE INDEX membership_active ON public.membership USING btree (team_id, member_id) WHERE (state = 'active'::text);
