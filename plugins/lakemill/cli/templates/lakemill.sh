#!/usr/bin/env bash
# Delivering changes of workflows by any CI: check and plan what is proposed, deploy what is merged.
#
#   ci/lakemill.sh setup     install Lakemill, where this repository is a checkout of it
#   ci/lakemill.sh check     lint the workflow files, with their SQL, suites and estimators
#   ci/lakemill.sh test      run what LAKEMILL_TEST says, such as "make test-unit"
#   ci/lakemill.sh plan      say what the change since LAKEMILL_BASE does, with a run on a sample; changes nothing
#   ci/lakemill.sh deploy    start what is needed, and nothing else; options go to lakemill deploy (--dry-run, --no-wait)
#
# LAKEMILL_BASE           what the plan compares with; origin/main if unset
# LAKEMILL_PLAN           file that the plan is written to, in Markdown; plan.md if unset
# LAKEMILL_TEST           command that tests this repository
# LAKEMILL_DELIVER        command that brings these files to Airflow, before the deployment: a push of an image, rsync
# LAKEMILL_LAKE, LAKEMILL_REGISTRY, LAKEMILL_ARTIFACTS    as the installation has them; to plan, reading is enough
# LAKEMILL_AIRFLOW, LAKEMILL_AIRFLOW_TOKEN                address of Airflow and a token of a user who may run DAGs
set -euo pipefail
cd "$(dirname "$0")/.."
export LAKEMILL_PROJECT="${LAKEMILL_PROJECT:-$PWD}"
PATH="$PWD/.venv/bin:$PATH"

setup() {
    if command -v lakemill >/dev/null; then
        echo "lakemill is there: $(command -v lakemill)"
    elif [ -f plugins/lakemill/__init__.py ]; then
        make install
    else
        echo "there is no lakemill: install it here, before this step" >&2
        return 1
    fi
}

check() {
    lakemill check
}

run_tests() {
    if [ -z "${LAKEMILL_TEST:-}" ]; then
        echo "nothing to test: LAKEMILL_TEST is not set"
        return
    fi
    bash -c "$LAKEMILL_TEST"
}

plan() {
    local base file
    file="${LAKEMILL_PLAN:-plan.md}"
    # what others have merged meanwhile is not part of this change
    base="$(git rev-parse --short "$(git merge-base "${LAKEMILL_BASE:-origin/main}" HEAD)")"
    lakemill plan --against "$base" --run-sample --format markdown --output "$file" "$@"
    cat "$file"
}

deploy() {
    if [ -n "${LAKEMILL_DELIVER:-}" ] && [ "${1:-}" != "--dry-run" ]; then
        bash -c "$LAKEMILL_DELIVER"
    fi
    lakemill deploy "$@"
}

step="${1:-}"
shift || true
case "$step" in
    setup | check | plan | deploy) "$step" "$@" ;;
    test) run_tests ;;
    *)
        sed -n 's/^#   //p' "$0" >&2
        exit 2
        ;;
esac
