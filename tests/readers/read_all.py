"""Run by a reader's own Python: reads every table and view of a file, directly and attached.

Prints the reader's version. Imports nothing but duckdb: the environments of old readers hold nothing else.
"""

import sys

import duckdb


def read(connection, prefix):
    """Every row of everything in schema main; raises when something cannot be read."""
    names = connection.execute(
        "select view_name from duckdb_views() where not internal and schema_name = 'main' union all "
        "select table_name from duckdb_tables() where schema_name = 'main' order by 1"
    ).fetchall()
    for (name,) in names:
        columns = [row[0] for row in connection.execute(f"describe {prefix}{name}").fetchall()]
        connection.execute(f"select {', '.join(columns)} from {prefix}{name}").fetchall()
    return len(names)


def main(path):
    """Opens the file as a BI tool would, then as a guest in another database."""
    with duckdb.connect(path, read_only=True) as connection:
        count = read(connection, "")
        connection.execute("set timezone = 'Asia/Kolkata'")
        (now,) = connection.execute("select epoch_us(now_at) from utc_clock").fetchone()
        (machine,) = connection.execute("select epoch_us(now())").fetchone()
        assert abs(now - machine) < 60_000_000, "utc_clock follows the session's zone"
        assert connection.execute("select sum(total_tasks) from run_completion").fetchone()[0] > 0
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as guest (read_only)")
        assert read(connection, "guest.main.") == count
    print(duckdb.__version__)


main(sys.argv[1])
