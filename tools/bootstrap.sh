#!/usr/bin/env bash
# Make this checkout runnable: Debian packages, virtual environment, locked dependencies.
#
#   tools/bootstrap.sh [serve|demo|test|bench|dev]      (default: dev = everything)
#
# The word says what the checkout is for; it only changes which Debian packages must be there.
# Running it again costs a fraction of a second; whatever an interrupted run left is mended.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

purpose=${1:-dev}
venv=.venv
stamp=$venv/.beamkeeper-stamp
list=tools/debian-packages.txt

say() { printf 'bootstrap: %s\n' "$*"; }
die() { printf 'bootstrap: %s\n' "$@" >&2; exit 1; }

case $purpose in
    serve|demo|test|bench|dev) ;;
    *) die "unknown purpose '$purpose'; one of serve, demo, test, bench, dev" ;;
esac

# One at a time: `make demo` and `make test` may be started together. The descriptor is closed for
# apt below, because a daemon that a package starts would inherit it and hold the lock for ever.
exec 9<"tools/bootstrap.sh"
flock 9

missing_packages() {
    local needed pattern package
    while read -r needed pattern package; do
        [[ -z $needed || $needed == \#* ]] && continue
        [[ $purpose == dev || ,$needed, == *,$purpose,* ]] || continue
        compgen -G "$pattern" >/dev/null || echo "$package"
    done <"$list"
}

find_python() {
    local candidate
    for candidate in python3.11 python3 python3.12 python3.13; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

install_packages() {
    local by_hand="apt-get update && apt-get install -y --no-install-recommends $*"
    local root=()
    command -v apt-get >/dev/null ||
        die "this is not a Debian system; needed here: $*"
    if [[ $(id -u) != 0 ]]; then
        if ! command -v sudo >/dev/null || { ! sudo -n true 2>/dev/null && [[ ! -t 0 ]]; }; then
            die "Debian packages are missing and I may not install them. As root, run:" \
                "    $by_hand"
        fi
        root=(sudo)
    fi
    say "installing Debian packages: $*"
    local log
    log=$(mktemp)
    local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive
        apt-get -q -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update </dev/null >"$log" 2>&1 9<&- ||
        say "apt-get update failed, going on with the package lists at hand"
    if ! "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >>"$log" 2>&1 9<&-; then
        tail -n 20 "$log" >&2
        die "apt-get could not install them (whole output: $log). By hand, as root:" "    $by_hand"
    fi
    rm -f "$log"
    if [[ -d /run/systemd/system ]]; then
        say "Debian may have started its own slapd, postgresql or nginx; beamkeeper starts" \
            "private ones on other ports and never touches those"
    fi
}

mapfile -t packages < <(missing_packages)
python=$(find_python)
[[ -n $python ]] || packages+=(python3 python3-venv)
if [[ -n $python && ! -e $stamp ]] && ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    packages+=(python3-venv)
fi
if ((${#packages[@]})); then
    install_packages "${packages[@]}"
    python=$(find_python)
    [[ -n $python ]] || die "Python 3.11 or newer is needed; $(python3 --version 2>&1) is here"
fi

# The environment knows its own path, so a moved checkout is a stale environment.
fingerprint=$({
    pwd
    "$python" --version
    cat requirements.lock pyproject.toml
} | sha256sum | cut -d' ' -f1)
if [[ -e $stamp && $(<"$stamp") == "$fingerprint" ]] &&
    "$venv/bin/python" -c '' 2>/dev/null && [[ -x $venv/bin/beamkeeper ]]; then
    exit 0
fi

rm -f "$stamp"
if [[ "$("$venv/bin/python" -c 'import pip, sys; print(sys.prefix)' 2>/dev/null)" != "$PWD/$venv" ]]; then
    say "creating $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi

pip=("$venv/bin/python" -m pip --disable-pip-version-check -q -q)
say "installing $(grep -c '==' requirements.lock) locked packages into $venv (about a minute)"
# The lock names everything, so nothing is resolved: the RO-Crate validator caps `rich` below what
# others need, and works with it. uv is faster but reads another configuration than pip, so pip
# has the last word.
if ! { command -v uv >/dev/null &&
    uv pip install --quiet --no-deps --python "$venv/bin/python" -r requirements.lock 2>/dev/null; }; then
    "${pip[@]}" install --no-deps -r requirements.lock ||
        die "pip could not install requirements.lock; run 'make' again once the network is back"
fi
"${pip[@]}" install --no-deps --editable .
printf '%s\n' "$fingerprint" >"$stamp"
say "ready"
