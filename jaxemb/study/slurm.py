"""A sweep as an array job of SLURM."""

import shlex
from collections.abc import Sequence

from jaxemb.config import UsageError


def slurm_script(
    commands: Sequence[Sequence[str]],
    *,
    name: str,
    hours: int = 4,
    cores: int = 4,
    memory_gb: int = 16,
) -> str:
    """Text for `sbatch`: an array job with one task per command, to be edited for the cluster at hand.

    A task that is requeued goes on where it stopped, since finished seeds are skipped.
    """
    if not commands:
        raise UsageError("There is nothing to run: the sweep has no arms.")
    cases = [f"  {n}) exec {shlex.join(command)} ;;" for n, command in enumerate(commands)]
    return "\n".join(
        [
            "#!/bin/bash",
            f"#SBATCH --job-name={name}",
            f"#SBATCH --array=0-{len(commands) - 1}",
            f"#SBATCH --time={hours:02d}:00:00",
            f"#SBATCH --cpus-per-task={cores}",
            f"#SBATCH --mem={memory_gb}G",
            "#SBATCH --requeue",
            "#SBATCH --signal=B:INT@60",
            "#SBATCH --output=logs/%A_%a.txt",
            'case "$SLURM_ARRAY_TASK_ID" in',
            *cases,
            "esac",
            "",
        ]
    )
