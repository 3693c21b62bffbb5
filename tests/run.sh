#!/bin/sh
# Runs the test programs given, then the Python tests; prints each one's result and, last, the sums.
# SCRIPTS are the Python tests, if not all outside tests/python. RUN is what runs the programs, if not the system itself (an emulator).
# LANES programs run at a time, 1 if it is not set; each has files and folders of its own.
# CHECK programs run without forking: OpenMP's threads do not survive a fork.
export CK_FORK=no CK_VERBOSITY=normal OMP_WAIT_POLICY=passive
passed=0 failed=0 skipped=0
for program in "$@"; do rm -f "$program.status"; done
export RUN
[ $# -eq 0 ] || printf '%s\n' "$@" | xargs -P "${LANES:-1}" -I{} sh -c '$RUN "{}" > "{}.log" 2>&1; echo $? > "{}.status"' &
lanes=$!
for program in "$@"; do
    log="$program.log"
    until [ -s "$program.status" ] || ! kill -0 $lanes 2> /dev/null; do sleep 0.1; done
    status=$(cat "$program.status" 2> /dev/null || echo 99)
    line=$(grep -E '^[0-9]+%: Checks: ' "$log" | tail -n 1)
    checks=$(echo "$line" | sed -nE 's/.*Checks: ([0-9]+).*/\1/p')
    bad=$(echo "$line" | sed -nE 's/.*Failures: ([0-9]+), Errors: ([0-9]+).*/\1 + \2/p')
    bad=$((${bad:-0})) checks=$((${checks:-0}))
    skipped=$((skipped + $(grep -c '^skipped: ' "$log")))
    if [ $status -ne 0 ] && [ $bad -eq 0 ]; then bad=1 checks=$((checks + 1)); fi
    passed=$((passed + checks - bad)) failed=$((failed + bad))
    printf '%-36s %s\n' "${program##*/tests/}" "${line:-died with status $status}"
    grep '^skipped: ' "$log"
    [ $bad -eq 0 ] && [ $status -eq 0 ] || tail -n 40 "$log"
done
if [ -n "$PYTHON" ]; then
    for script in ${SCRIPTS:-tests/*/test_*.py}; do
        case $script in tests/python/*) continue ;; esac
        [ -e "$script" ] || continue
        if "$PYTHON" "$script" > "$BUILD/test.log" 2>&1; then
            passed=$((passed + 1)); echo "$script: passed"
            grep '^skipped: ' "$BUILD/test.log" &&
                skipped=$((skipped + $(grep -c '^skipped: ' "$BUILD/test.log")))
        else
            failed=$((failed + 1)); echo "$script: FAILED"; tail -n 40 "$BUILD/test.log"
        fi
    done
    # pytest's last line: "2 failed, 40 passed, 1 skipped in 9.87s"
    count() { n=$(echo "$line" | sed -nE "s/^(.*[^0-9])?([0-9]+) $1.*/\2/p"); echo "${n:-0}"; }
    "$PYTHON" -m pytest -q -rs -p no:cacheprovider tests/python > "$BUILD/test.log" 2>&1
    status=$? line=$(tail -n 1 "$BUILD/test.log")
    bad=$(($(count failed) + $(count error)))
    [ $status -eq 0 ] || [ $bad -gt 0 ] || bad=1
    passed=$((passed + $(count passed))) failed=$((failed + bad)) skipped=$((skipped + $(count skipped)))
    echo "tests/python: $line"
    sed -nE 's/^SKIPPED \[[0-9]+\] /skipped: /p' "$BUILD/test.log"
    [ $status -eq 0 ] || tail -n 80 "$BUILD/test.log"
fi
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
