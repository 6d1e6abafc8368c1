#!/bin/bash
# One cell of the engine easyr1 over several nodes: sbatch --nodes=2 --gpus-per-node=8 workflows/profiles/ray-on-slurm.sh CELL
# CELL is <method>/<scale>/<variant>/s<seed>. CONFIG names a config with easyr1: {nodes: 2, gpus_per_node: 8, ray_address: auto}.
# PYTHON is the interpreter of the environment made from envs/easyr1.txt; every node sees it at the same path.
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
set -euo pipefail
cell=${1:?give a cell, for example cepo/large/default/s1}
config=${CONFIG:?give a config: CONFIG=my-paper.yaml sbatch ...}
ray=$(dirname "${PYTHON:?give the Python of the environment made from envs/easyr1.txt}")/ray
port=${RAY_PORT:-6379}
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
address=$(srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{print $1}')

stop() { srun --overlap --ntasks-per-node=1 "$ray" stop --force || true; }
trap stop EXIT

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" "$ray" start --head --node-ip-address="$address" --port="$port" \
  --disable-usage-stats --block &
for node in "${nodes[@]:1}"; do
  srun --overlap --nodes=1 --ntasks=1 --nodelist="$node" "$ray" start --address="$address:$port" --disable-usage-stats --block &
done
for _ in $(seq 60); do # until every node has joined
  joined=$(RAY_ADDRESS="$address:$port" "$PYTHON" -c 'import ray; ray.init("auto"); print(len(ray.nodes()))' 2>/dev/null || echo 0)
  [ "$joined" -ge "${#nodes[@]}" ] && break
  sleep 5
done
[ "$joined" -ge "${#nodes[@]}" ] || { echo "Error: ray: $joined of ${#nodes[@]} nodes joined $address:$port; see the job's log" >&2; exit 1; }

RAY_ADDRESS="$address:$port" .venv/bin/python -m snakemake --configfile "$config" --workflow-profile workflows/profiles/local \
  --cores 1 --config "cell=$cell" yes=true -- cell
