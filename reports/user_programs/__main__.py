"""The start of the process of one file of programs: `python reports/user_programs SETTINGS`.

What a program prints goes to standard error, and one that reads finds nothing.
"""

import json
import os
import sys
from importlib import import_module


def main() -> None:
    """Judge the file that the settings name."""
    settings = json.loads(sys.argv[1])
    replies = os.dup(1)
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.path[:] = settings["path"]
    import_module(f"{settings['package']}.own_process").serve(replies, settings["file"])


if __name__ == "__main__":
    main()
