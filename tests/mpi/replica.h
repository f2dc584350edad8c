/* A trainer on made-up images with all that it stands on, for tests on many ranks. */
#pragma once

#include "ranks.h"

#include <stdlib.h>
#include <string.h>

#include "mnist_dist/train/trainer.h"

enum { ROWS = 200 };

static const char *const USUAL[] = {
    "data.folds=0",
    "model.layers=conv 3x3 4 same relu, maxpool 2x2, flatten, dense 32 relu, dropout 0.25, "
    "dense 10 softmax",
    "training.batch_size=50",
    "schedule.kind=constant",
    NULL,
};

/* A trainer with all that it stands on. */
typedef struct Replica {
    uint8_t images[ROWS * DIGIT_PIXELS], labels[ROWS];
    Config config;
    Workload workload;
    Model *model;
    Pool *pool;
    Trainer *trainer;
} Replica;

static inline void make_workload(Replica *replica) {
    for (size_t i = 0; i < sizeof replica->images; i++)
        replica->images[i] = (uint8_t)(i * 2654435761u >> 11);
    for (size_t i = 0; i < ROWS; i++) {
        replica->labels[i] = (uint8_t)(i * 7 % DIGIT_CLASSES);
        memset(replica->images + i * DIGIT_PIXELS + replica->labels[i] * 70u, 255, 70);
    }
    replica->workload.dataset = (Dataset){.info = {.train_rows = ROWS},
                                          .train_images = replica->images,
                                          .train_labels = replica->labels};
    assert_int_equal(split_new(&replica->workload.split, replica->labels, ROWS, 0, 0), STATUS_OK);
}

/* A key's value may hold blanks, as `~`. */
static inline void set(Config *config, char *key) {
    for (char *c = key; *c != '\0'; c++)
        if (*c == '~') *c = ' ';
    assert_int_equal(config_set(config, key), STATUS_OK);
}

/* **Collective.** `keys` are separated by spaces. */
static inline Replica *start(const char *keys) {
    Replica *replica = calloc(1, sizeof *replica);
    char words[1024], *rest = words;
    assert_non_null(replica);
    config_defaults(&replica->config);
    for (size_t i = 0; USUAL[i] != NULL; i++)
        assert_int_equal(config_set(&replica->config, USUAL[i]), STATUS_OK);
    snprintf(words, sizeof words, "%s", keys);
    for (char *word; (word = strsep(&rest, " ")) != NULL;)
        if (*word != '\0') set(&replica->config, word);
    make_workload(replica);
    assert_int_equal(model_new(&replica->model, &replica->config.model), STATUS_OK);
    assert_int_equal(pool_new(&replica->pool, 2), STATUS_OK);
    assert_int_equal(trainer_new(&replica->trainer, comm, replica->pool, &replica->config,
                                 replica->model, &replica->workload),
                     STATUS_OK);
    assert_int_equal(trainer_begin_epoch(replica->trainer), STATUS_OK);
    return replica;
}

static inline void stop(Replica *replica) {
    trainer_destroy(replica->trainer);
    pool_destroy(replica->pool);
    model_destroy(replica->model);
    workload_destroy(&replica->workload);
    free(replica);
}

/* **Collective.** */
static inline void make_steps(Replica *replica, int steps) {
    Request request;
    for (int i = 0; i < steps; i++)
        assert_on_all_ranks(trainer_step(replica->trainer, &request) == STATUS_OK);
    trainer_settle(replica->trainer);
}
