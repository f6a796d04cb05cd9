"""What libraries say beside what they do."""

from __future__ import annotations

import logging
import sys
import warnings


def quiet_libraries() -> None:
    """From here on, what libraries warn of and log says nothing to people, in this process.

    Warnings that were asked for (`python -W`) and handlers that somebody has set stay.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    if not logging.getLogger().handlers:  # without any, Python prints what is logged
        logging.getLogger().addHandler(logging.NullHandler())
