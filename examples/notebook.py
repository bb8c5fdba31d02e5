"""A marimo notebook: calls and their messages in pandas and in polars.

    pip install marimo pandas polars duckdb pyarrow
    marimo edit examples/notebook.py

It opens the demo (`make demo`), or the file that UNPOD_DATABASE names.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")


@app.cell
def _():
    import os

    import duckdb
    import marimo as mo

    database = os.environ.get("UNPOD_DATABASE", "data/demo.duckdb")
    # read-only: a program that opens the file for writing stops the next sync
    warehouse = duckdb.connect(database, read_only=True)
    return database, mo, warehouse


@app.cell
def _(database, mo):
    mo.md(f"""
    # Calls and messages of `{database}`

    `calls` has one row per call, with the names of its space and agent. `transcript_messages` has one row per
    message. `task_id` joins the two. What a column means: `unpod-sync metrics`, or
    `select column_name, comment from duckdb_columns() where table_name = 'calls'`.
    """)
    return


@app.cell
def _(warehouse):
    # pandas: how much people say, by agent and outcome
    calls_pandas = warehouse.sql("select * from calls where is_connected").df()
    messages_pandas = warehouse.sql("select * from transcript_messages").df()
    said_pandas = messages_pandas[messages_pandas["role"] == "user"].merge(
        calls_pandas[["task_id", "agent_name", "outcome"]], on="task_id", how="inner", validate="many_to_one"
    )
    by_agent_pandas = (
        said_pandas.assign(characters=said_pandas["content"].str.len())
        .groupby(["agent_name", "outcome"], as_index=False)
        .agg(calls=("task_id", "nunique"), messages=("task_id", "size"), characters=("characters", "sum"))
        .sort_values(["agent_name", "calls"], ascending=[True, False], ignore_index=True)
    )
    by_agent_pandas
    return (by_agent_pandas,)


@app.cell
def _(warehouse):
    # polars: the same table
    import polars as pl

    calls_polars = warehouse.sql("select * from calls where is_connected").pl()
    messages_polars = warehouse.sql("select * from transcript_messages").pl()
    by_agent_polars = (
        messages_polars.filter(pl.col("role") == "user")
        .join(calls_polars.select("task_id", "agent_name", "outcome"), on="task_id", validate="m:1")
        .drop_nulls(["agent_name", "outcome"])
        .group_by("agent_name", "outcome")
        .agg(
            calls=pl.col("task_id").n_unique(),
            messages=pl.len(),
            characters=pl.col("content").str.len_chars().sum(),
        )
        .sort("agent_name", "calls", descending=[False, True])
    )
    by_agent_polars
    return (by_agent_polars,)


@app.cell
def _(mo, warehouse):
    # SQL of DuckDB: the best hour of each agent, by the lower end of its 95% interval
    best_hours = mo.sql(
        """
        select agent_name, local_hour, dialed_count, connect_rate, connect_rate_low, connect_rate_high
        from agent_hours
        qualify row_number() over (partition by agent_handle order by connect_rate_low desc) = 1
        order by agent_name
        """,
        engine=warehouse,
    )
    return (best_hours,)


if __name__ == "__main__":
    app.run()
