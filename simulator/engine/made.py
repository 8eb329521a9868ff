"""What several threads need and one of them makes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Thing = TypeVar("Thing")


class Made(Generic[Key, Thing]):
    """Things by their key; ``most`` of them are kept, those made last. None: all."""

    def __init__(self, most: int | None = None) -> None:
        self._most, self._lock = most, Lock()
        self._things: dict[Key, Thing] = {}
        self._making: dict[Key, Lock] = {}

    def get(self, key: Key, make: Callable[[], Thing]) -> Thing:
        """The thing of ``key``; who asks while it is made waits, and who asks for another one does not."""
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                if key in self._things:
                    return self._things[key]
            thing = make()
            with self._lock:
                self._things[key] = thing
                while self._most is not None and len(self._things) > self._most:
                    oldest = next(iter(self._things))
                    del self._things[oldest]
                    self._making.pop(oldest, None)
        return thing
