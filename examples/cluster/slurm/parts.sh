#!/bin/bash
# One task of this array does one part of a work:
#   sbatch parts.sh reid
# The time, the memory and the number of parts are in the lines below; options of sbatch override them (sbatch --array=1-16 …).
#SBATCH --job-name=pose-gan
#SBATCH --array=1-8
#SBATCH --gpus-per-task=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=08:00:00
#SBATCH --signal=TERM@60
#SBATCH --output=%x-%A-%a.log
set -euo pipefail

# SLURM counts the tasks that it was given. To repeat one part of eight, say so: PARTS=8 sbatch --array=3 parts.sh reid
shard=$SLURM_ARRAY_TASK_ID/${PARTS:-$SLURM_ARRAY_TASK_COUNT}

# Put a container before the command if your nodes need one, for example: run=(srun apptainer exec --nv pose-gan.sif)
run=(srun)

case "${1:-}" in
ablate)
  "${run[@]}" pose-gan ablate --data data --name market --iterations 90000 --seeds 3 --shard "$shard" --out ablation
  ;;
evaluate)
  "${run[@]}" pose-gan evaluate --checkpoint runs/first --data data --name market --shard "$shard" --out "evaluation-part-${shard%/*}"
  ;;
reid)
  "${run[@]}" pose-gan reid --checkpoint runs/first --data data --name market --shard "$shard" --out augmented
  ;;
*)
  echo "usage: sbatch parts.sh ablate|evaluate|reid" >&2
  exit 2
  ;;
esac
