/* How long a training may take: --max-time, or what Slurm says of its job. */
#pragma once

#include "command/arguments.h"

/* *seconds from now on, 0 for any. Times are as sbatch's --time takes them: MINUTES,
 * MINUTES:SECONDS, HOURS:MINUTES:SECONDS, DAYS-HOURS, DAYS-HOURS:MINUTES,
 * DAYS-HOURS:MINUTES:SECONDS, UNLIMITED. Without --max-time the job's end counts that newer Slurms
 * (from 23.02 on) put into SLURM_JOB_END_TIME. STATUS_USAGE for another text. */
Status time_limit_find(double *seconds, const Arguments *arguments);
