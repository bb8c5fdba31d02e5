-- Whom `unpod-sync forget` erased: salted hashes only, so that later syncs can refuse them.

create table meta.forgotten (
    hash varchar,
    kind varchar,
    because varchar,
    space_token varchar,
    created_on date,
    forgotten_at timestamp
);

comment on table meta.forgotten is
'One row per forgotten number, e-mail address or task: only hashes, whose key is not in this file.';
comment on column meta.forgotten.hash is 'Keyed hash; the key lies in a private file beside the warehouse.';
comment on column meta.forgotten.kind is
'number, email or task_id: how a forgotten contact is known; task: a task of one, refused at every sync.';
comment on column meta.forgotten.because is 'The hash of the contact whose task it is; of a contact, its own.';
comment on column meta.forgotten.space_token is 'Space of the task: the API goes on counting it there.';
comment on column meta.forgotten.created_on is 'Day on which the task was created (UTC).';
comment on column meta.forgotten.forgotten_at is 'When it was forgotten, or the task refused first (UTC).';
