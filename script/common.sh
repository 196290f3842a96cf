# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the scripts of this directory share; sourced, never run.

# The scripts work from anywhere: they go to the root of the repository.
caller_directory=$PWD
cd "$(dirname "$0")/.." || exit 1
root=$PWD
self=$root/script/${0##*/}
export caller_directory root

# Git refuses a repository that belongs to somebody else, as in a container
# that runs as root on a mounted clone. Reading file names is harmless.
export GIT_CONFIG_COUNT=1
export GIT_CONFIG_KEY_0=safe.directory
export GIT_CONFIG_VALUE_0='*'

say() {
    printf '==> %s\n' "$*" >&2
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Prints the comment at the top of the script itself as its help.
usage() {
    sed -n '/^# Usage:/,/^$/{ s/^# \{0,1\}//; p; }' "$self"
}

# How many jobs at once: TN_JOBS, or one for each processor.
jobs() {
    echo "${TN_JOBS:-$(nproc 2>/dev/null || echo 1)}"
}

# Names of the repository's files that match the patterns, one a line: those
# that git knows or would add, or without git what lies outside build/.
list_files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        # A file can be tracked and deleted.
        git ls-files --cached --others --exclude-standard -- "$@" | while IFS= read -r file; do
            if [ -f "$file" ]; then printf '%s\n' "$file"; fi
        done
    else
        for pattern in "$@"; do
            find . \( -path ./build -o -path ./.git \) -prune -o -type f -name "${pattern##*/}" \
                -print | sed 's|^\./||'
        done
    fi
}

# Configures and builds a preset: build_preset NAME [CMAKE-OPTION...]
# [-- NINJA-TARGET...]. What CMake says only interests when it fails.
build_preset() {
    preset=$1
    shift
    options=
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        options="$options $1"
        shift
    done
    [ $# -eq 0 ] || shift
    if command -v ccache >/dev/null 2>&1; then
        options="$options -DCMAKE_C_COMPILER_LAUNCHER=ccache"
    fi
    mkdir -p "build/$preset"
    # shellcheck disable=SC2086 # options are words
    if ! cmake --preset "$preset" $options >"build/$preset/configure.log" 2>&1; then
        cat "build/$preset/configure.log" >&2
        return 1
    fi
    # shellcheck disable=SC2046,SC2086
    cmake --build --preset "$preset" --parallel "$(jobs)" ${1:+--target "$@"} >&2
}
