"""The chart worker's own process: reads requests from standard input, answers on standard output.

Started by `render.chart_worker` as `python -m render.chart_process`. It ends when its input ends,
and the kernel closes that with the parent, however the parent ends: a thread of its own reads,
so that even a drawing that never returns does not outlive the service.
"""

import os
import sys
import threading
from queue import SimpleQueue
from typing import BinaryIO

from render.chart_wire import (
    HEAD,
    ChartAnswer,
    ChartRequest,
    DrawCandles,
    DrawEquity,
    decode_request,
    frame,
    frame_length,
)


def main() -> None:
    """Serve until the parent is gone."""
    answers = _take_stdout()
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        answers.write(frame(_answer(requests.get())))
        answers.flush()


def _take_stdout() -> BinaryIO:
    """Return standard output for frames alone: what a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _read(source: BinaryIO, requests: "SimpleQueue[bytes]") -> None:
    while len(head := source.read(HEAD.size)) == HEAD.size:
        requests.put(source.read(frame_length(head)))
    os._exit(0)  # the parent is gone: nobody waits for what is being drawn


def _answer(body: bytes) -> ChartAnswer:
    try:
        return ChartAnswer(pictures=_draw(decode_request(body)))
    except Exception as exc:  # job boundary: a chart that can't be drawn must not end the worker
        return ChartAnswer(error=f"{type(exc).__name__}: {exc}")


def _draw(request: ChartRequest) -> tuple[bytes, ...]:
    # here, so that the reading thread watches the parent during the import as well
    from render import charts

    if isinstance(request, DrawCandles):
        return (charts.candles_png(request.view),)
    if isinstance(request, DrawEquity):
        return (charts.equity_png(request.view),)
    return charts.report_equity_png(request.report), charts.report_runs_png(request.report)


if __name__ == "__main__":
    main()
