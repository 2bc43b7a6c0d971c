"""Threads that act again and again until they are told to end, alone or as a team."""

import collections
import http.client
import random
import threading
import time
import uuid

from harness import eventually

IDLE = 0.05  # seconds after an answer that was none, so that an outage is not a busy loop


class Actor(threading.Thread):
    """Repeats act(), which counts what is done, until the "with" ends; an error of its own is raised there."""

    PATIENCE = 60  # seconds for an answer for good

    def __init__(self, client=None, seed=None):
        super().__init__(daemon=True)
        self.client, self.random, self.ended = client, random.Random(seed), threading.Event()
        self.done, self.trouble, self.error = 0, [], None

    def run(self):
        try:
            while not self.ended.is_set():
                self.act()
        except BaseException as error:  # shown by the test's own thread
            self.error = error

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join(self.PATIENCE + 30)
        assert not self.is_alive(), f"a {type(self).__name__} hangs"
        if self.error:
            raise self.error

    def surely(self, ask, passing):
        """The first answer for good: passing(answer) tells the trouble of one that is not."""
        end = time.monotonic() + self.PATIENCE
        while time.monotonic() < end:
            try:
                answer = ask()
            except (OSError, ValueError, http.client.HTTPException) as error:  # those of requests too
                trouble = type(error).__name__
            else:
                trouble = passing(answer)
                if not trouble:
                    return answer
            self.trouble.append(trouble)
            time.sleep(IDLE)
        raise AssertionError(f"no answer for good within {self.PATIENCE} s: {self.trouble[-3:]}")

    def send(self, method, path, body, *passing):
        """Repeats a write with one Idempotency-Key until it is acknowledged; passing: refusals, by status or code."""
        def refusal(answer):
            code = None if answer.status_code < 300 else answer.json()["error"]["code"]
            assert not code or {answer.status_code, code} & {*passing, 502, 503, 504}, answer.text
            return code

        key = {"Idempotency-Key": uuid.uuid4().hex}
        return self.surely(lambda: self.client.request(method, path, json=body, headers=key), refusal)


class Team:
    """Several actors: with Team(…) as team: break something, when each has done the first few."""

    BOUND = 60  # seconds for what is waited for

    def __init__(self, members, first=0):
        self.members, self.first = list(members), first

    def __enter__(self):
        for member in self.members:
            member.start()
        self.wait_for_more(self.first)
        return self

    def __exit__(self, *_):
        for member in self.members:
            member.ended.set()
        for member in self.members:
            member.__exit__()

    def wait_for_more(self, count, each=True):
        """Until each, or with each=False all together, did so many more; or one failed."""
        goals = [(one, one.done + count) for one in (self.members if each else [self])]
        eventually(lambda: any(m.error for m in self.members) or all(one.done >= goal for one, goal in goals), self.BOUND)

    @property
    def done(self):
        return sum(member.done for member in self.members)

    def gathered(self, name):
        return [item for member in self.members for item in getattr(member, name)]

    def troubles(self):
        return collections.Counter(self.gathered("trouble"))
