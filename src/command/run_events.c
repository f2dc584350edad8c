/* See run_events.h. */
#include "command/run_events.h"

#include "mnist_dist/base/log.h"
#include "mnist_dist/export/events.h"

void run_events_write(const char *directory, const Checkpoint *checkpoint) {
    if (events_write(directory, checkpoint) == STATUS_OK) return;
    log_warning("%s; TensorBoard does not see the newest steps", status_message());
    status_clear();
}
