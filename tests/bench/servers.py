"""Programs that measure on demand (bench.c has the protocol), and duels between them."""
from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from typing import Any, Mapping, NamedTuple, Sequence

Answer = dict[str, Any]
PAUSE = 0.02      # seconds between two measurements: OpenMP's threads stop spinning


class Failed(Exception):
    """A server that did not answer: what it was, and the last of what it said."""


class Server:
    """A process that measures once for each line it is sent."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self.command = list(command)
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, **(env or {})})
        self.facts = self._answer()

    def _answer(self) -> Answer:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr
            said = self.process.stderr.read().strip().splitlines()[-1:]
            raise Failed(f"{' '.join(self.command[:3])}: {said}")
        return json.loads(line)

    def measure(self) -> Answer:
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> Answer:
        """Ends it; its peak memory."""
        assert self.process.stdin
        self.process.stdin.close()
        answer = self._answer()
        self.process.wait()
        return answer


class Side(NamedTuple):
    """What one contestant came to over all runs."""

    facts: Answer
    runs: list[Answer]
    peak_mb: float

    def values(self, key: str) -> list[float]:
        return [run[key] for run in self.runs]

    def median(self, key: str) -> float:
        return statistics.median(self.values(key))


class Contestant(NamedTuple):
    name: str
    command: Sequence[str]
    env: Mapping[str, str]


def duel(contestants: Sequence[Contestant], runs: int) -> dict[str, Side]:
    """All are set up, then measure in turn, `runs` times; one that fails is left out, and said."""
    servers: dict[str, Server] = {}
    for c in contestants:
        try:
            servers[c.name] = Server(c.command, c.env)
            servers[c.name].measure()     # warm
        except Failed as error:
            servers.pop(c.name, None)
            print(f"  left out: {c.name}: {error}", flush=True)
    answers: dict[str, list[Answer]] = {name: [] for name in servers}
    for _ in range(runs):
        for name, server in servers.items():
            time.sleep(PAUSE)
            answers[name].append(server.measure())
    return {name: Side(server.facts, answers[name], server.close()["peak_mb"])
            for name, server in servers.items()}


def fresh(contestants: Sequence[Contestant], runs: int) -> dict[str, Side]:
    """Whole processes, from start to end, in turn. What a process itself gives as its time
    (`first_seconds`) counts instead: node's own start is not ONNX Runtime's."""
    answers: dict[str, list[Answer]] = {c.name: [] for c in contestants}
    peaks: dict[str, float] = {}
    for _ in range(runs):
        for c in contestants:
            start = time.perf_counter()
            try:
                server = Server(c.command, c.env)
                took = time.perf_counter() - start
                peaks[c.name] = server.close()["peak_mb"]
            except Failed as error:
                print(f"  left out: {c.name}: {error}", flush=True)
                continue
            answers[c.name].append({"seconds": server.facts.get("first_seconds", took)})
    return {name: Side({}, runs_of, peaks[name]) for name, runs_of in answers.items() if runs_of}
