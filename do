#!/usr/bin/env bash
# The one door to this project: ./do help
set -euo pipefail

usage() {
    cat <<'TEXT'
./do demo            the whole job on an invented sample: no account, no network
./do test [ARGS]     the tests; ARGS go to pytest; --thorough: everything in full, which takes long
./do test-year       how large the database is after a year of a hundred keywords; minutes
./do test-image      the Dockerfile: built, and run read-only and as user 1000
./do check           ruff (rules and format), mypy --strict, the locks, and known faults of them
./do sbom            what the image is made of, as a CycloneDX document on standard output
./do audit           the last of these alone, and a failure if nothing can be looked up
./do fix             let ruff fix and format what it can
./do run [ARGS]      the bot itself, or one of its commands: ./do run status
./do bench [ARGS]    benchmarks against other libraries; ./do bench plot draws docs/pictures
./do drill [ARGS]    three weeks of everything going wrong, in ten minutes; --days 5 --seed 7,
                     --kills 1000 --jobs 2 (an hour), --settling 75 (messages stored a minute late);
                     --postgres --processes 2 lets so many share a PostgreSQL
./do check-blocks    our Slack messages against Slack's own types; needs Node
./do lock [ARGS]     renew requirements/*.txt; ARGS go to uv: ./do lock --upgrade
./do help            this text

The first call makes .venv and installs the locked packages. PYTHON=python3.13 ./do test
uses that Python, in an environment of its own (.venv-3.13). OFFLINE=1 ./do check asks nobody.
TEXT
}

die() { echo "./do: $*" >&2; exit 1; }

version_of() { # prints "3.12"; fails when the command is no Python, or one older than 3.11
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info < (3, 11))' \
        2>/dev/null
}

choose_python() { # sets python, version, venv
    if [ -n "${PYTHON:-}" ]; then
        python=$PYTHON
        version=$(version_of "$python") || die "PYTHON=$PYTHON is not a Python 3.11 or newer."
        venv=$root/.venv-$version
        return
    fi
    venv=$root/.venv
    for python in python3 python3.13 python3.12 python3.11; do
        version=$(version_of "$python") && return
    done
    die "found no Python 3.11 or newer. Install one, or name it: PYTHON=/path/to/python3 ./do ..."
}

locked() { # runs a command while no other ./do changes the same environment
    exec 9>"$venv.lock" # the kernel lets go of it, however this script ends
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    "$@"
    exec 9>&-
}

# Twice quiet: the settings of a machine make pip warn of what is not ours; errors are still told.
pip() { "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check "$@"; }

# What builds the package, as the lock of developers pins it.
setuptools() { awk '/^setuptools==/ { on = 1 } on { print } on && !/\\$/ { exit }' requirements/dev.txt; }

stamp() { echo "$root $version $(cksum requirements/dev.txt "requirements/$1.txt")"; }

current() { # whether this environment has what the locks say now
    [ -x "$venv/bin/python" ] && [ "$(cat "$venv/installed-$1" 2>/dev/null)" = "$(stamp "$1")" ]
}

# dev: a fresh environment from requirements/dev.txt; bench: that lock on top of it; base: a fresh
# one with what the program needs and nothing for developers, which takes less than half as long.
install() {
    if current "$1" || { [ "$1" = base ] && current dev; }; then return; fi
    echo "Setting up $(basename "$venv"): Python $version, requirements/$1.txt ..." >&2
    if [ "$1" != bench ]; then
        "$python" -m venv --clear "$venv" ||
            die "$python cannot make environments. On Debian and Ubuntu: apt install python3-venv"
    fi
    pip --require-hashes -r "requirements/$1.txt"
    [ "$1" != base ] || pip --require-hashes -r /dev/stdin <<<"$(setuptools)"
    # compat: a plain path entry; the other way costs every start 20 ms for an import hook
    pip --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
    stamp "$1" >"$venv/installed-$1"
}

lock() { # one resolution for every system and Python; each lock agrees with those before it
    local tools args extra name
    tools=$(mktemp -d)
    trap "rm -rf '$tools'" EXIT
    "$python" -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
    args=(--universal --python-version 3.11 --generate-hashes --no-header --no-annotate "$@")
    for name in base discord slack postgres plots dev bench; do
        extra=(--quiet)
        [ "$name" = base ] || extra+=(--extra "$name")
        "$tools/bin/uv" pip compile pyproject.toml "${args[@]}" "${extra[@]}" \
            --output-file "requirements/$name.txt"
        args+=(--constraint "requirements/$name.txt")
    done
}

tool() { "$venv/bin/python" -m "$@"; }

check() { # every tool has its say before the verdict
    local verdict=0
    tool ruff check . || verdict=1
    tool ruff format --check . || verdict=1
    tool mypy || verdict=1
    tool pip check || verdict=1
    tool tests.locks || verdict=1
    if [ -n "${OFFLINE:-}" ]; then
        echo "audit: left out, because OFFLINE is set"
    else
        tool tests.audit || verdict=1
    fi
    return $verdict
}

papers() { # the program, where the caller stands: paths it is given are the caller's
    cd "$here"
    exec "$venv/bin/daily-papers" "$@"
}

here=$PWD
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command=${1:-help}
[ $# -eq 0 ] || shift
cd "$root"
case $command in
    help | -h | --help) usage; exit ;;
    test-image) exec tests/image/run ;;
    demo) choose_python; locked install base ;;
    test | test-year | audit | sbom | check | check-blocks | drill | fix | run | bench)
        choose_python; locked install dev ;;
    lock) choose_python; lock "$@"; exit ;;
    *) usage >&2; die "there is no command '$command'." ;;
esac
case $command in
    demo) papers demo "$@" ;;
    # Twice as many as the cores that are counted on: much of the time the tests wait for a process, or
    # for a lease to end. Each costs some five seconds for collecting.
    # Bytecode is kept, whatever the environment says: each of them, and each start of the program,
    # would compile everything again.
    test)
        unset PYTHONDONTWRITEBYTECODE
        "$venv/bin/python" -m compileall -q bot adapters
        tool pytest --numprocesses 4 --dist worksteal "$@"
        ;;
    test-year) tool pytest -q -s -p no:xdist --timeout 900 tests/store/year.py ;;
    audit) tool tests.audit --needed "$@" ;;
    sbom) tool tests.sbom ;;
    check) check ;;
    check-blocks) tool tests.blocks.check ;;
    drill) tool tests.drill.drill "$@" ;;
    fix) tool ruff check --fix . && tool ruff format . ;;
    run) case ${1:--} in -*) papers run "$@" ;; *) papers "$@" ;; esac ;;
    bench) locked install bench; tool benchmarks "$@" ;;
esac
