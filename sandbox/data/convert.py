"""Make the bundled CSV files from the two wheels that they come from.

Run it with their paths; it writes beside itself and prints what it wrote:

    pip download --no-deps mintalib==0.1.13 gym-anytrading==2.0.0
    python sandbox/data/convert.py mintalib-0.1.13-*.whl gym_anytrading-2.0.0-*.whl
"""

import csv
import io
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
NEW_YORK = ZoneInfo("America/New_York")
Row = dict[str, str]


def offset_start(row: Row) -> datetime:
    """Yahoo's intraday rows: labelled with the bar's start and its offset from UTC."""
    return datetime.fromisoformat(row["datetime"]).astimezone(UTC)


def session_start(row: Row) -> datetime:
    """Yahoo's daily rows: a session's date; its bar starts at the opening, 09:30 New York."""
    day = datetime.fromisoformat(row["date"])
    return day.replace(hour=9, minute=30, tzinfo=NEW_YORK).astimezone(UTC)


def utc_start(row: Row) -> datetime:
    """Dukascopy's rows: the bar's start, already UTC (weeks begin at 17:00 New York)."""
    return datetime.strptime(row["Time"], "%d.%m.%Y %H:%M:%S.%f").replace(tzinfo=UTC)


def converted(
    rows: Iterator[Row], start: Callable[[Row], datetime], places: int, volume_places: int
) -> Iterator[list[str]]:
    for row in rows:
        plain = {name.lower(): value for name, value in row.items()}
        prices = [_rounded(plain[name], places) for name in ("open", "high", "low", "close")]
        volume = _rounded(plain["volume"], volume_places)
        yield [start(row).isoformat().replace("+00:00", "Z"), *prices, volume]


def _rounded(text: str, places: int) -> str:
    """Round float noise away (two places more below 1) and drop trailing zeros."""
    value = float(text)
    fixed = f"{value:.{places if value >= 1 or not places else places + 2}f}"
    return fixed.rstrip("0").rstrip(".") if "." in fixed else fixed


def write(wheel: Path, member: str, target: str, rows: list[list[str]]) -> None:
    path = HERE / target
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["timestamp", "open", "high", "low", "close", "volume"])
        writer.writerows(rows)
    print(f"{target}: {len(rows)} bars from {member} in {wheel.name}")


def read(wheel: Path, member: str) -> Iterator[Row]:
    with zipfile.ZipFile(wheel) as archive:
        return csv.DictReader(io.StringIO(archive.read(member).decode()))


def main(mintalib: Path, gym_anytrading: Path) -> None:
    for member, target, start in (
        ("minute-prices.csv", "1m/AAPL.csv", offset_start),
        ("hourly-prices.csv", "1h/AAPL.csv", offset_start),
        ("daily-prices.csv", "1d/AAPL.csv", session_start),
    ):
        member = f"mintalib/samples/{member}"
        rows = list(converted(read(mintalib, member), start, 4, 0))
        # The source was saved at 10:05 of a session: its last bar of every file had not ended.
        write(mintalib, member, target, rows[:-1])
    member = "gym_anytrading/datasets/data/FOREX_EURUSD_1H_ASK.csv"
    rows = list(converted(read(gym_anytrading, member), utc_start, 5, 1))
    write(gym_anytrading, member, "1h/EURUSD.csv", rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
