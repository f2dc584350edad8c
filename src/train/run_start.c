/* Beginning with weights that another program trained; see run_parts.h.
 *
 * An imported checkpoint is no point of a run: nothing is known of its optimizer, data and
 * progress. A run that is told to resume from it begins there instead of at the initial weights,
 * with the configuration that it is given and the layers of the import. Once it has checkpoints of
 * its own it goes on from those, so that the same command starts and restarts it. */
#include <string.h>

#include "mnist_dist/base/log.h"
#include "run_parts.h"

/* Rank 0. */
static Status find(Run *run, Config *config, const RunRequest *request) {
    Status status = checkpoint_read(&run->start, request->resume);
    if (status != STATUS_OK) return status;
    run->has_start = checkpoint_is_imported(&run->start);
    if (!run->has_start) {
        checkpoint_free(&run->start);
        return STATUS_OK;
    }
    run->started = request->resume;
    memcpy(config->model.layers, run->start.config.model.layers, sizeof config->model.layers);
    return STATUS_OK;
}

Status run_find_start(Run *run, Config *config, RunRequest *request) {
    Status status = STATUS_OK;
    if (run_resume_kind(request) != RESUME_CHECKPOINT) return STATUS_OK;
    if (comm_rank(run->comm) == 0) status = find(run, config, request);
    status = comm_agree(run->comm, status);
    if (status != STATUS_OK) return status;
    run->has_start = comm_max(run->comm, run->has_start) != 0;
    if (!run->has_start) return STATUS_OK;
    comm_broadcast(run->comm, config->model.layers, sizeof config->model.layers, 0);
    request->resume = "auto";
    return STATUS_OK;
}

void run_start_over(Run *run) {
    Trainer *trainer = run->trainer;
    if (!run->has_start) return;
    if (comm_rank(run->comm) == 0) {
        log_line("initial weights: those of %s, an imported network", run->started);
        memcpy(trainer->params, run->start.params,
               model_parameter_count(run->model) * sizeof *trainer->params);
    }
    trainer_spread(trainer);
}
