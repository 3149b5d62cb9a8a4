"""What happens before the first picture, told step by step and left off when the user wants that."""

from __future__ import annotations

from collections.abc import Callable


class StudyStopped(Exception):  # noqa: N818 -- not an error: the user's request, which travels through the layers
    """The user does not want the study any more that is being prepared."""


class Preparation:
    """Goes along while a study is opened, which can take minutes: files are read whole and a model is loaded.

    Args:
        is_wanted: Whether the study is still wanted. Any thread.
        tell: Shows one sentence: what is being done now.
    """

    def __init__(
        self, is_wanted: Callable[[], bool] = lambda: True, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._is_wanted = is_wanted
        self._tell = tell

    def step(self, message: str) -> None:
        """Says what comes next.

        Raises:
            StudyStopped: The study is not wanted any more.
        """
        self.check()
        self._tell(message)

    def check(self) -> None:
        """To be called as often as is convenient; reading a file does it for every tensor.

        Raises:
            StudyStopped: The study is not wanted any more.
        """
        if not self._is_wanted():
            raise StudyStopped
