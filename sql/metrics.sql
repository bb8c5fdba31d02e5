-- Adds the metrics of the user's own views to meta.metrics: a column comment of theirs that names its source.
-- The metrics of our views are in views/*.toml.
insert into meta.metrics (name, view_name, column_name, definition, source_fields, caveat)
select
    column_name as name,
    table_name as view_name,
    column_name,
    regexp_extract(comment, '^(.*?) Source: ', 1) as definition,
    regexp_extract(comment, ' Source: (.*?)\.( Caveat: |$)', 1) as source_fields,
    nullif(regexp_extract(comment, ' Caveat: (.*)$', 1), '') as caveat
from duckdb_columns()
where
    database_name = current_database()
    and schema_name = 'main'
    and comment like '% Source: %'
    and table_name not in (select known.view_name from meta.metrics as known)
order by table_name, column_index;
