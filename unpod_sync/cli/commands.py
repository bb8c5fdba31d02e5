"""The commands, in the order in which users need them."""

from __future__ import annotations

#: Command → one line of help; the module `unpod_sync.cli.<command>` holds its `command`.
COMMANDS = {
    "init": "Set up: token, organisation, spaces, time zone.",
    "doctor": "Check configuration, API and files, and print remedies.",
    "sync": "Bring the warehouse up to date and publish it.",
    "status": "Show how fresh the data is and what the last syncs did.",
    "report": "Show the numbers: completion, connects, durations, outcomes.",
    "query": "Run read-only SQL on the published file.",
    "search": "Find calls by what was said.",
    "call": "Show one call: its history, transcript and analysis.",
    "metrics": "Show the exact definition of every number.",
    "fields": "List the structured data of agents; make it columns.",
    "export": "Write tables and views to Parquet, CSV or Excel.",
    "mcp": "Serve the published file to AI assistants (MCP).",
    "dbt": "Print the published file as a dbt source, with tests.",
    "check": "Test the claims about the data, and reconcile with the API.",
    "alert": "Notify people when something begins and when it ends.",
    "forget": "Erase a contact permanently.",
    "rebuild": "Build the tables again from stored payloads; compact.",
    "demo": "Try everything on simulated data, without an account.",
    "simulate": "Run the API simulator alone.",
}

#: Commands that change the warehouse.
WRITING = ("sync", "forget", "rebuild")
