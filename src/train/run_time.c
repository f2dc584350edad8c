/* When a run must stop so as to end within its time; see run_parts.h.
 *
 * Before its limit a run needs the step under way, the write under way and the stop's own. How long
 * those take is told by the longest so far; what is left over is for the unforeseen and for the
 * ranks' leaving. Rank 0 alone looks at the clock: its request reaches the others with a step's
 * tallies, as one by signal does. */
#include <math.h>

#include "run_writer.h"

static const double SPARE_SECONDS = 2.0;

void run_time_start(Run *run, double seconds) {
    run->time_limit = seconds > 0.0 ? clock_seconds() + seconds : INFINITY;
}

void run_time_foresee(Run *run, double seconds) {
    if (comm_rank(run->comm) != 0 || isinf(run->time_limit)) return;
    run->longest_step = fmax(run->longest_step, seconds);
    if (run->writing) return;
    double needed = 2.0 * (run->longest_step + run_writer_longest(run->writer)) + SPARE_SECONDS;
    signals_stop_at(run->time_limit - needed);
}
