"""A drawer in a process of its own, made outside of the program: orders go in, pictures come out, over two pipes.

A message is a line of JSON; after an answer with ``sizes`` the pixels of so many RGB pictures follow. The process ends
when its pipe does. Run as a program, this file is that process.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from PIL import Image

from lib_rimo.errors import HostError
from lib_rimo.hosts.diffusers.host import DiffusersHost
from lib_rimo.hosts.diffusers.schedulers import sampler_names, schedule_names
from lib_rimo.hosts.drawers.drawer import Files
from lib_rimo.hosts.drawers.host_drawer import HostDrawer
from lib_rimo.hosts.drawers.orders import error_of, error_to_json, order_of, order_to_json
from lib_rimo.hosts.drawers.registry import DrawerSettings
from lib_rimo.hosts.host import ImageDefaults, ImageRequest
from lib_rimo.hosts.queue import HostQueue
from lib_rimo.merging.mix.partition import Partition, partition_from_json
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources

log = logging.getLogger("rimo")

Message = Mapping[str, Any]
LAST_WORDS_S = 10
"""How long the process may take to end."""


def send(pipe: IO[bytes], message: Message, images: Sequence[Image.Image] = ()) -> None:
    """Writes a message, and pictures behind it."""
    pipe.write(json.dumps({**message, "sizes": [image.size for image in images]}).encode() + b"\n")
    for image in images:
        pipe.write(image.convert("RGB").tobytes())
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], list[Image.Image]]:
    """Reads a message with its pictures.

    Raises:
        EOFError: The other side has ended.
    """
    if not (line := pipe.readline()).endswith(b"\n"):
        raise EOFError
    message: dict[str, Any] = json.loads(line)
    images = []
    for width, height in message.pop("sizes"):
        pixels = pipe.read(3 * width * height)
        if len(pixels) < 3 * width * height:
            raise EOFError
        images.append(Image.frombytes("RGB", (width, height), pixels))
    return message, images


# -- the side of the study -------------------------------------------------------------------------------------


class ProcessDrawer:
    """Implements ``Drawer`` by a process that is started when it is first needed, and anew after it died.

    Args:
        settings: Where checkpoints lie, and how they are drawn.
    """

    name = "elsewhere"

    def __init__(self, settings: DrawerSettings) -> None:
        self._settings = settings
        self._queue = HostQueue()
        self._asking, self._writing = threading.Lock(), threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._loaded: Path | None = None
        self._mixed = False

    @property
    def pid(self) -> int | None:
        """Of the process, if it runs."""
        return None if self._process is None else self._process.pid

    def checkpoints(self) -> Sequence[Path]:
        """The ``.safetensors`` files in the folder and the extra ones, sorted by name."""
        found = {
            p.resolve(): p for p in (*self._settings.checkpoints, *self.save_folder().rglob("*.safetensors"))
        }
        return sorted(found.values(), key=lambda path: (path.name.lower(), str(path)))

    def loaded(self) -> Path | None:
        """The base that the process draws with."""
        return self._loaded

    def load(self, checkpoint: Path) -> None:
        """Makes a checkpoint the base."""
        if checkpoint == self._loaded:
            return
        config = self._settings.config(checkpoint)
        self._ask("load", path=str(checkpoint.resolve()), config=None if config is None else str(config))
        self._loaded, self._mixed = checkpoint, False

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Lets one thread at a time in; on leaving, the base's own weights are back."""
        with self._queue.hold():
            try:
                yield
            finally:
                self.put_back()

    def closed(self, partition: Partition) -> Mapping[str, str]:
        """Groups that the process cannot swap."""
        self._queue.require("Reading the model")
        closed: dict[str, str] = self._ask("closed", partition=partition.to_json())[0]["closed"]
        return closed

    def draw(self, recipe: Recipe, requests: Sequence[ImageRequest], files: Files) -> list[Image.Image]:
        """Sends the order, waits for the pictures."""
        self._queue.require("Drawing")
        files.check()
        order = order_to_json(recipe, requests, files)
        self._mixed = True
        return self._ask("draw", order=order)[1]

    def put_back(self) -> None:
        """The base's own weights."""
        self._queue.require("Putting the weights back")
        if self._mixed:
            self._mixed = False
            self._ask("put_back")

    def waiting(self) -> int:
        """How many threads wait for their turn."""
        return self._queue.waiting()

    def interrupt(self) -> None:
        """Ends what is drawn now; its ``draw`` tells so."""
        if (process := self._process) is not None and process.stdin is not None:
            with self._writing, suppress(OSError, ValueError):  # it has just ended
                send(process.stdin, {"do": "interrupt"})

    def samplers(self) -> Sequence[str]:
        """Those of diffusers, as in the process."""
        return sampler_names()

    def schedulers(self) -> Sequence[str]:
        """Those of diffusers, as in the process."""
        return schedule_names()

    def image_defaults(self) -> ImageDefaults:
        """What the base's configuration asks for."""
        return ImageDefaults(**self._ask("defaults")[0]["defaults"])

    def batch_size(self, width: int, height: int) -> int:
        """What suits the process's device."""
        return int(self._ask("batch", width=width, height=height)[0]["size"])

    def save_folder(self) -> Path:
        """Where checkpoints lie."""
        return self._settings.folder

    def refresh(self) -> None:
        """The folder is looked at each time."""

    def close(self) -> None:
        """Ends the process."""
        process, self._process, self._loaded, self._mixed = self._process, None, None, False
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ask(self, do: str, **more: Any) -> tuple[dict[str, Any], list[Image.Image]]:
        with self._asking:
            process = self._process or self._start()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                with self._writing:
                    send(process.stdin, {"do": do, **more})
                answer, images = receive(process.stdout)
            except (OSError, EOFError) as error:
                process.kill()
                code = process.wait()
                self.close()
                raise HostError(
                    "The process that draws has ended",
                    found=f"exit code {code}",
                    fix="Resume to go on with a new one",
                ) from error
        if "error" in answer:
            raise error_of(answer["error"])
        return answer, images

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        assert process.stdin is not None
        send(process.stdin, {"folder": str(self._settings.folder), "device": self._settings.device})
        self._process = process
        return process


# -- the process that draws ------------------------------------------------------------------------------------


class Work:
    """Carries orders out, in one thread that holds the host from its beginning to its end.

    Args:
        host: Draws.
        configs: Checkpoint -> folder with its configuration; filled as checkpoints are loaded.
    """

    def __init__(self, host: DiffusersHost, configs: dict[Path, Path | None]) -> None:
        self._host, self._configs = host, configs
        self._drawer = HostDrawer(host)
        self._files: Files | None = None

    def run(self, orders: queue.SimpleQueue[Message | None], out: IO[bytes]) -> None:
        """Answers each order, until there is none any more."""
        with self._drawer.exclusive():
            while (order := orders.get()) is not None:
                try:
                    answer, images = self._done(order)
                except Exception as error:
                    log.exception("An order could not be carried out")
                    answer, images = {"error": error_to_json(error)}, []
                send(out, answer, images)

    def _done(self, order: Message) -> tuple[dict[str, Any], list[Image.Image]]:
        do = order["do"]
        if do == "load":
            path = Path(order["path"])
            self._configs[path] = None if order["config"] is None else Path(order["config"])
            self._drawer.load(path)
            if self._files is not None:
                self._files.sources.close()
                self._files = None
        elif do == "closed":
            partition = partition_from_json(order["partition"], "an order")
            return {"closed": dict(self._drawer.closed(partition))}, []
        elif do == "defaults":
            return {"defaults": dataclasses.asdict(self._host.image_defaults())}, []
        elif do == "batch":
            return {"size": self._host.batch_size(order["width"], order["height"])}, []
        elif do == "put_back":
            self._drawer.put_back()
        else:
            recipe, requests, partition = order_of(order["order"])
            return {}, self._drawer.draw(recipe, requests, self._over(partition))
        return {}, []

    def _over(self, partition: Partition) -> Files:
        """The files of the present base, which stay open so that only what changes is swapped."""
        if self._files is None or self._files.partition != partition:
            self._drawer.put_back()
            self._files = Files(Sources(), partition)
        return self._files


def main() -> None:
    """Reads orders until the pipe ends. What libraries print goes to the other output."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    begin, _ = receive(sys.stdin.buffer)
    configs: dict[Path, Path | None] = {}
    host = DiffusersHost(Path(begin["folder"]), config_dir=configs.get, device=begin["device"])
    orders: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    thread = threading.Thread(target=Work(host, configs).run, args=(orders, out))
    thread.start()
    try:
        while True:
            message, _ = receive(sys.stdin.buffer)
            if message["do"] == "interrupt":
                host.interrupt()
            else:
                orders.put(message)
    except EOFError:
        orders.put(None)
    thread.join()


if __name__ == "__main__":
    main()
