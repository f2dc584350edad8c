/* The configuration's list of layers: what is taken, and the line that says what is wrong. */
#include <stdio.h>

#include "nn_net.h"

static const Shape digit = {DIGIT_SIDE, DIGIT_SIDE, 1, false};

static Status plan(Model **model, const char *list) {
    static ModelOptions options;
    snprintf(options.layers, sizeof options.layers, "%s", list);
    return model_plan(model, &options, digit);
}

static void expect_failure(const char *list, const char *line) {
    Model *model = NULL;
    assert_int_equal(plan(&model, list), STATUS_USAGE);
    assert_null(model);
    assert_string_equal(status_message(), line);
    status_clear();
}

static size_t parameters_of(const char *list) {
    Model *model = NULL;
    assert_int_equal(plan(&model, list), STATUS_OK);
    size_t count = model_parameter_count(model);
    model_destroy(model);
    return count;
}

static void test_blanks_and_order_of_words_are_free(void **state) {
    (void)state;
    assert_int_equal(parameters_of("flatten,dense 10 softmax"), 7850);
    assert_int_equal(parameters_of("  flatten ,\n\tdense   10\tsoftmax \n"), 7850);
    assert_int_equal(parameters_of("conv 1x1 2 relu same, flatten, dense 10 softmax"), 15694);
    assert_int_equal(parameters_of("conv 1x1 2 linear, flatten, dense 10 softmax"), 15694);
    assert_int_equal(parameters_of("dropout .25, flatten, dropout 0, dense 10 softmax"), 7850);
}

static void test_unknown_layer_names_the_nearest(void **state) {
    (void)state;
    expect_failure("conv 5x5 32, conv 5x5 32, maxpol 2x2",
                   "model.layers: layer 3 \"maxpol 2x2\": unknown layer \"maxpol\"; did you mean "
                   "maxpool?");
    expect_failure("transformer",
                   "model.layers: layer 1 \"transformer\": unknown layer "
                   "\"transformer\"; there are: conv, dense, batchnorm, relu, "
                   "leakyrelu, maxpool, avgpool, globalavgpool, dropout, flatten, save, "
                   "add");
}

static void test_unknown_word_names_the_nearest(void **state) {
    (void)state;
    expect_failure("conv 5x5 32 smae", "model.layers: layer 1 \"conv 5x5 32 smae\": unknown word "
                                       "\"smae\"; did you mean same?");
    expect_failure("flatten, dense 10 sofmax", "model.layers: layer 2 \"dense 10 sofmax\": unknown "
                                               "word \"sofmax\"; did you mean softmax?");
}

static void test_missing_and_bad_numbers(void **state) {
    (void)state;
    expect_failure("conv", "model.layers: layer 1 \"conv\": kernel missing: expected height x "
                           "width, as in \"conv 5x5 32 same relu\"");
    expect_failure("conv 5 32", "model.layers: layer 1 \"conv 5 32\": kernel is \"5\": expected "
                                "height x width, as in \"conv 5x5 32 same relu\"");
    expect_failure("conv 5x5 relu", "model.layers: layer 1 \"conv 5x5 relu\": filters is \"relu\": "
                                    "expected a whole number from 1 to 1000000, as in \"conv 5x5 "
                                    "32 same relu\"");
    expect_failure("conv 0x5 3",
                   "model.layers: layer 1 \"conv 0x5 3\": kernel is \"0x5\": expected "
                   "height x width, as in \"conv 5x5 32 same relu\"");
    expect_failure("flatten, dense -3", "model.layers: layer 2 \"dense -3\": units is \"-3\": "
                                        "expected a whole number from 1 to 1000000, as in \"dense "
                                        "256 relu\"");
    expect_failure("flatten, dense 18446744073709551617",
                   "model.layers: layer 2 \"dense 18446744073709551617\": units is "
                   "\"18446744073709551617\": expected a whole number from 1 to 1000000, as in "
                   "\"dense 256 relu\"");
}

static void expect_bad_rate(const char *rate) {
    char list[64], line[256];
    snprintf(list, sizeof list, "dropout %s", rate);
    snprintf(line, sizeof line,
             "model.layers: layer 1 \"dropout %s\": rate is \"%s\": expected a number from 0 to "
             "below 1, as in \"dropout 0.25\"",
             rate, rate);
    expect_failure(list, line);
}

static void test_dropout_rate_is_from_0_to_below_1(void **state) {
    (void)state;
    expect_bad_rate("1");
    expect_bad_rate("-0.1");
    expect_bad_rate("nan");
    expect_bad_rate("0.5x");
    expect_bad_rate("1e999");
}

static void test_words_too_many_or_twice(void **state) {
    (void)state;
    expect_failure("maxpool 2x2 same",
                   "model.layers: layer 1 \"maxpool 2x2 same\": \"same\" is one "
                   "word too many; expected a comma or the end, as in "
                   "\"maxpool 2x2\"");
    expect_failure("conv 1x1 1 relu relu",
                   "model.layers: layer 1 \"conv 1x1 1 relu relu\": \"relu\" "
                   "is said twice, or against another word; remove one of "
                   "them");
    expect_failure("conv 1x1 1 relu linear", "model.layers: layer 1 \"conv 1x1 1 relu linear\": "
                                             "\"linear\" is said twice, or against another word; "
                                             "remove one of them");
    expect_failure(
        "flatten a a a a a a a a a a a a a a a a",
        "model.layers: layer 1 \"flatten a a a a a a a a a a a a a a a a\": more than 16 "
        "words; is a comma missing?");
}

static void test_empty_places(void **state) {
    (void)state;
    expect_failure("", "model.layers: layer 1 \"\": no layer between the commas; remove a comma");
    expect_failure("flatten,,dense 10 softmax",
                   "model.layers: layer 2 \"\": no layer between the commas; remove a comma");
    expect_failure("flatten, dense 10 relu, ",
                   "model.layers: layer 3 \"\": no layer between the commas; remove a comma");
}

static void test_a_long_layer_is_cut_in_the_error(void **state) {
    (void)state;
    char list[400];
    memset(list, 'a', sizeof list - 1);
    list[sizeof list - 1] = '\0';
    expect_failure(list,
                   "model.layers: layer 1 \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": and so "
                   "on: a layer has at most 127 characters");
}

static void test_shapes_that_do_not_fit(void **state) {
    (void)state;
    expect_failure(
        "conv 3x3 4, dense 10 softmax",
        "model.layers: layer 2 \"dense 10 softmax\": dense needs its input in a row, and "
        "that is (28, 28, 4); add flatten before it");
    expect_failure(
        "flatten, conv 3x3 4",
        "model.layers: layer 2 \"conv 3x3 4\": conv needs an image, and its input is 784 "
        "numbers in a row; put it before flatten");
    expect_failure(
        "maxpool 20x2, maxpool 2x2, maxpool 2x2",
        "model.layers: layer 2 \"maxpool 2x2\": the window 2x2 is larger than its input, "
        "1x14");
}

static void test_strides_and_padding(void **state) {
    (void)state;
    assert_int_equal(parameters_of("conv 3x3 2 stride 2, flatten, dense 10 softmax"),
                     20 + 14 * 14 * 20 + 10);
    assert_int_equal(parameters_of("conv 5x5 2 valid nobias stride 3, flatten, dense 10 softmax"),
                     50 + 8 * 8 * 20 + 10);
    expect_failure("conv 3x3 2 same valid",
                   "model.layers: layer 1 \"conv 3x3 2 same valid\": \"same\" and \"valid\" "
                   "contradict; remove one of them");
    expect_failure("conv 3x3 2 stride 2 stride 3",
                   "model.layers: layer 1 \"conv 3x3 2 stride 2 stride 3\": \"stride\" is said "
                   "twice, or against another word; remove one of them");
    expect_failure("conv 3x3 2 stride",
                   "model.layers: layer 1 \"conv 3x3 2 stride\": stride missing: expected a whole "
                   "number from 1 to 1000000, as in \"conv 5x5 32 same relu\"");
    expect_failure("maxpool 9x9, conv 3x4 2 valid",
                   "model.layers: layer 2 \"conv 3x4 2 valid\": without padding, the kernel 3x4 is "
                   "larger than its input, 3x3; make it smaller or say same");
}

static void test_pools_and_rectifiers(void **state) {
    (void)state;
    assert_int_equal(parameters_of("relu, avgpool 9x9, leakyrelu, flatten, dense 10 softmax"), 100);
    assert_int_equal(parameters_of("conv 1x1 3, globalavgpool, dense 10 softmax"), 46);
    expect_failure("globalavgpool 2x2",
                   "model.layers: layer 1 \"globalavgpool 2x2\": \"2x2\" is one word too many; "
                   "expected a comma or the end, as in \"globalavgpool\"");
    expect_failure("globalavgpool, avgpool 2x2",
                   "model.layers: layer 2 \"avgpool 2x2\": avgpool needs an image, and its input "
                   "is 1 numbers in a row; put it before flatten");
    expect_failure("leakyrelu 2",
                   "model.layers: layer 1 \"leakyrelu 2\": slope is \"2\": expected a number from "
                   "0 to below 1, as in \"leakyrelu 0.1\"");
}

static void test_residual_blocks(void **state) {
    (void)state;
    assert_int_equal(
        parameters_of("conv 3x3 2 relu, save a, conv 3x3 2, add a relu, globalavgpool, "
                      "dense 10 softmax"),
        20 + 38 + 30);
    assert_int_equal(
        parameters_of("flatten, dense 9, save long-name_1, relu, add long-name_1, save "
                      "b, relu, add b, dense 10 softmax"),
        7065 + 100);
    expect_failure("save a, flatten, dense 10 softmax",
                   "model.layers: layer 1 \"save a\": there is nothing to save before the first "
                   "layer; put it behind one");
    expect_failure("relu, save, relu",
                   "model.layers: layer 2 \"save\": name missing: expected a word of up to 15 "
                   "characters, as in \"save a\"");
    expect_failure("relu, save sixteen-letters-, relu",
                   "model.layers: layer 2 \"save sixteen-letters-\": name is \"sixteen-letters-\": "
                   "expected a word of up to 15 characters, as in \"save a\"");
    expect_failure("relu, save a, save b",
                   "model.layers: layer 3 \"save b\": what is saved here has a name, \"a\"; remove "
                   "one of them");
    expect_failure("relu, save a, relu, save a",
                   "model.layers: layer 4 \"save a\": \"a\" is the name of re_lu; choose another");
    expect_failure(
        "relu, save a, relu, add b",
        "model.layers: layer 4 \"add b\": nothing is saved as \"b\" before it; put \"save "
        "b\" where it begins");
    expect_failure(
        "relu, save a, conv 3x3 2 stride 2, add a",
        "model.layers: layer 4 \"add a\": its input is (14, 14, 2), and what was saved is "
        "(28, 28, 1); the layers in between must keep the shape");
    expect_failure(
        "relu, save a, flatten, dense 10 softmax",
        "model.layers: \"save a\": nothing adds it; put \"add a\" where the block ends, or "
        "remove it");
    expect_failure("flatten, dense 10, save a",
                   "model.layers: layer 3 \"save a\": the last layer must be \"dense 10 softmax\"");
}

static void test_batchnorm_words(void **state) {
    (void)state;
    assert_int_equal(parameters_of("flatten, batchnorm momentum .5 relu, dense 10 softmax"),
                     3 * MODEL_BUFFERS_ALIGNMENT + 2 * 784); /* behind 9,418 trained */
    expect_failure("batchnorm momentum 1",
                   "model.layers: layer 1 \"batchnorm momentum 1\": momentum is \"1\": expected a "
                   "number from 0 to below 1, as in \"batchnorm relu\"");
    expect_failure("batchnorm softmax", "model.layers: layer 1 \"batchnorm softmax\": the last "
                                        "layer must be \"dense 10 softmax\"");
}

static void test_the_last_layer_is_ten_with_softmax(void **state) {
    (void)state;
    const char *const bad[] = {"dense 9 softmax", "dense 10", "dense 10 relu",
                               "conv 1x1 10 softmax"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char list[64], line[160];
        const char *before = bad[i][0] == 'd' ? "flatten" : "maxpool 2x2";
        snprintf(list, sizeof list, "%s, %s", before, bad[i]);
        snprintf(line, sizeof line,
                 "model.layers: layer 2 \"%s\": the last layer must be \"dense 10 softmax\"",
                 bad[i]);
        expect_failure(list, line);
    }
    expect_failure(
        "flatten, dense 10 softmax, dense 10 softmax",
        "model.layers: layer 2 \"dense 10 softmax\": softmax is for the last layer only; "
        "use relu, or linear");
}

static void test_absurd_sizes(void **state) {
    (void)state;
    expect_failure(
        "flatten, dense 1000000, dense 1000000",
        "model.layers: layer 3 \"dense 1000000\": 1000785000000 parameters are more than "
        "a model may have (2^31 - 1); make this layer or the one before it smaller");
    expect_failure(
        "conv 255x255 1000000, conv 255x255 1000000",
        "model.layers: layer 1 \"conv 255x255 1000000\": 65025000000 parameters are more "
        "than a model may have (2^31 - 1); make this layer or the one before it smaller");
    expect_failure("conv 256x1 1",
                   "model.layers: layer 1 \"conv 256x1 1\": a kernel has at most 255 "
                   "x 255 taps");
}

static void test_public_door(void **state) {
    (void)state;
    static const ModelOptions options = {.layers = "maxpool 4x4, flatten, dense 10 softmax"};
    Model *model = NULL;
    assert_int_equal(model_new(&model, &options), STATUS_OK);
    assert_int_equal(model_parameter_count(model), 500);
    model_destroy(model);
    model_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blanks_and_order_of_words_are_free),
        cmocka_unit_test(test_unknown_layer_names_the_nearest),
        cmocka_unit_test(test_unknown_word_names_the_nearest),
        cmocka_unit_test(test_missing_and_bad_numbers),
        cmocka_unit_test(test_dropout_rate_is_from_0_to_below_1),
        cmocka_unit_test(test_words_too_many_or_twice),
        cmocka_unit_test(test_empty_places),
        cmocka_unit_test(test_a_long_layer_is_cut_in_the_error),
        cmocka_unit_test(test_shapes_that_do_not_fit),
        cmocka_unit_test(test_strides_and_padding),
        cmocka_unit_test(test_pools_and_rectifiers),
        cmocka_unit_test(test_residual_blocks),
        cmocka_unit_test(test_batchnorm_words),
        cmocka_unit_test(test_the_last_layer_is_ten_with_softmax),
        cmocka_unit_test(test_absurd_sizes),
        cmocka_unit_test(test_public_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
