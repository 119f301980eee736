#!/bin/sh
# A fleet of accounts moved by GNU parallel: four processes on this machine, or on those that
# --sshloginfile names. Run again, it takes up what is not done.
set -eu
export XDG_STATE_HOME="${FLEET_STATE:-$PWD/state}"
mkdir -p "$XDG_STATE_HOME"
exec parallel --jobs 4 --line-buffer \
  pillarbox sync --fleet "${FLEET_LIST:-accounts.csv}" --shard {}/4 --copy --json \
  --results "$XDG_STATE_HOME/results-{}.jsonl" ::: 0 1 2 3
