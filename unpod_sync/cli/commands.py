"""The commands, in the order in which a user meets them."""

from __future__ import annotations

#: Command → one line of help; the module `unpod_sync.cli.<command>` holds its `command`.
COMMANDS = {
    "init": "Set up: token, organisation, spaces, time zone.",
    "doctor": "Check configuration, API, files; each finding with its remedy.",
    "sync": "Bring the warehouse up to the server and publish it.",
    "status": "How fresh the data is, and what the last syncs did.",
    "report": "The numbers: completion, connects, durations, outcomes.",
    "query": "Run read-only SQL on the published file.",
    "search": "Find calls by what was said.",
    "call": "Show one call whole: story, transcript, analysis.",
    "metrics": "The exact definition of every number.",
    "fields": "List an agent's structured data, and make it columns.",
    "export": "Write tables and views to Parquet, CSV or Excel.",
    "mcp": "Serve the published file to AI assistants (MCP).",
    "dbt": "Print the published file as a dbt source, with tests.",
    "check": "Test the claims about the data, and reconcile with the API.",
    "alert": "Tell people what begins and ends, by rules over views.",
    "forget": "Erase a contact everywhere, for good.",
    "rebuild": "Flatten again from the stored payloads; compacts.",
    "demo": "Try everything on simulated data, without an account.",
    "simulate": "Run the API simulator alone.",
}
