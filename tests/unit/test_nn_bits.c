/* A sample's logits are the same bits however many samples go with it, at whichever place it
 * stands, and in scratch of either kind. */
#include "mnist_dist/nn/blas.h"
#include "nn_net.h"

#define BASELINE                                                                                   \
    "conv 5x5 32 same relu, conv 5x5 32 same relu, maxpool 2x2, dropout 0.25, "                    \
    "conv 3x3 64 same relu, conv 3x3 64 same relu, maxpool 2x2, dropout 0.25, flatten, "           \
    "dense 256 relu, dropout 0.5, dense 128 relu, dropout 0.5, dense 10 softmax"

/* Odd sizes: edges of OpenBLAS's blocks in every direction. */
#define ODD                                                                                        \
    "conv 3x3 7 relu, maxpool 3x3, dropout .3, flatten, dense 37 relu, dropout .5, dense 19, "     \
    "dense 10 softmax"

enum { ROW = DIGIT_CLASSES * sizeof(float), MOST = 35 };

static const Shape digit = {DIGIT_SIDE, DIGIT_SIDE, 1, false};

static void logits_of(float *logits, Net *net, size_t n, bool training) {
    ModelPass pass = net_pass(net, n, training);
    memcpy(logits, model_forward(net->model, net->params, net->scratch, &pass), n * ROW);
}

/* Moves the net's samples round by `places`. */
static void rotate(Net *net, size_t n, size_t places) {
    float *images = malloc(n * net->pixels * sizeof *images);
    assert_non_null(images);
    uint32_t ids[MOST];
    for (size_t i = 0; i < n; i++) {
        size_t to = (i + places) % n;
        memcpy(images + to * net->pixels, net->images + i * net->pixels,
               net->pixels * sizeof *images);
        ids[to] = net->ids[i];
    }
    memcpy(net->images, images, n * net->pixels * sizeof *images);
    memcpy(net->ids, ids, n * sizeof *ids);
    free(images);
}

static Net net_with_glorot(const char *list, size_t capacity) {
    Net net = net_new(list, digit, capacity);
    model_initialize(net.model, net.params, 5);
    return net;
}

static void check_counts(const char *list, size_t most, bool training) {
    Net net = net_with_glorot(list, most);
    float all[MOST * DIGIT_CLASSES], some[MOST * DIGIT_CLASSES];
    logits_of(all, &net, most, training);
    for (size_t n = 0; n < most; n++) {
        logits_of(some, &net, n, training);
        assert_memory_equal(some, all, n * ROW);
    }
    net_destroy(&net);
}

static void check_positions(const char *list, size_t n, bool training) {
    Net net = net_with_glorot(list, n);
    float first[MOST * DIGIT_CLASSES], now[MOST * DIGIT_CLASSES];
    logits_of(first, &net, n, training);
    for (size_t moved = 1; moved < n; moved++) {
        rotate(&net, n, 1);
        logits_of(now, &net, n, training);
        for (size_t i = 0; i < n; i++)
            assert_memory_equal(now + (i + moved) % n * DIGIT_CLASSES, first + i * DIGIT_CLASSES,
                                ROW);
    }
    net_destroy(&net);
}

static void test_count_changes_no_bit(void **state) {
    (void)state;
    check_counts(BASELINE, 17, false);
    check_counts(BASELINE, 6, true);
    check_counts(ODD, MOST, true);
}

static void test_position_changes_no_bit(void **state) {
    (void)state;
    check_positions(BASELINE, 16, true);
    check_positions(ODD, MOST, true);
}

static void test_scratch_changes_no_bit(void **state) {
    (void)state;
    Net net = net_with_glorot(ODD, 16);
    float first[16 * DIGIT_CLASSES];
    logits_of(first, &net, 16, false);
    Scratch *small = NULL;
    assert_int_equal(scratch_new(&small, net.model, 40, false), STATUS_OK);
    ModelPass pass = net_pass(&net, 16, false);
    assert_memory_equal(model_forward(net.model, net.params, small, &pass), first, 16 * ROW);
    scratch_destroy(small);
    net_destroy(&net);
}

/* Whatever a call left in the scratch, the next one must not see it. */
static void test_scratch_has_no_memory(void **state) {
    (void)state;
    Net net = net_with_glorot(ODD, 16);
    size_t bytes = net.parameters * sizeof(float);
    float *fresh = malloc(bytes);
    assert_non_null(fresh);
    net_gradients(&net, 5, true);
    memcpy(fresh, net.gradients, bytes);
    net_gradients(&net, 16, true);
    net_gradients(&net, 5, true);
    assert_memory_equal(net.gradients, fresh, bytes);
    free(fresh);
    net_destroy(&net);
}

/* A sample's gradient with respect to the images is not announced, but the first layer's weight
 * gradient of one sample is made of it: it must not hang on the place either. */
static void test_gradient_of_one_sample_is_the_same_in_any_place(void **state) {
    (void)state;
    Net net = net_with_glorot(ODD, 16);
    size_t bytes = model_tensor(net.model, 2).offset * sizeof(float); /* the convolution's */
    float *first = malloc(bytes), dlogits[16 * DIGIT_CLASSES];
    assert_non_null(first);
    for (size_t place = 0; place < 16; place++) {
        ModelPass pass = net_pass(&net, 16, true);
        model_forward(net.model, net.params, net.scratch, &pass);
        memset(dlogits, 0, sizeof dlogits);
        net_fill(dlogits + place * DIGIT_CLASSES, DIGIT_CLASSES, 4, 1.0F);
        model_backward(net.model, net.params, net.scratch, &pass, dlogits,
                       &(ModelGradients){.dparams = net.gradients});
        if (place == 0) memcpy(first, net.gradients, bytes);
        assert_memory_equal(net.gradients, first, bytes);
        rotate(&net, 16, 1);
    }
    free(first);
    net_destroy(&net);
}

int main(void) {
    blas_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count_changes_no_bit),
        cmocka_unit_test(test_position_changes_no_bit),
        cmocka_unit_test(test_scratch_changes_no_bit),
        cmocka_unit_test(test_scratch_has_no_memory),
        cmocka_unit_test(test_gradient_of_one_sample_is_the_same_in_any_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
