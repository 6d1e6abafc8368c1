#!/bin/bash
# Jobs of Snakemake as jobs of Kubernetes, through kubectl; config.yaml beside this file calls it. A pod sees the project
# where it is here: IMAGE from envs/Dockerfile, CLAIM a persistent volume claim, MOUNT the folder it is mounted at.
#   pod.sh submit <gpus> <MB> <minutes> <script>     prints the job's name
#   pod.sh status <job>                              prints running, success or failed
#   pod.sh <job> ...                                 deletes them
set -euo pipefail

submit() {
  local gpus=$1 memory=$2 minutes=$3 script=$4 limit="" cores=1 variables="" name
  : "${IMAGE:?name the image made from envs/Dockerfile}" "${CLAIM:?name the volume claim}" "${MOUNT:?name the folder of the claim}"
  if [ "$gpus" -gt 0 ]; then
    limit=", \"nvidia.com/gpu\": \"$gpus\"" cores=$((4 * gpus))
  fi
  for name in PYTHONPATH HF_HOME HF_HUB_CACHE SNAKEMAKE_OUTPUT_CACHE CUDA_DEVICE_ORDER; do
    [ -z "${!name:-}" ] || variables+="${variables:+, }{\"name\": \"$name\", \"value\": \"${!name}\"}"
  done
  kubectl create --output name --filename - <<JOB
{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "cepo-bench-"},
 "spec": {"backoffLimit": 0, "activeDeadlineSeconds": $((60 * minutes)), "ttlSecondsAfterFinished": 86400,
  "template": {"spec": {"restartPolicy": "Never",
   "containers": [{"name": "job", "image": "$IMAGE", "workingDir": "$PWD", "command": ["/bin/bash", "$script"],
    "env": [$variables],
    "resources": {"requests": {"cpu": "$cores", "memory": "${memory}M"}, "limits": {"memory": "${memory}M"$limit}},
    "volumeMounts": [{"name": "project", "mountPath": "$MOUNT"}, {"name": "shm", "mountPath": "/dev/shm"}]}],
   "volumes": [{"name": "project", "persistentVolumeClaim": {"claimName": "$CLAIM"}},
    {"name": "shm", "emptyDir": {"medium": "Memory"}}]}}}}
JOB
}

status() {
  local counts
  counts=$(kubectl get "$1" --output 'jsonpath=succeeded={.status.succeeded} failed={.status.failed}')
  case $counts in
    *succeeded=1*) echo success ;;
    *failed=1*) echo failed ;;
    *) echo running ;;
  esac
}

case $1 in
  submit | status) "$@" ;;
  *) kubectl delete "$@" ;;
esac
