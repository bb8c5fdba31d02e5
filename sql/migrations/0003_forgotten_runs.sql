-- The run of each forgotten task: the API goes on counting the task there.

alter table meta.forgotten add column run_id varchar;

comment on column meta.forgotten.run_id is 'Run of the task: the API goes on counting it there.';
