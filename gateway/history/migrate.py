"""Brings the database's schema to the one this version knows: `migrations/*.sql` in their order, each once.

Under an advisory lock, so that any number of processes may start at once; each file in a transaction of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from gateway.history.database import SCHEMA, Database
from gateway.history.errors import WrongSchema

MIGRATION_TIMEOUT_S = 6 * 3600.0
"""For one file, or for the wait until another process has applied its own: a file may write every row of a large history anew."""
FOLDER = Path(__file__).resolve().parent / "migrations"
LOCK = 0x6772616E
"""The advisory lock's number: the same for every process of this project."""

APPLIED = f"SELECT number, name, checksum FROM {SCHEMA}.migrations"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `0001_history.sql` is number 1."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """What tells whether the file has been changed since it was applied."""
        return sha256(self.text.encode()).hexdigest()


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """All migrations in their order."""
    files = sorted(folder.glob("[0-9]*_*.sql"))
    return [Migration(int(file.name.partition("_")[0]), file.stem, file.read_text()) for file in files]


async def migrate(database: Database, known: list[Migration] | None = None) -> list[str]:
    """Applies what is missing; returns the names of what was applied.

    Raises:
        WrongSchema: the database is newer than this version, or a file was changed after it was applied.
        Unavailable
    """
    wanted = migrations() if known is None else known
    applied: list[str] = []
    async with database.connection() as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK, timeout=MIGRATION_TIMEOUT_S)
        try:
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            await connection.execute(
                f"CREATE TABLE IF NOT EXISTS {SCHEMA}.migrations (number integer PRIMARY KEY, name text NOT NULL, "
                "checksum text NOT NULL, applied timestamptz NOT NULL DEFAULT now())"
            )
            for migration in missing_of(_applied(await connection.fetch(APPLIED)), wanted):
                async with connection.transaction():
                    await connection.execute(migration.text, timeout=MIGRATION_TIMEOUT_S)
                    await connection.execute(
                        f"INSERT INTO {SCHEMA}.migrations (number, name, checksum) VALUES ($1, $2, $3)",
                        migration.number,
                        migration.name,
                        migration.checksum,
                    )
                applied.append(migration.name)
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)
    return applied


async def missing(database: Database) -> list[str]:
    """The names of what `migrate` would apply; changes nothing.

    Raises:
        WrongSchema
        Unavailable
    """
    async with database.connection() as connection:
        begun = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.migrations")
        rows = await connection.fetch(APPLIED) if begun else []
    return [migration.name for migration in missing_of(_applied(rows), migrations())]


def _applied(rows: list[Any]) -> dict[int, tuple[str, str]]:
    return {row["number"]: (row["name"], row["checksum"]) for row in rows}


def missing_of(applied: dict[int, tuple[str, str]], known: list[Migration]) -> list[Migration]:
    """Those that are to be applied.

    Raises:
        WrongSchema
    """
    by_number = {migration.number: migration for migration in known}
    for number, (name, checksum) in applied.items():
        migration = by_number.get(number)
        if migration is None:
            raise WrongSchema(f"the database has migration {name}, which this version does not know")
        if migration.checksum != checksum:
            raise WrongSchema(f"migration {name} was changed after it was applied")
    return [migration for migration in known if migration.number not in applied]
