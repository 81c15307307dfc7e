"""What `grandstand doctor` finds out about the history: reach and schema. Writes nothing."""

from __future__ import annotations

from gateway.cli.examine import FAIL, OK, Finding
from gateway.history.database import Database
from gateway.history.errors import Unavailable, WrongSchema
from gateway.history.migrate import missing
from gateway.observe.log import masked
from gateway.settings import Settings


async def history(settings: Settings) -> Finding:
    """Whether the database lets us in, and whether this version knows its schema."""
    url, directory = settings.history.url, settings.history.embedded_dir
    if url == "none":
        return Finding(OK, "history: none is kept, as history.url is none")
    if not url:
        return Finding(OK, f"history: `grandstand serve` keeps it in {directory}, as history.url is not set")
    database = Database(url, connections=1)
    try:
        due = await missing(database)
    except WrongSchema as error:
        todo = "use the version of the gateway that made it, or a newer one; never change a migration that was applied"
        return Finding(FAIL, f"history: {error}", todo)
    except Unavailable as error:
        return Finding(
            FAIL, f"history: {masked(url)} does not let us in ({error})", "is it running and to be reached from here?"
        )
    finally:
        await database.close()
    if due:
        return Finding(OK, f"history: aggregators will bring the schema of {masked(url)} up to date ({', '.join(due)})")
    return Finding(OK, f"history: {masked(url)} answers, its schema is up to date")
