/* What the files bench_scaling*.c share: measurements of what a step is made of. */
#pragma once

#include "command/bench.h"
#include "command/scaling_model.h"

/* Memory and data for a rank's own work. */
typedef struct WorkBench WorkBench;
/* **Collective**, but for the end. */
Status work_bench_new(WorkBench **out, const BenchSetting *setting);
void work_bench_destroy(WorkBench *bench);

/* **Collective.** A rank's own work, in processor time, while all ranks do it at once. */
void work_bench_measure(ScalingWork *work, WorkBench *bench);

/* Memory for messages. */
typedef struct NetworkBench NetworkBench;
Status network_bench_new(NetworkBench **out, const BenchSetting *setting);
void network_bench_destroy(NetworkBench *bench);

/* **Collective.** How much longer a step's shards take while all ranks are at theirs, beginning
 * together. */
double work_bench_crowding(WorkBench *bench, NetworkBench *network, const ScalingWork *work);

/* **Collective.** Waits for the others, asleep, as a step does. */
void network_bench_meet(NetworkBench *bench);

/* **Collective.** Exchanges between ranks; nothing of a single one. */
void network_bench_measure(ScalingNetwork *network, NetworkBench *bench);
