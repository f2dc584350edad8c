/* Drawn digits twice, all in memory and as labels alone, for tests of the window on many ranks. */
#pragma once

#include "ranks.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mnist_dist/data/synth.h"
#include "train/window.h"

static char h5[64];
static Workload whole, labels;
static Sampler sampler;

/* What a window is made with. */
static inline DataOptions window_options(int64_t megabytes) {
    DataOptions options = {.window = megabytes};
    snprintf(options.path, sizeof options.path, "%s", h5);
    return options;
}

/* **Collective.** `rows` of them, of which part `fold` of `folds` is held out; 0 if none is. */
static inline int load_twice(size_t rows, int64_t folds, int64_t fold, int64_t megabytes) {
    const SynthOptions drawn = {1, rows, 10, 1};
    long number = getpid();
    comm_broadcast(comm, &number, sizeof number, 0);
    snprintf(h5, sizeof h5, "/tmp/mnist_dist_window.%ld.h5", number);
    DataOptions options = window_options(0);
    options.folds = folds;
    Status status = comm_rank(comm) == 0 ? synth_write(h5, &drawn, NULL) : STATUS_OK;
    TRY(comm_agree(comm, status));
    TRY(workload_load(&whole, comm, &options, fold));
    options.window = megabytes;
    TRY(workload_load(&labels, comm, &options, fold));
    sampler = (Sampler){5, whole.split.train_count};
cleanup:
    return status == STATUS_OK ? 0 : -1;
}

static inline int tear_down(void **state) {
    (void)state;
    workload_destroy(&labels);
    workload_destroy(&whole);
    if (comm_rank(comm) == 0) unlink(h5);
    return 0;
}
