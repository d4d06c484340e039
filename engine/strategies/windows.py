"""Windows of the newest bars, per instrument and time frame, bounded."""

from engine.bars import Bars


def read_only(bars: Bars) -> Bars:
    """Return the same bars as views that refuse writing: nobody changes what others see."""
    view = bars[:]
    for column in (
        *(view.timestamp, view.open, view.high, view.low, view.close),
        *(view.volume, view.state),
    ):
        column.flags.writeable = False
    return view
