"""The wheel, built and installed into a fresh environment without a network, once for all tests of a run."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command, cwd, code=0, **env):
    """Run a command that sees no checkout; return what it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    clean |= {"PYTHONDONTWRITEBYTECODE": "1", **env}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Give a source distribution, and the wheel that is built of it."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (source,) = folder.glob("*.tar.gz")
    offline = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    run(sys.executable, "-m", "pip", "wheel", *offline, "-w", folder, source, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return source, wheel


@pytest.fixture(scope="session")
def python(built, tmp_path_factory):
    """Give an interpreter that has the wheel, and for what it depends on sees this one's packages."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    offline = ("--quiet", "--no-deps", "--no-index", "--compile", "--ignore-installed")
    run(sys.executable, "-m", "pip", f"--python={python}", "install", *offline, built[1], cwd=folder)
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "others.pth").write_text("\n".join(path for path in sys.path if "site-packages" in path))
    return python
