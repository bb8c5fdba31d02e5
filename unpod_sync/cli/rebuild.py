"""`unpod-sync rebuild`."""

from __future__ import annotations

from dataclasses import replace

import click

from unpod_sync.cli.common import database_option, output_options
from unpod_sync.cli.output import Output
from unpod_sync.config import Settings


@click.command(
    epilog="Example, after an upgrade:  unpod-sync rebuild",
)
@database_option
@output_options
def command(settings: Settings, output: Output) -> None:
    """Build all tables again from the stored payloads, without contacting the API, and compact the file.

    History is kept: first seen, changed and deleted times, and every version.
    """
    from unpod_sync.clock import utc_now
    from unpod_sync.warehouse import maintenance, publish
    from unpod_sync.warehouse.database import with_enough_memory
    from unpod_sync.warehouse.maintenance import open_current

    files = publish.Files(settings.database)
    with publish.sync_lock(files, now=utc_now()), publish.disk_errors(files.published):
        if not files.work.exists() and not files.published.exists():
            from unpod_sync.errors import WarehouseError

            raise WarehouseError(
                f"there is no {settings.database.absolute()} to rebuild", "Run `unpod-sync sync` first."
            )

        def rebuild(memory_limit: str) -> tuple[int, int]:
            open_current(replace(settings, memory_limit=memory_limit), files, now=utc_now).close()
            return files.work.stat().st_size, maintenance.rebuild(
                files,
                now=utc_now(),
                zone=settings.zone,
                views_folder=settings.views_folder,
                memory_limit=memory_limit,
            )

        before, objects = with_enough_memory(settings.memory_limit, rebuild, output.note)
        publish.publish(files, mode=int(settings.published_mode, 8))
    after = files.work.stat().st_size
    if output.json:
        output.dump({"objects": objects, "bytes_before": before, "bytes_after": after})
    output.say(f"rebuilt {objects:,} objects; {before / 1e6:,.1f} MB became {after / 1e6:,.1f} MB")
    output.say(f"published {settings.database}")
