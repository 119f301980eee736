#!/bin/sh
# A fleet of accounts moved by a Slurm array: sixteen tasks, each with its part of accounts.csv.
# `--shard /16` takes the task's number from SLURM_ARRAY_TASK_ID less SLURM_ARRAY_TASK_MIN, so
# that an array may begin at any number. A task that is requeued goes on where it was.
#
#   sbatch slurm.sh
#SBATCH --job-name=pillarbox-fleet
#SBATCH --array=0-15
#SBATCH --cpus-per-task=1
#SBATCH --mem=512M
#SBATCH --requeue
#SBATCH --open-mode=append
set -eu
export XDG_STATE_HOME="${FLEET_STATE:-$PWD/state}"
mkdir -p "$XDG_STATE_HOME"
exec pillarbox sync --fleet "${FLEET_LIST:-accounts.csv}" --shard /16 --copy --json \
  --results "$XDG_STATE_HOME/results-$SLURM_ARRAY_TASK_ID.jsonl"
