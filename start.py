#!/usr/bin/env python3
"""Sets up everything that Rimo Random Mix needs, then starts it.

    python start.py                        opens the page
    python start.py test [pytest options]  runs all tests
    python start.py mix --demo             or any other command of ``rimo``

The first run makes a virtual environment beside this file (``.venv``) and installs pinned packages into it;
later runs start at once. ``--pins forge`` (the first choice up to Python 3.12), ``--pins a1111`` and ``--pins
standalone`` (current versions) choose another set, kept apart in ``.venvs``.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import PIPE, STDOUT

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

ROOT = Path(__file__).resolve().parent
PYTHONS = ((3, 10), (3, 11), (3, 12), (3, 13))
PINS, WINDOWS = ("forge", "standalone", "a1111"), sys.platform == "win32"
DEFAULT = PINS[sys.version_info >= (3, 13)]
STATE, LOG = "rimo-setup.json", "rimo-setup.log"

OFFLINE = "The package index cannot be reached. Check the network (or the proxy) and run this again."
BROKEN = "The connection broke off. Run this again: what was downloaded is kept."
FAILURES = {
    "No space left on device": "The disk is full: 3 GB are needed, 8 GB on Linux with an NVIDIA card.",
    "CERTIFICATE_VERIFY_FAILED": "The index's certificate is not trusted; behind a proxy, set PIP_CERT to its file.",
    "Failed to establish a new connection": OFFLINE,
    "Read timed out": BROKEN,
    "Connection broken": BROKEN,
    "(from versions: none)": OFFLINE,
}
"""What pip says and what it means for the user, first match wins."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
BROWSER_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
    r"%LocalAppData%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Microsoft\Edge\Application\msedge.exe",
)


class SetupError(Exception):
    """Something the user has to know or do; shown without a traceback."""


def say(text: str) -> None:
    """Prints a line at once, on the error stream: the output of ``rimo`` itself stays clean."""
    print(text, file=sys.stderr, flush=True)


def check_python(version: tuple[int, int], pins: str = "standalone") -> None:
    """Refuses a Python that the pinned packages do not exist for."""
    if version not in (known := PYTHONS if pins == "standalone" else PYTHONS[:3]):
        names = [f"{a}.{b}" for a, b in known]
        found = next((n for n in reversed(names) if shutil.which(f"python{n}")), "")
        way = f"Run: python{found} start.py" if found else "Install Python 3.12 and run this with it."
        wanted = f"Python {', '.join(names[:-1])} or {names[-1]} is needed"
        raise SetupError(f"{wanted}; this is {version[0]}.{version[1]}. {way}")


def environment(pins: str) -> Path:
    """Where the environment with a set of pins lies."""
    return ROOT / ".venv" if pins == DEFAULT else ROOT / ".venvs" / pins


def program(folder: Path, name: str) -> Path:
    """An executable of an environment."""
    return folder / "Scripts" / f"{name}.exe" if WINDOWS else folder / "bin" / name


def wanted_state(pins: str, *, dev: bool) -> dict[str, str]:
    """What a finished environment must have been made from: place and digests of the files that decide."""

    def digest(*names: str) -> str:
        return hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in names)).hexdigest()

    state = {"root": str(ROOT), "main": digest(f"requirements/{pins}.txt", "pyproject.toml")}
    if dev:
        state["dev"] = digest("requirements/dev.txt")
    return state


def read_state(folder: Path) -> dict[str, str] | None:
    """What this script noted about an environment: None if the folder is not its own, empty if unfinished."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}


def write_state(folder: Path, state: dict[str, str]) -> None:
    """Notes what an environment was made from, all or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    (draft := folder / f"{STATE}.new").write_text(json.dumps(state), encoding="utf-8")
    draft.replace(folder / STATE)


def is_ready(folder: Path, wanted: dict[str, str]) -> bool:
    """Whether an environment is finished and made from what is wanted now."""
    state = read_state(folder) or {}
    return wanted.items() <= state.items() and program(folder, "python").exists()


@contextlib.contextmanager
def one_at_a_time(what: str) -> Iterator[None]:
    """Lets one process at a time make an environment, or the package that each holds; it dies with its process."""
    (ROOT / ".venvs").mkdir(exist_ok=True)
    with (ROOT / ".venvs" / f"{what}.lock").open("a+b") as file:
        while True:
            with contextlib.suppress(OSError):
                if sys.platform == "win32":
                    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                else:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            say("Another start.py is setting up this folder; waiting for it.")
            time.sleep(5)
        yield


def explain(log: str) -> str:
    """Says what a failed installation's log means."""
    known = (meaning for mark, meaning in FAILURES.items() if mark in log)
    return next(known, "The installation failed. The last lines were:\n" + "\n".join(log.splitlines()[-12:]))


def run_logged(command: Sequence[str | Path], log: Path) -> None:
    """Runs a command with its output in a log and, in a terminal, one live line."""
    live, words, said = sys.stderr.isatty(), [str(part) for part in command], ""
    with (
        log.open("a", encoding="utf-8") as file,
        subprocess.Popen(words, stdout=PIPE, stderr=STDOUT, text=True, errors="replace") as process,
    ):
        for line in process.stdout or ():
            file.write(line)
            said += line
            if live:
                print(f"\r  {line.strip()[:76]:76}", end="", file=sys.stderr, flush=True)
    if live:
        print(f"\r{'':78}\r", end="", file=sys.stderr, flush=True)
    if process.returncode != 0:
        raise SetupError(f"{explain(said)}\nThe whole log: {log}")


def torch_index() -> list[str]:
    """Where the build of torch that suits this machine comes from, as pip options.

    The default index has CUDA builds for Linux (gigabytes, of no use without such a card) and processor builds
    for Windows. The others are on torch's own index; when that is out of reach the default does as well.
    """
    linux = sys.platform.startswith("linux")
    card = bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia/version").exists()
    if (linux and card) or not (linux or WINDOWS):
        return []
    index = "https://download.pytorch.org/whl/" + ("cu130" if card else "cpu")
    with contextlib.suppress(OSError, http.client.HTTPException):
        urllib.request.urlopen(f"{index}/torch/", timeout=3).close()
        return ["--extra-index-url", index]
    return []


def prepare(pins: str, *, dev: bool) -> Path:
    """Makes the environment, or brings it up to date; returns at once when nothing has changed."""
    folder, wanted = environment(pins), wanted_state(pins, dev=dev)
    if not is_ready(folder, wanted):
        with one_at_a_time(pins):
            if not is_ready(folder, wanted):
                install(folder, pins, wanted)
    return folder


def install(folder: Path, pins: str, wanted: dict[str, str]) -> None:
    """Makes an environment from what there is: nothing, an older one, or a half-made one."""
    state = read_state(folder)
    if state is None and folder.exists() and any(folder.iterdir()):
        raise SetupError(
            f"{folder} exists and was not made by start.py, so it is left alone. Move it away (or delete it) and "
            f"run this again, or install by hand: pip install -r requirements/{pins}.txt -e ."
        )
    started = time.monotonic()
    if not (state and state.get("root") == str(ROOT) and program(folder, "python").exists()):
        check_python(sys.version_info[:2], pins)
        shutil.rmtree(folder, ignore_errors=True)  # half-made, moved, or its Python is gone
        write_state(folder, {})
        make_venv(folder)
    write_state(folder, {})  # from here on it is unfinished until the end is reached
    say(f"Setting up {folder}: installing packages. This happens once and takes some minutes.")
    pip: list[str | Path] = [program(folder, "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    lists = [pins, "dev"] if "dev" in wanted or "dev" in (state or {}) else [pins]
    files = [part for name in lists for part in ("-r", f"{ROOT}/requirements/{name}.txt")]
    try:
        run_logged([*pip, *files, *torch_index()], folder / LOG)
    except SetupError:  # pip downloads everything before it changes anything
        write_state(folder, state or {})
        raise
    with one_at_a_time("package"):  # its build writes into the checkout
        run_logged([*pip, "--no-deps", "--no-build-isolation", "-e", ROOT], folder / LOG)
    write_state(folder, wanted_state(pins, dev="dev" in lists))
    say(f"Ready after {time.monotonic() - started:.0f} s.")


def make_venv(folder: Path) -> None:
    """Makes an empty virtual environment."""
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise SetupError(
            "This Python cannot make virtual environments. On Debian and Ubuntu: "
            f"sudo apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv; then run this again."
        )
    run_logged([sys.executable, "-m", "venv", folder], folder / LOG)


def find_browser() -> str | None:
    """The path of a Chromium, Chrome or Edge of this machine."""
    found = [shutil.which(name) for name in BROWSERS] + [os.path.expandvars(p) for p in BROWSER_PLACES]
    return next((path for path in found if path and Path(path).exists()), None)


def provide_browser(folder: Path) -> str:
    """Finds or installs the browser that the tests click through; an empty path stands for playwright's own."""
    if found := find_browser():
        return found
    say("Installing a browser for the tests.")
    log, root = folder / LOG, not WINDOWS and os.geteuid() == 0
    if root and Path("/etc/debian_version").exists() and shutil.which("apt-get"):
        with contextlib.suppress(SetupError):
            run_logged(["apt-get", "update"], log)
            run_logged(["apt-get", "install", "-y", "--no-install-recommends", "chromium"], log)
        if found := find_browser():
            return found
    libraries = ["--with-deps"] * root
    try:
        run_logged([program(folder, "python"), "-m", "playwright", "install", *libraries, "chromium"], log)
    except SetupError as error:
        raise SetupError(
            "The tests need a browser and none could be installed. Install Chromium, Chrome or Edge, or leave "
            f'those tests out: python start.py test -m "not browser"\n{error}'
        ) from error
    return ""


def run(command: Sequence[str | Path], extra: dict[str, str]) -> int:
    """Hands over to a program; on POSIX it takes this process's place, so that signals reach it."""
    words, variables = [str(part) for part in command], {**os.environ, **extra}
    if not WINDOWS:
        os.execve(words[0], words, variables)
    try:
        return subprocess.call(words, env=variables)
    except KeyboardInterrupt:  # the program got it too and has ended
        return 130


def main(arguments: list[str]) -> int:
    """Prepares, then runs the tests or ``rimo``."""
    pins, at = DEFAULT, arguments.index("--pins") if "--pins" in arguments else len(arguments)
    if at < len(arguments):
        pins = "".join(arguments[at + 1 : at + 2])
        del arguments[at : at + 2]
    if pins not in PINS:
        raise SetupError(f"--pins takes one of: {', '.join(PINS)}")
    if arguments[:1] != ["test"]:
        folder = prepare(pins, dev=False)
        return run([program(folder, "rimo"), *(arguments or ["serve"])], {})
    folder = prepare(pins, dev=True)
    os.chdir(ROOT)
    browser = {} if "not browser" in arguments else {"RIMO_BROWSER": provide_browser(folder)}
    return run([program(folder, "python"), "-m", "pytest", *arguments[1:]], browser)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        say(f"start.py: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("\nInterrupted. Run the same command again: what was downloaded is kept.")
        sys.exit(130)
