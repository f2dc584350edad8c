/* What a model says of itself: counts, names, tensors, the summary, Keras's JSON, the initial
 * weights. */
#include <math.h>
#include <stdio.h>

#include "mnist_dist/base/rng.h"
#include "mnist_dist/nn/blas.h"
#include "nn_net.h"

static const ModelOptions baseline = {
    .layers = "conv 5x5 32 same relu, conv 5x5 32 same relu, maxpool 2x2, dropout 0.25, "
              "conv 3x3 64 same relu, conv 3x3 64 same relu, maxpool 2x2, dropout 0.25, flatten, "
              "dense 256 relu, dropout 0.5, dense 128 relu, dropout 0.5, dense 10 softmax"};

static Model *baseline_model(void) {
    Model *model = NULL;
    assert_int_equal(model_new(&model, &baseline), STATUS_OK);
    return model;
}

static void test_counts(void **state) {
    (void)state;
    Model *model = baseline_model();
    assert_int_equal(model_parameter_count(model), 919146);
    assert_int_equal(model_tensor_count(model), 14);
    assert_int_equal(model_layer_count(model), 14);
    assert_true(fabs(model_training_flops(model) / 193e6 - 1.0) < 1e-3);
    model_destroy(model);
}

static void test_names_count_up_by_kind(void **state) {
    (void)state;
    static const char *const names[] = {"conv2d",    "conv2d_1", "max_pooling2d",   "dropout",
                                        "conv2d_2",  "conv2d_3", "max_pooling2d_1", "dropout_1",
                                        "flatten",   "dense",    "dropout_2",       "dense_1",
                                        "dropout_3", "dense_2"};
    Model *model = baseline_model();
    for (size_t i = 0; i < 14; i++) assert_string_equal(model_layer_name(model, i), names[i]);
    model_destroy(model);
}

static void test_tensors_cover_the_vector_in_order(void **state) {
    (void)state;
    Model *model = baseline_model();
    size_t offset = 0;
    for (size_t i = 0; i < model_tensor_count(model); i++) {
        ModelTensor tensor = model_tensor(model, i);
        assert_int_equal(tensor.offset, offset);
        assert_string_equal(tensor.name, i % 2 == 0 ? "kernel" : "bias");
        offset += tensor.count;
    }
    assert_int_equal(offset, model_parameter_count(model));
    model_destroy(model);
}

static void test_a_tensor_has_kerass_shape(void **state) {
    (void)state;
    Model *model = baseline_model();
    ModelTensor kernel = model_tensor(model, 4), dense = model_tensor(model, 8);
    assert_string_equal(kernel.layer, "conv2d_2");
    assert_int_equal(kernel.rank, 4);
    assert_int_equal(kernel.dims[0] * 10 + kernel.dims[1], 33);
    assert_int_equal(kernel.dims[2], 32);
    assert_int_equal(kernel.dims[3], 64);
    assert_int_equal(dense.rank, 2);
    assert_int_equal(dense.dims[0], 3136);
    model_destroy(model);
}

static void test_summary(void **state) {
    (void)state;
    Model *model = NULL;
    ModelOptions options = {.layers = "conv 3x3 4 relu, maxpool 2x2, flatten, dense 10 softmax"};
    assert_int_equal(model_new(&model, &options), STATUS_OK);
    char *text = NULL;
    assert_int_equal(model_summary(&text, model), STATUS_OK);
    assert_string_equal(text,
                        "Model: \"sequential\"\n"
                        "______________________________________________________________________\n"
                        " Layer (type)                     Output Shape             Param #\n"
                        "======================================================================\n"
                        " conv2d (Conv2D)                  (None, 28, 28, 4)        40\n"
                        " max_pooling2d (MaxPooling2D)     (None, 14, 14, 4)        0\n"
                        " flatten (Flatten)                (None, 784)              0\n"
                        " dense (Dense)                    (None, 10)               7,850\n"
                        "======================================================================\n"
                        "Total params: 7,890 (30.82 KB)\n"
                        "Trainable params: 7,890 (30.82 KB)\n"
                        "Non-trainable params: 0 (0.00 B)\n"
                        "______________________________________________________________________\n");
    free(text);
    model_destroy(model);
}

static void test_summary_counts_running_statistics_apart(void **state) {
    (void)state;
    Model *model = NULL;
    ModelOptions options = {.layers = "maxpool 4x4, batchnorm relu, flatten, dense 10 softmax"};
    assert_int_equal(model_new(&model, &options), STATUS_OK);
    assert_int_equal(model_trained_count(model), 502);
    assert_int_equal(model_buffers_begin(model), MODEL_BUFFERS_ALIGNMENT);
    assert_int_equal(model_parameter_count(model), MODEL_BUFFERS_ALIGNMENT + 2);
    char *text = NULL;
    assert_int_equal(model_summary(&text, model), STATUS_OK);
    const char *rows = strstr(text, " batch");
    assert_non_null(rows);
    assert_string_equal(rows,
                        " batch_normalization (BatchNormalization) (None, 7, 7, 1)          4\n"
                        " activation (Activation)                  (None, 7, 7, 1)          0\n"
                        " flatten (Flatten)                        (None, 49)               0\n"
                        " dense (Dense)                            (None, 10)               500\n"
                        "======================================================================"
                        "========\n"
                        "Total params: 504 (1.97 KB)\n"
                        "Trainable params: 502 (1.96 KB)\n"
                        "Non-trainable params: 2 (8.00 B)\n"
                        "______________________________________________________________________"
                        "________\n");
    free(text);
    model_destroy(model);
}

static void test_keras_config(void **state) {
    (void)state;
    Model *model = NULL;
    ModelOptions options = {.layers = "dropout .25, maxpool 3x2, flatten, dense 10 softmax"};
    assert_int_equal(model_new(&model, &options), STATUS_OK);
    char *text = NULL;
    assert_int_equal(model_keras_config(&text, model), STATUS_OK);
    assert_string_equal(
        text,
        "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"sequential\",\"layers\":["
        "{\"class_name\":\"InputLayer\",\"config\":{\"batch_input_shape\":[null,28,28,1],"
        "\"dtype\":\"float32\",\"sparse\":false,\"ragged\":false,\"name\":\"input_1\"}},"
        "{\"class_name\":\"Dropout\",\"config\":{\"name\":\"dropout\",\"trainable\":true,"
        "\"dtype\":\"float32\",\"rate\":0.25,\"noise_shape\":null,\"seed\":null}},"
        "{\"class_name\":\"MaxPooling2D\",\"config\":{\"name\":\"max_pooling2d\",\"trainable\":"
        "true,"
        "\"dtype\":\"float32\",\"pool_size\":[3,2],\"padding\":\"valid\",\"strides\":[3,2],"
        "\"data_format\":\"channels_last\"}},"
        "{\"class_name\":\"Flatten\",\"config\":{\"name\":\"flatten\",\"trainable\":true,"
        "\"dtype\":\"float32\",\"data_format\":\"channels_last\"}},"
        "{\"class_name\":\"Dense\",\"config\":{\"name\":\"dense\",\"trainable\":true,"
        "\"dtype\":\"float32\",\"units\":10,\"activation\":\"softmax\",\"use_bias\":true,"
        "\"kernel_initializer\":{\"class_name\":\"GlorotUniform\",\"config\":{\"seed\":null}},"
        "\"bias_initializer\":{\"class_name\":\"Zeros\",\"config\":{}},"
        "\"kernel_regularizer\":null,\"bias_regularizer\":null,\"activity_regularizer\":null,"
        "\"kernel_constraint\":null,\"bias_constraint\":null}}]}}");
    free(text);
    model_destroy(model);
}

/* Python reads the whole of it, and finds the layers. */
static void test_keras_config_parses(void **state) {
    (void)state;
    if (system("python3 -c 0 2>/dev/null") != 0) skip();
    Model *model = baseline_model();
    char *text = NULL;
    assert_int_equal(model_keras_config(&text, model), STATUS_OK);
    FILE *python = popen("python3 -c 'import json, sys; m = json.load(sys.stdin); "
                         "l = m[\"config\"][\"layers\"]; "
                         "sys.exit(0 if len(l) == 15 and "
                         "l[2][\"config\"][\"kernel_size\"] == [5, 5] else 1)'",
                         "w");
    assert_non_null(python);
    assert_true(fputs(text, python) >= 0);
    assert_int_equal(pclose(python), 0);
    free(text);
    model_destroy(model);
}

static void check_glorot(const float *values, ModelTensor tensor, double limit) {
    double most = 0.0, sum = 0.0, squares = 0.0, n = (double)tensor.count;
    for (size_t i = 0; i < tensor.count; i++) {
        double value = (double)values[tensor.offset + i];
        most = fmax(most, fabs(value));
        sum += value;
        squares += value * value;
    }
    assert_true(most <= limit && most > 0.99 * limit);
    assert_true(fabs(sum / n) < 5.0 * limit / sqrt(3.0 * n));
    assert_true(fabs(squares / n / (limit * limit / 3.0) - 1.0) < 5.0 / sqrt(n));
}

static void test_initial_weights_are_glorots(void **state) {
    (void)state;
    Model *model = baseline_model();
    float *params = NULL;
    assert_int_equal(MEMORY_NEW(&params, model_parameter_count(model)), STATUS_OK);
    net_fill(params, model_parameter_count(model), 1, 9.0F);
    model_initialize(model, params, 42);
    check_glorot(params, model_tensor(model, 2), sqrt(6.0 / (25 * 32 + 25 * 32)));
    check_glorot(params, model_tensor(model, 4), sqrt(6.0 / (9 * 32 + 9 * 64)));
    check_glorot(params, model_tensor(model, 8), sqrt(6.0 / (3136 + 256)));
    ModelTensor bias = model_tensor(model, 1);
    for (size_t i = 0; i < bias.count; i++) assert_true(params[bias.offset + i] == 0.0F);
    free(params);
    model_destroy(model);
}

/* The second tensor with random numbers is tensor 2: element e takes word e % 4 of draw e / 4. */
static void test_initial_weights_are_as_documented(void **state) {
    (void)state;
    Net net = net_new("flatten, dense 3 relu, dense 10 softmax", (Shape){4, 4, 1, false}, 1);
    model_initialize(net.model, net.params, 1);
    RngStream stream = {1, RNG_INITIAL_WEIGHTS, 0, 0, 2};
    for (uint32_t e = 0; e < 30; e++) {
        uint32_t words[4];
        rng_words(words, &stream, e / 4);
        double expected = (2.0 * (double)rng_uniform(words[e % 4]) - 1.0) * sqrt(6.0 / 13.0);
        assert_true(net.params[16 * 3 + 3 + e] == (float)expected);
    }
    net_destroy(&net);
}

static void test_initial_weights_are_a_function_of_the_seed(void **state) {
    (void)state;
    Net net = net_new("flatten, dense 10 softmax", (Shape){4, 4, 1, false}, 1);
    size_t bytes = net.parameters * sizeof(float);
    model_initialize(net.model, net.params, 1);
    model_initialize(net.model, net.gradients, 1);
    assert_memory_equal(net.params, net.gradients, bytes);
    model_initialize(net.model, net.gradients, 2);
    assert_memory_not_equal(net.params, net.gradients, bytes);
    net_destroy(&net);
}

static void test_evaluation_needs_less_memory(void **state) {
    (void)state;
    Model *model = baseline_model();
    Scratch *trains = NULL, *evaluates = NULL;
    assert_int_equal(scratch_new(&trains, model, 11, true), STATUS_OK);
    assert_int_equal(scratch_new(&evaluates, model, 11, false), STATUS_OK);
    assert_true(scratch_bytes(evaluates) < scratch_bytes(trains) * 6 / 10);
    assert_true(scratch_bytes(trains) < 10000000);
    scratch_destroy(trains);
    scratch_destroy(evaluates);
    scratch_destroy(NULL);
    model_destroy(model);
}

static void test_blas_names_itself(void **state) {
    (void)state;
    char text[96];
    blas_describe(text);
    assert_memory_equal(text, "OpenBLAS 0.", 11);
    assert_true(strlen(text) < 64);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_names_count_up_by_kind),
        cmocka_unit_test(test_tensors_cover_the_vector_in_order),
        cmocka_unit_test(test_a_tensor_has_kerass_shape),
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_summary_counts_running_statistics_apart),
        cmocka_unit_test(test_keras_config),
        cmocka_unit_test(test_keras_config_parses),
        cmocka_unit_test(test_initial_weights_are_glorots),
        cmocka_unit_test(test_initial_weights_are_as_documented),
        cmocka_unit_test(test_initial_weights_are_a_function_of_the_seed),
        cmocka_unit_test(test_evaluation_needs_less_memory),
        cmocka_unit_test(test_blas_names_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
