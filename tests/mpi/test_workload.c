/* The data of several runs, one after the other in one process, as `compare` has them. */
#include "ranks.h"

#include <string.h>
#include <unistd.h>

#include "mnist_dist/data/import.h"
#include "mnist_dist/train/workload.h"

enum { ROWS = 40 };

static char csv[64], h5[64];

static bool write_csv(void) {
    FILE *file = fopen(csv, "w");
    if (file == NULL) return false;
    fputs("label", file);
    for (int i = 0; i < DIGIT_PIXELS; i++) fprintf(file, ",pixel%d", i);
    for (int row = 0; row < ROWS; row++) {
        fprintf(file, "\n%d", row % DIGIT_CLASSES);
        for (int i = 0; i < DIGIT_PIXELS; i++) fprintf(file, ",%d", (row + i) % 256);
    }
    return fclose(file) == 0;
}

/* **Collective.** Rank 0 makes the file. */
static bool make_data(void) {
    ImportSummary summary;
    long number = getpid();
    comm_broadcast(comm, &number, sizeof number, 0);
    snprintf(csv, sizeof csv, "/tmp/mnist_dist_workload.%ld.csv", number);
    snprintf(h5, sizeof h5, "/tmp/mnist_dist_workload.%ld.h5", number);
    bool good = comm_rank(comm) != 0 ||
                (write_csv() && import_files(&summary, csv, NULL, h5, NULL) == STATUS_OK);
    comm_barrier(comm);
    return good;
}

static void data_are_given_back(void **state) {
    (void)state;
    DataOptions options = {.folds = 4};
    assert_on_all_ranks(make_data());
    snprintf(options.path, sizeof options.path, "%s", h5);
    size_t before = comm_shared_count(comm);
    for (int run = 0; run < 3; run++) {
        Workload workload;
        assert_on_all_ranks(workload_load(&workload, comm, &options, run) == STATUS_OK);
        assert_on_all_ranks(workload.split.validation_count == ROWS / 4);
        assert_on_all_ranks(workload.dataset.train_images[DIGIT_PIXELS] == 1);
        comm_barrier(comm);
        workload_destroy(&workload);
        assert_on_all_ranks(comm_shared_count(comm) == before);
    }
    options.path[strlen(options.path) - 1] = '6';
    Workload none;
    assert_on_all_ranks(workload_load(&none, comm, &options, 0) == STATUS_DATA);
    assert_on_all_ranks(comm_shared_count(comm) == before);
    status_clear();
    if (comm_rank(comm) == 0) unlink(csv), unlink(h5);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(data_are_given_back),
};

RUN_ON_RANKS(tests, NULL, NULL)
