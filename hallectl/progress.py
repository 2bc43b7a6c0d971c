"""How far a command is: one line, in place on a terminal, else every few seconds."""

import sys
import time


class Progress:
    """text() is the line; standard output has nothing else until clear() was called."""

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self.began = self.shown = time.monotonic()

    def text(self):
        raise NotImplementedError

    def show(self):
        now = time.monotonic()
        if now - self.shown < (0.2 if self.terminal else 5):
            return
        self.shown = now
        if self.terminal:
            print(f"\r\x1b[K{self.text()}", end="", flush=True)
        else:
            print(self.text(), flush=True)

    def clear(self):
        if self.terminal:
            print("\r\x1b[K", end="", flush=True)

    def seconds(self):
        return time.monotonic() - self.began
