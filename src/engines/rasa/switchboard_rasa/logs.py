"""Logs of a child: plain lines on stderr, from this level up. Nothing writes to stdout by accident."""
from __future__ import annotations

import logging
import os
import sys
import warnings


def plain(level: int) -> None:
    """Sends logging, structlog and warnings to stderr without colours; drops what is below `level`.

    structlog as Rasa leaves it prints each parse to stdout: nobody reads that pipe, and a full one stops the bot.
    """
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    logging.captureWarnings(True)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=PendingDeprecationWarning)
    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(max(level, logging.WARNING)),
        processors=[structlog.processors.add_log_level, structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def stdout_to_stderr() -> None:
    """Whatever prints to stdout prints to stderr from now on, also below Python."""
    sys.stdout.flush()
    os.dup2(2, 1)
