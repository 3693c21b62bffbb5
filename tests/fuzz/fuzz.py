#!/usr/bin/env python3
"""Runs the fuzz targets (make fuzz) and prints what each one did.

fuzz.py PROGRAM [--seconds N] [--jobs N] [TARGET ...]
PROGRAM is the one that tests/fuzz/harness/fuzzer.c becomes. Each target runs until it has used N seconds of
CPU time, several at a time, from its corpus beside the program, which grows from run to run. Ends with status 1 after a finding;
the input is then beside the corpus, and belongs into tests/fuzz/crashes/TARGET once the fault is mended.
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
# Words of the formats, by target; those of configs come from docs/config.md.
DICTIONARIES = {"config": "config", "programs": "config", "model": "config", "run_file": "config", "cmg": "config",
                "table": "table", "events": "table", "npy": "npy", "npz": "npy", "dataset": "npy", "zip": "zip",
                "pickle": "pickle", "pickled_array": "pickle", "torch": "pickle", "torch_old": "pickle"}
MEMORY_MB, BLOCK_MB, TIMEOUT_S = 1024, 256, 20
# FFmpeg takes a block as long as a chunk says it is, up to 2 GB, and then reads what there is of it.
FOR_MEDIA_MB = 2100


class Job:
    def __init__(self, program, name, largest, seconds):
        self.name, self.seconds = name, seconds
        self.folder = program.parent / "targets" / name
        self.corpus, self.log = self.folder / "corpus", self.folder / "log.txt"
        self.program = program.parent / f"fuzz-{name}"
        self.largest = largest
        self.corpus.mkdir(parents=True, exist_ok=True)
        if not self.program.is_symlink():
            self.program.symlink_to(program.name)

    def make_seeds(self):
        subprocess.run([self.program], env={**os.environ, "SEEDS": str(self.corpus)}, check=True)
        for kind in ("seeds", "crashes"):
            for path in (HERE / kind / self.name).glob("*"):
                shutil.copy(path, self.corpus / f"{kind}-{path.name}")

    def start(self):
        self.make_seeds()
        for path in self.folder.glob("finding-*"):  # of an earlier run: tried again
            path.rename(self.corpus / path.name)
        dictionary = find_dictionary(self.name, self.folder)
        command = [self.program, self.corpus, f"-max_len={self.largest}",
                   f"-rss_limit_mb={FOR_MEDIA_MB if self.name == 'media' else MEMORY_MB}",
                   f"-malloc_limit_mb={FOR_MEDIA_MB if self.name == 'media' else BLOCK_MB}", f"-timeout={TIMEOUT_S}",
                   f"-artifact_prefix={self.folder}/finding-", "-print_final_stats=1", "-use_value_profile=0",
                   "-reload=0"]
        if dictionary:
            command.append(f"-dict={dictionary}")
        self.stopped = False
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open(self.log, "w"),
                                        env=environment())

    def stop_in_time(self):
        """Asks libFuzzer to end after the input that it tries, once the process has had its CPU time."""
        if self.stopped:
            return
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        if (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK") >= self.seconds:
            self.process.send_signal(signal.SIGUSR1)
            self.stopped = True

    def finish(self):
        _, self.status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = self.status
        self.cpu = usage.ru_utime + usage.ru_stime
        text = self.log.read_text(errors="replace")
        last = lambda pattern: (re.findall(pattern, text) or ["0"])[-1]
        self.runs = int(last(r"stat::number_of_executed_units: +(\d+)") or 0) or int(last(r"#(\d+)\t"))
        self.coverage, self.peak = int(last(r"cov: (\d+)")), int(last(r"stat::peak_rss_mb: +(\d+)"))
        self.findings = [path for path in sorted(self.folder.glob("finding-*")) if self.is_real(path)]
        if self.status and not self.findings:
            self.findings = [self.log]

    def is_real(self, path):
        """A run may take long because the machine is busy or stopped: it counts if it does so again."""
        if "/finding-timeout-" not in str(path) and "/finding-slow-" not in str(path):
            return True
        before = os.times()
        again = subprocess.run([self.program, "-runs=1", "-timeout=600", path], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=environment())
        after = os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        if again.returncode == 0 and cpu < TIMEOUT_S:
            path.unlink()
            self.status = 0
            return False
        return True


def find_dictionary(name, folder):
    kind = DICTIONARIES.get(name)
    if kind != "config":
        return kind and HERE / "dictionaries" / f"{kind}.dict"
    rows = re.findall(r"^\| `([^`]+)` \| \w+ \| `([^`]+)` \|", (HERE.parents[1] / "docs/config.md").read_text(), re.M)
    words = {key.replace("<modality>", "a") + " = " for key, _ in rows}
    words |= {word for _, allowed in rows for word in re.findall(r"[a-z][\w-]+", allowed)}
    made = folder / "config.dict"
    made.write_text("".join(f'"{word}"\n' for word in sorted(words)))
    return made


def environment():
    return {**os.environ, "OMP_WAIT_POLICY": "passive",
            "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=0",
            "LSAN_OPTIONS": f"suppressions={HERE}/leaks.txt:print_suppressions=0",
            "UBSAN_OPTIONS": "print_stacktrace=1"}


def targets(program):
    listing = subprocess.run([program], stderr=subprocess.PIPE, text=True).stderr
    return {line.split()[0]: int(line.split()[1]) for line in listing.splitlines()[1:]}


def run(jobs, at_a_time):
    waiting, running = list(jobs), []
    while waiting or running:
        while waiting and len(running) < at_a_time:
            job = waiting.pop(0)
            job.start()
            running.append(job)
        for job in running:
            if os.waitid(os.P_PID, job.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                job.finish()
                running.remove(job)
                print(f"{job.name}: {job.runs} runs in {job.cpu:.0f} s of CPU time, {len(job.findings)} findings",
                      flush=True)
                break
            job.stop_in_time()
        else:
            time.sleep(0.2)


def table(jobs):
    print(f"\n{'target':14} {'CPU s':>7} {'runs':>10} {'runs/s':>8} {'edges':>7} {'inputs':>7} {'MB':>5}  findings")
    for job in jobs:
        inputs = sum(1 for _ in job.corpus.iterdir())
        print(f"{job.name:14} {job.cpu:7.0f} {job.runs:10} {job.runs / max(job.cpu, 0.1):8.0f} {job.coverage:7}"
              f" {inputs:7} {job.peak:5}  {' '.join(str(path) for path in job.findings) or 'none'}")
    print(f"{'all':14} {sum(j.cpu for j in jobs):7.0f} {sum(j.runs for j in jobs):10}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=60, help="of CPU time, of each target")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="targets that run at a time")
    parser.add_argument("target", nargs="*", help="all, if none is named")
    options = parser.parse_intermixed_args()
    program = options.program.resolve()
    known = targets(program)
    unknown = [name for name in options.target if name not in known]
    if unknown:
        sys.exit(f"{' '.join(unknown)}: the targets are {' '.join(known)}")
    jobs = [Job(program, name, known[name], options.seconds) for name in options.target or known]
    run(jobs, max(1, options.jobs))
    table(jobs)
    sys.exit(any(job.findings for job in jobs))


main()
