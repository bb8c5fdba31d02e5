-- One row in meta.metrics per measure: whatever column comment of a view names its source is a measure's definition.
-- The comment is the only place where a definition is written; here it is only taken apart.
delete from meta.metrics;

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
order by table_name, column_index;
