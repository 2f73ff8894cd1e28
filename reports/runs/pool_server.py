"""The server of a pool: it loads the frameworks once, and each process of the pool is forked from it.

It takes longer to load them than this process takes to load all of its own, so it begins first. So nothing
but the standard library is imported here.
"""

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing import forkserver
from typing import Final

can_fork = "forkserver" in multiprocessing.get_all_start_methods()

# To import it is to load what runs by default.
DEFAULT: Final = f"{__package__}.preloaded"

# Options that leave it to the default what runs; of others it is known later what the server has to load.
SAME_RUN: Final = frozenset({"--out", "--format", "--baseline"})


def begin(modules: Sequence[str]) -> None:
    """Start the server, which begins to load `modules`; one that runs already goes on as it is."""
    if can_fork:
        multiprocessing.set_forkserver_preload(list(modules))
        forkserver.ensure_running()


def begin_early(given: Sequence[str]) -> None:
    """Start the server with what runs by default, if the words of a command line ask for nothing else."""
    options = {word.partition("=")[0] for word in given if word.startswith("-")}
    if options <= SAME_RUN and (os.cpu_count() or 1) > 1:
        begin([DEFAULT])
