"""`unpod-sync rebuild`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from unpod_sync.cli.common import database_option, output_options
from unpod_sync.cli.output import Output
from unpod_sync.config import Settings, is_unset
from unpod_sync.errors import WarehouseError
from unpod_sync.formatting import format_bytes

if TYPE_CHECKING:
    from unpod_sync.warehouse.storage import Storage


@click.command(
    epilog="Example, after an upgrade:  unpod-sync rebuild",
)
@database_option
@output_options
def command(settings: Settings, output: Output) -> None:
    """Build all tables again from the stored payloads, without contacting the API, and compact the file.

    History is kept: first seen, changed and deleted times, and every version. The time zone of the
    file is kept, too, unless the setting timezone names another.
    """
    from zoneinfo import ZoneInfo

    from unpod_sync.clock import utc_now
    from unpod_sync.warehouse import open_storage
    from unpod_sync.warehouse.maintenance import open_current

    storage = open_storage(settings)
    with storage.lock(now=utc_now()), storage.errors():
        if not storage.exists():
            raise WarehouseError(
                f"there is no {settings.database.absolute()} to rebuild", "Run `unpod-sync sync` first."
            )
        keeps_zone = is_unset(settings, "timezone")
        warehouse = open_current(settings, storage, now=utc_now, keeps_zone=keeps_zone)
        zone = ZoneInfo(str(warehouse.setting("time_zone")))
        warehouse.close()
        for note in warehouse.notes:
            output.note(note)
        before = _bytes(storage)
        objects = storage.rebuild(now=utc_now(), zone=zone)
        storage.publish(now=utc_now())
    after = _bytes(storage)
    if output.json:
        output.dump({"objects": objects, "bytes_before": before, "bytes_after": after})
    output.say(f"rebuilt {objects:,} objects; {format_bytes(before)} became {format_bytes(after)}")
    output.say(f"published {settings.database}")


def _bytes(storage: Storage) -> int:
    return int((storage.describe()["work"] or {}).get("bytes", 0))
