"""Names and tables of the embedded store. Pure.

`<site>/<device>` holds the readouts of one device, one row per instant:

    time               UTC in ms, the key
    <point>            REAL for measurements, INTEGER for states; one column per point, added when it first appears
    <point>_suspect    1 where the value lies outside its plausible range
    status, clock      as on the wire

`<site>/<device>/15min` holds its quarter-hours, one row per interval, labelled by the start, for ever:

    <point>            mean of a gauge, difference of a counter, last value of everything else
    <point>_quality    0 good, 1 interpolated, 2 partial, 3 missing, 4 suspect
    <point>_coverage   samples seen, as a share of those expected
    <point>_min, <point>_max            gauge; session: <point>_max
    <point>_last       counter: its last reading in the interval; gauge: where the vocabulary keeps the last value
    <point>_register   counter: the register at the end of the interval, interpolated
    <point>_gap        counter without a value: what it counted over the gap, as far as it ends here
    <point>_seconds_<code>              state: how long this code was seen

`events` holds gaps and everything else that happened; `device` is empty where an event concerns the whole site, and
`site` is `*` where it concerns the store. Of the other tables nobody but this program needs to know.
"""

import re

DATABASE_NAME = "kvarter.sqlite"
APPLICATION_ID = 0x4B564152
"""Marks the file as ours in its header."""
SCHEMA_VERSION = 1
MAX_COLUMNS = 1900
"""Of one table; SQLite's own limit is 2000."""
EVERY_SITE = "*"

TABLES = {
    "events": (
        "CREATE TABLE events (site TEXT NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL, cause TEXT NOT NULL, "
        'device TEXT NOT NULL, "from" INTEGER NOT NULL, "to" INTEGER NOT NULL, count INTEGER NOT NULL, '
        "text TEXT NOT NULL, author TEXT NOT NULL, PRIMARY KEY (site, time, kind, cause, device)) WITHOUT ROWID"
    ),
    "pending": (
        "CREATE TABLE pending (device TEXT NOT NULL, start INTEGER NOT NULL, settled INTEGER, "
        "PRIMARY KEY (device, start)) WITHOUT ROWID"
    ),
    "dirty": "CREATE INDEX dirty ON pending (start) WHERE settled IS NULL",
    "facts": (
        "CREATE TABLE facts (device TEXT NOT NULL, point TEXT NOT NULL, since INTEGER NOT NULL, interval_ms INTEGER, "
        "wrap REAL, PRIMARY KEY (device, point, since)) WITHOUT ROWID"
    ),
    "marks": "CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
}
"""Everything but the tables of the devices, by name, exactly as SQLite keeps it."""

_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ID = re.compile(r"[a-z0-9_-]{1,64}")


def is_field(name: str) -> bool:
    """Whether a field of this name can have been stored."""
    return _FIELD.fullmatch(name) is not None and name != "time"


def is_id(name: str) -> bool:
    """Whether a site or device of this name can have been stored."""
    return _ID.fullmatch(name) is not None


def readout_table(site: str, device: str) -> str:
    """Return the name of the table; an id holds no slash, so that no two devices share one."""
    return f"{site}/{device}"


def interval_table(readouts: str) -> str:
    """Return the name of the table that stands beside a table of readouts."""
    return f"{readouts}/15min"


def split_table(name: str) -> tuple[str, str] | None:
    """Return site and device of a table of readouts, None for any other table."""
    site, slash, device = name.partition("/")
    return (site, device) if slash and "/" not in device else None


def quoted(name: str) -> str:
    """Return a name of a table or column as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def upsert(table: str, columns: tuple[str, ...]) -> str:
    """Return the statement that writes `time` and some columns of a row and leaves its other columns alone."""
    names = ", ".join(map(quoted, columns))
    marks = ", ".join("?" * (len(columns) + 1))
    changes = ", ".join(f"{quoted(column)} = excluded.{quoted(column)}" for column in columns)
    return f"INSERT INTO {quoted(table)} (time, {names}) VALUES ({marks}) ON CONFLICT (time) DO UPDATE SET {changes}"
