#!/bin/bash
# Joins the parts after all of them are complete:
#   sbatch --dependency=afterok:"$(sbatch --parsable parts.sh reid)" merge.sh reid
# The merge of an ablation draws its picture grid on the GPU. The others only read and write files, so they need none.
#SBATCH --job-name=pose-gan-merge
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=8G
#SBATCH --time=01:00:00
#SBATCH --kill-on-invalid-dep=yes
#SBATCH --output=%x-%j.log
set -euo pipefail

run=(srun)

case "${1:-}" in
ablate)
  "${run[@]}" pose-gan ablate --out ablation --merge
  ;;
evaluate)
  "${run[@]}" pose-gan evaluate --out evaluation.json --merge evaluation-part-*
  ;;
reid)
  "${run[@]}" pose-gan reid --out augmented --merge
  ;;
*)
  echo "usage: sbatch merge.sh ablate|evaluate|reid" >&2
  exit 2
  ;;
esac
