/* Options of the step, each against the steps of a trainer without it: the same made-up images, the
 * same seed, any number of ranks. */
#include "replica.h"

#include <math.h>
#include <string.h>

enum { MOST_PARAMETERS = 32768 };

/* **Collective.** The parameters after so many steps from the start; returns their number. */
static size_t train(float params[MOST_PARAMETERS], int steps, const char *keys) {
    Replica *replica = start(keys);
    size_t count = model_parameter_count(replica->model);
    assert_true(count <= MOST_PARAMETERS);
    make_steps(replica, steps);
    memcpy(params, replica->trainer->params, count * sizeof *params);
    comm_barrier(comm);
    stop(replica);
    return count;
}

static float before[MOST_PARAMETERS], one[MOST_PARAMETERS], other[MOST_PARAMETERS],
    third[MOST_PARAMETERS];

static double distance(const float *a, const float *b, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sqrt(sum);
}

#define PLAIN_SGD "optimizer.kind=sgd optimizer.learning_rate=1 "

/* At a rate of 1 the step is as long as the gradient. */
static void clipping_shortens_a_long_gradient_and_turns_none(void **state) {
    (void)state;
    size_t count = train(before, 0, PLAIN_SGD);
    train(one, 1, PLAIN_SGD);
    train(other, 1, PLAIN_SGD "optimizer.clip_norm=0.125");
    train(third, 1, PLAIN_SGD "optimizer.clip_norm=1000");
    double length = distance(one, before, count), error = 0.0;
    assert_on_all_ranks(length > 0.5);
    assert_on_all_ranks(fabs(distance(other, before, count) - 0.125) < 1e-5);
    for (size_t i = 0; i < count; i++) {
        double whole = (double)one[i] - (double)before[i];
        double clipped = (double)other[i] - (double)before[i];
        error = fmax(error, fabs(clipped - whole * 0.125 / length));
    }
    assert_on_all_ranks(error < 1e-6);
    assert_on_all_ranks(memcmp(third, one, count * sizeof *one) == 0);
}

#define ADAMW "optimizer.kind=adamw optimizer.learning_rate=0.1 "

/* Biases are zero at first, so that only the second step could show their decay. */
static void kernels_alone_decay_where_biases_are_spared(void **state) {
    (void)state;
    train(one, 1, ADAMW "optimizer.weight_decay=0.5");
    train(other, 1, ADAMW "optimizer.weight_decay=0");
    train(third, 1, ADAMW "optimizer.weight_decay=0.5 optimizer.decay_biases=false");
    Replica *replica = start("");
    bool kernels = true, biases = true, differ = true;
    for (size_t i = 0; i < model_tensor_count(replica->model); i++) {
        ModelTensor tensor = model_tensor(replica->model, i);
        size_t bytes = tensor.count * sizeof(float), at = tensor.offset;
        bool kernel = strcmp(tensor.name, "kernel") == 0;
        if (kernel) kernels = kernels && memcmp(third + at, one + at, bytes) == 0;
        if (kernel) differ = differ && memcmp(third + at, other + at, bytes) != 0;
        if (!kernel) biases = biases && memcmp(third + at, other + at, bytes) == 0;
    }
    stop(replica);
    assert_on_all_ranks(kernels && biases && differ);
    train(one, 2, ADAMW "optimizer.weight_decay=0.5");
    train(third, 2, ADAMW "optimizer.weight_decay=0.5 optimizer.decay_biases=false");
    assert_on_all_ranks(memcmp(one + 36, third + 36, 4 * sizeof *one) != 0); /* the first biases */
}

/* The weights that predict are the mean of those after steps 2, 3 and 4; the training itself is as
 * it is without. */
static void an_average_predicts_and_leaves_the_training_alone(void **state) {
    (void)state;
    size_t count = train(before, 4, "");
    Replica *replica = start("average.kind=swa average.start_epoch=0.25");
    make_steps(replica, 1);
    bool none = trainer_weights(replica->trainer) == replica->trainer->params;
    memset(other, 0, sizeof other);
    for (int step = 2; step <= 4; step++) {
        make_steps(replica, 1);
        for (size_t i = 0; i < count; i++) other[i] += replica->trainer->params[i] / 3;
        comm_barrier(comm);
    }
    trainer_gather_average(replica->trainer);
    bool same = memcmp(replica->trainer->params, before, count * sizeof *before) == 0;
    double error = distance(trainer_weights(replica->trainer), other, count);
    double apart = distance(trainer_weights(replica->trainer), before, count);
    comm_barrier(comm);
    stop(replica);
    assert_on_all_ranks(none && same);
    assert_on_all_ranks(error < 1e-5);
    assert_on_all_ranks(apart > 1e-3);
}

#define THREE_BATCHES                                                                              \
    "training.drop_last=true training.batch_size=60 "                                              \
    "model.layers=flatten,batchnorm~momentum~0,dense~10~softmax "

/* With a momentum of 0 a step leaves the batch's statistics; of the input, so that the weights do
 * not matter. There are three batches in an epoch. */
static void statistics_are_measured_as_steps_find_them(void **state) {
    (void)state;
    enum { COUNT = 2 * DIGIT_PIXELS };
    static float measured[COUNT], again[COUNT];
    static double sums[COUNT];
    Replica *replica = start(THREE_BATCHES);
    Trainer *trainer = replica->trainer;
    size_t begin = model_buffers_begin(replica->model);
    assert_int_equal(model_parameter_count(replica->model) - begin, COUNT);
    assert_on_all_ranks(trainer_measure_statistics(trainer, measured, trainer->params, 3) ==
                        STATUS_OK);
    memset(sums, 0, sizeof sums);
    for (int step = 0; step < 3; step++) {
        make_steps(replica, 1);
        for (size_t i = 0; i < COUNT; i++) sums[i] += (double)trainer->params[begin + i];
        comm_barrier(comm);
    }
    double error = 0.0, most = 0.0;
    for (size_t i = 0; i < COUNT; i++) {
        error = fmax(error, fabs((double)measured[i] - sums[i] / 3));
        most = fmax(most, fabs(sums[i]));
    }
    assert_on_all_ranks(most > 0.5);
    assert_on_all_ranks(error < 1e-7);
    assert_on_all_ranks(trainer_measure_statistics(trainer, again, trainer->params, 99) ==
                        STATUS_OK);
    assert_on_all_ranks(memcmp(measured, again, sizeof measured) == 0);
    stop(replica);
    replica = start(THREE_BATCHES "training.accumulate=3"); /* all in one step */
    trainer = replica->trainer;
    assert_on_all_ranks(trainer_measure_statistics(trainer, again, trainer->params, 3) ==
                        STATUS_OK);
    assert_on_all_ranks(memcmp(measured, again, sizeof measured) == 0);
    stop(replica);
}

#define NORMALISED                                                                                 \
    "model.layers=flatten,dense~24,batchnorm~relu,dense~10~softmax average.kind=ema "              \
    "average.decay=0.5 "

/* Of the average's weights, which measuring leaves alone, as it does the training. Until then it
 * has those that a run without measuring has: a checkpoint within an epoch is to predict, too. */
static void an_average_has_its_own_statistics_measured(void **state) {
    (void)state;
    static float measured[48];
    size_t count = train(before, 3, NORMALISED);
    Replica *replica = start(NORMALISED);
    make_steps(replica, 3);
    trainer_gather_average(replica->trainer);
    memcpy(other, replica->trainer->average, count * sizeof *other);
    comm_barrier(comm);
    stop(replica);
    replica = start(NORMALISED "average.measure_batches=2");
    Trainer *trainer = replica->trainer;
    size_t begin = model_buffers_begin(replica->model);
    assert_int_equal(count - begin, 48);
    make_steps(replica, 3);
    trainer_gather_average(trainer);
    memcpy(one, trainer->average, count * sizeof *one);
    assert_on_all_ranks(memcmp(one, other, count * sizeof *one) == 0);
    assert_on_all_ranks(trainer_measure_statistics(trainer, measured, one, 2) == STATUS_OK);
    assert_on_all_ranks(trainer_measure_average(trainer) == STATUS_OK);
    const float *average = trainer_weights(trainer);
    bool own = memcmp(average + begin, measured, sizeof measured) == 0;
    bool apart = memcmp(average + begin, before + begin, sizeof measured) != 0;
    bool weights = memcmp(average, one, begin * sizeof *one) == 0;
    bool training = memcmp(trainer->params, before, count * sizeof *before) == 0;
    comm_barrier(comm);
    stop(replica);
    assert_on_all_ranks(own && apart && weights && training);
}

/* Without dropout, and with batches that divide into shards, a step of four batches of 40 is one of
 * 160 but for the order in which samples are added; the last step has the 40 that are left. */
static void batches_add_up_to_a_step(void **state) {
    (void)state;
    static const char LAYERS[] = "model.layers=flatten,dense~24~relu,dense~10~softmax";
    char whole[256], parts[256];
    snprintf(whole, sizeof whole, "%s %straining.batch_size=160", LAYERS, PLAIN_SGD);
    snprintf(parts, sizeof parts, "%s %straining.batch_size=40 training.accumulate=4", LAYERS,
             PLAIN_SGD);
    size_t count = train(before, 0, whole);
    for (int steps = 1; steps <= 2; steps++) {
        train(one, steps, whole);
        train(other, steps, parts);
        assert_on_all_ranks(distance(one, before, count) > 0.1);
        assert_on_all_ranks(distance(one, other, count) < 1e-4);
    }
    Replica *replica = start(parts);
    bool two = replica->trainer->steps_per_epoch == 2;
    make_steps(replica, 2);
    bool all = replica->trainer->progress.running.count == ROWS;
    stop(replica);
    assert_on_all_ranks(two && all);
}

/* A kernel's step is as long as its weights' norm says; a bias's is not. */
static void layerwise_steps_are_as_long_as_the_weights_say(void **state) {
    (void)state;
    static const char *const KEYS[] = {
        "optimizer.kind=lamb optimizer.learning_rate=0.01 optimizer.clip_norm=0.1",
        "optimizer.kind=lars optimizer.learning_rate=0.5 optimizer.trust=0.02 "
        "optimizer.weight_decay=0"};
    train(before, 0, "");
    Replica *replica = start("");
    for (size_t k = 0; k < 2; k++) {
        bool good = true;
        train(one, 1, KEYS[k]);
        for (size_t i = 0; i < model_tensor_count(replica->model); i++) {
            ModelTensor tensor = model_tensor(replica->model, i);
            const float *was = before + tensor.offset, *is = one + tensor.offset;
            memset(other, 0, sizeof other);
            double step = distance(is, was, tensor.count),
                   norm = distance(was, other, tensor.count);
            bool kernel = strcmp(tensor.name, "kernel") == 0;
            good = good && (kernel ? fabs(step / (0.01 * norm) - 1.0) < 1e-3 : step > 0.0);
        }
        assert_on_all_ranks(good);
    }
    stop(replica);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(clipping_shortens_a_long_gradient_and_turns_none),
    cmocka_unit_test(kernels_alone_decay_where_biases_are_spared),
    cmocka_unit_test(an_average_predicts_and_leaves_the_training_alone),
    cmocka_unit_test(an_average_has_its_own_statistics_measured),
    cmocka_unit_test(batches_add_up_to_a_step),
    cmocka_unit_test(layerwise_steps_are_as_long_as_the_weights_say),
    cmocka_unit_test(statistics_are_measured_as_steps_find_them),
};

RUN_ON_RANKS(tests, NULL, NULL)
