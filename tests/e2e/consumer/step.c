/* Trains a step through the installed headers alone: step DIGITS.h5. Prints the step's loss and the
 * program's exit code for what went wrong. */
#include <mnist_dist/base/log.h>
#include <mnist_dist/nn/blas.h>
#include <mnist_dist/train/trainer.h>

typedef struct Replica {
    Comm *comm;
    Config config;
    Workload workload;
    Model *model;
    Pool *pool;
    Trainer *trainer;
} Replica;

static Status build(Replica *replica, const char *path) {
    Config *config = &replica->config;
    Status status;
    config_defaults(config);
    snprintf(config->data.path, sizeof config->data.path, "%s", path);
    TRY(config_set(config, "training.batch_size=20"));
    TRY(config_check(config));
    TRY(workload_load(&replica->workload, replica->comm, &config->data,
                      config_held_out_fold(config)));
    TRY(model_new(&replica->model, &config->model));
    TRY(pool_new(&replica->pool, 1));
    TRY(trainer_new(&replica->trainer, replica->comm, replica->pool, config, replica->model,
                    &replica->workload));
cleanup:
    return status;
}

static Status make_step(Replica *replica) {
    Request request;
    Status status;
    TRY(trainer_begin_epoch(replica->trainer));
    TRY(trainer_step(replica->trainer, &request));
    log_line("loss %.6f of %zu parameters", history_step(&replica->trainer->history, 0, STEP_LOSS),
             model_parameter_count(replica->model));
cleanup:
    return status;
}

static void destroy(Replica *replica) {
    trainer_destroy(replica->trainer);
    pool_destroy(replica->pool);
    model_destroy(replica->model);
    workload_destroy(&replica->workload);
}

int main(int argc, char *argv[]) {
    Replica replica = {0};
    const char *path = argc > 1 ? argv[1] : "digits.h5";
    Status status = comm_start(&replica.comm, &argc, &argv);
    if (status != STATUS_OK) return (int)status;
    log_start(comm_rank(replica.comm) == 0);
    blas_start();
    status = build(&replica, path);
    if (status == STATUS_OK) status = make_step(&replica);
    if (status != STATUS_OK) log_error("%s", status_message());
    destroy(&replica);
    comm_finish(replica.comm);
    return (int)status;
}
