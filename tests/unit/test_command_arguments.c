/* The command line: every form that scripts rely on, and every form of a wrong one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/arguments.h"
#include "command/arguments_table.h"

#define SMOKE MNIST_DIST_SOURCE_DIR "/configs/smoke.yaml"

enum { WORDS = 32 };

/* A command line under test; it must outlive what was read from it. */
typedef struct Line {
    char text[1024];
    char *words[WORDS + 1];
    int count;
} Line;

/* Words are parted by blanks. */
static void split(Line *line, const char *text) {
    *line = (Line){0};
    snprintf(line->text, sizeof line->text, "mnist_dist %s", text);
    char *rest = NULL;
    for (char *word = strtok_r(line->text, " ", &rest); word != NULL && line->count < WORDS;
         word = strtok_r(NULL, " ", &rest))
        line->words[line->count++] = word;
}

static Line line;

static Arguments read_words(const char *text) {
    Arguments arguments;
    split(&line, text);
    Status status = arguments_read(&arguments, line.count, line.words);
    if (status != STATUS_OK) print_error("%s: %s\n", text, status_message());
    assert_int_equal(status, STATUS_OK);
    return arguments;
}

static void expect_refused(const char *text, const char *expected) {
    Arguments arguments;
    split(&line, text);
    Status status = arguments_read(&arguments, line.count, line.words);
    arguments_destroy(&arguments);
    assert_int_equal(status, STATUS_USAGE);
    char message[2048];
    snprintf(message, sizeof message, "%s", status_message());
    status_clear();
    assert_string_equal(message, expected);
}

/* ---- the forms that scripts rely on ---- */

static void test_nothing_means_train_with_the_defaults(void **state) {
    (void)state;
    Arguments arguments = read_words("");
    assert_int_equal(arguments.command->id, COMMAND_TRAIN);
    assert_false(arguments.command_given);
    assert_true(arguments.command->needs_ranks);
    assert_string_equal(arguments.resume, "auto");
    assert_null(arguments.out);
    assert_string_equal(arguments.config.name, "baseline");
    assert_int_equal(arguments.config.training.epochs, 25);
    arguments_destroy(&arguments);
}

static void test_train(void **state) {
    (void)state;
    Arguments arguments = read_words("train --config " SMOKE " --data digits.h5 --out RUN --resume "
                                     "never training.epochs=5");
    assert_int_equal(arguments.command->id, COMMAND_TRAIN);
    assert_string_equal(arguments.config.name, "smoke");
    assert_string_equal(arguments.config.data.path, "digits.h5");
    assert_int_equal(arguments.config.data.limit, 512);
    assert_int_equal(arguments.config.training.epochs, 5);
    assert_string_equal(arguments.out, "RUN");
    assert_string_equal(arguments.resume, "never");
    assert_false(arguments.print_config);
    arguments_destroy(&arguments);
}

static void test_import(void **state) {
    (void)state;
    Arguments arguments = read_words("import train.csv test.csv -o digits.h5");
    assert_int_equal(arguments.command->id, COMMAND_IMPORT);
    assert_false(arguments.command->needs_ranks);
    assert_int_equal(arguments.file_count, 2);
    assert_string_equal(arguments.files[0], "train.csv");
    assert_string_equal(arguments.files[1], "test.csv");
    assert_string_equal(arguments.output, "digits.h5");
    arguments_destroy(&arguments);
}

static void test_evaluate_and_predict(void **state) {
    (void)state;
    Arguments arguments = read_words("evaluate a.h5 b.h5 c.h5 --data digits.h5");
    assert_int_equal(arguments.command->id, COMMAND_EVALUATE);
    assert_int_equal(arguments.file_count, 3);
    arguments_destroy(&arguments);
    arguments = read_words("predict a.h5 --data digits.h5 -o submission.csv");
    assert_int_equal(arguments.command->id, COMMAND_PREDICT);
    assert_string_equal(arguments.config.data.path, "digits.h5");
    assert_string_equal(arguments.output, "submission.csv");
    arguments_destroy(&arguments);
}

static void test_bench(void **state) {
    (void)state;
    Arguments arguments = read_words("bench step --json");
    assert_int_equal(arguments.command->id, COMMAND_BENCH);
    assert_string_equal(arguments.files[0], "step");
    assert_true(arguments.json);
    arguments_destroy(&arguments);
    arguments = read_words("bench import train.csv.gz");
    assert_string_equal(arguments.files[1], "train.csv.gz");
    arguments_destroy(&arguments);
    arguments = read_words("bench");
    assert_int_equal(arguments.file_count, 0);
    arguments_destroy(&arguments);
}

static void test_options_stand_anywhere_and_in_any_spelling(void **state) {
    (void)state;
    const char *const lines[] = {"predict a.h5 -o s.csv", "-o s.csv predict a.h5",
                                 "predict -os.csv a.h5", "--output=s.csv predict a.h5",
                                 "training.threads=2 predict --output s.csv a.h5"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        Arguments arguments = read_words(lines[i]);
        assert_int_equal(arguments.command->id, COMMAND_PREDICT);
        assert_string_equal(arguments.output, "s.csv");
        assert_int_equal(arguments.file_count, 1);
        assert_string_equal(arguments.files[0], "a.h5");
        arguments_destroy(&arguments);
    }
}

static void test_keys_win_over_the_file_wherever_they_stand(void **state) {
    (void)state;
    Arguments arguments = read_words("training.epochs=7 --config " SMOKE);
    assert_int_equal(arguments.config.training.epochs, 7);
    assert_int_equal(arguments.config.data.limit, 512);
    arguments_destroy(&arguments);
}

static void test_the_last_of_two_wins(void **state) {
    (void)state;
    Arguments arguments = read_words("--data a training.epochs=7 data.path=b training.epochs=8");
    assert_string_equal(arguments.config.data.path, "b");
    assert_int_equal(arguments.config.training.epochs, 8);
    arguments_destroy(&arguments);
    arguments = read_words("data.path=b --data a --out x --out y");
    assert_string_equal(arguments.config.data.path, "a");
    assert_string_equal(arguments.out, "y");
    arguments_destroy(&arguments);
}

static void test_files_with_an_equals_sign(void **state) {
    (void)state;
    Arguments arguments = read_words("evaluate ./a=b.h5 -- c=d.h5 --e");
    assert_int_equal(arguments.file_count, 3);
    assert_string_equal(arguments.files[0], "./a=b.h5");
    assert_string_equal(arguments.files[1], "c=d.h5");
    assert_string_equal(arguments.files[2], "--e");
    arguments_destroy(&arguments);
}

static void test_keys_on_top_of_a_checkpoints_configuration(void **state) {
    (void)state;
    Arguments arguments = read_words("evaluate a.h5 --data b.h5 training.threads=2");
    Config config;
    config_defaults(&config);
    config.training.seed = 9;
    assert_int_equal(arguments_override(&config, &arguments), STATUS_OK);
    assert_string_equal(config.data.path, "b.h5");
    assert_int_equal(config.training.threads, 2);
    assert_int_equal(config.training.seed, 9);
    arguments_destroy(&arguments);
    expect_refused("evaluate a.h5 data.fold=3", "command line: data.fold=3: evaluate goes by the "
                                                "checkpoint's own value; leave it out");
}

/* ---- the environment ---- */

static void test_the_environment_stands_between_file_and_command_line(void **state) {
    (void)state;
    setenv("MNIST_DIST_DATA_LIMIT", "99", 1);
    setenv("MNIST_DIST_TRAINING_BATCH_SIZE", "44", 1);
    setenv("MNIST_DIST_ROOT", "/opt", 1); /* somebody else's */
    Arguments arguments = read_words("train --config " SMOKE " training.batch_size=33");
    assert_int_equal(arguments.config.data.limit, 99);
    assert_int_equal(arguments.config.training.batch_size, 33);
    arguments_destroy(&arguments);
    /* A checkpoint keeps what decides its answer. */
    setenv("MNIST_DIST_TRAINING_THREADS", "3", 1);
    arguments = read_words("evaluate a.h5");
    Config config;
    config_defaults(&config);
    assert_int_equal(arguments_override(&config, &arguments), STATUS_OK);
    assert_int_equal(config.data.limit, 0);
    assert_int_equal(config.training.threads, 3);
    arguments_destroy(&arguments);
    unsetenv("MNIST_DIST_TRAINING_THREADS");
    unsetenv("MNIST_DIST_TRAINING_BATCH_SIZE");
    setenv("MNIST_DIST_DATA_LIMIT", "many", 1);
    expect_refused("train", "environment: MNIST_DIST_DATA_LIMIT: data.limit=many: expected an "
                            "integer from 0 to 4294967295");
    arguments = read_words("watch"); /* takes no keys */
    arguments_destroy(&arguments);
    unsetenv("MNIST_DIST_DATA_LIMIT");
    setenv("MNIST_DIST_DATA_LIMITS", "9", 1);
    expect_refused("train", "environment: MNIST_DIST_DATA_LIMITS: unknown key; did you mean "
                            "MNIST_DIST_DATA_LIMIT?");
    unsetenv("MNIST_DIST_DATA_LIMITS");
}

static void test_each_value_tells_where_it_came_from(void **state) {
    (void)state;
    char *text = NULL;
    Config again;
    setenv("MNIST_DIST_TRAINING_SEED", "4", 1);
    Arguments arguments = read_words("train --config " SMOKE " training.epochs=9");
    unsetenv("MNIST_DIST_TRAINING_SEED");
    assert_int_equal(config_write_origins(&text, &arguments.config, SMOKE), STATUS_OK);
    assert_non_null(strstr(text, "  epochs: 9                           # command line\n"));
    assert_non_null(strstr(text, "# " SMOKE ":6\n"));
    assert_non_null(strstr(text, "  # environment: MNIST_DIST_TRAINING_SEED\n"));
    assert_non_null(strstr(text, "  layers:                             # " SMOKE ":12\n"));
    assert_non_null(strstr(text, "  kind: adam                          # default\n"));
    config_defaults(&again);
    assert_int_equal(config_read_text(&again, text, "text"), STATUS_OK);
    assert_int_equal(config_compare(&arguments.config, &again, "text"), STATUS_OK);
    free(text);
    arguments_destroy(&arguments);
}

/* ---- wrong ones ---- */

static void test_an_unknown_option_names_the_nearest(void **state) {
    (void)state;
    expect_refused("--confg a", "command line: unknown option --confg; did you mean --config. See "
                                "mnist_dist --help");
    expect_refused("--epoch 3", "command line: unknown option --epoch; did you mean "
                                "training.epochs=VALUE. See mnist_dist --help");
    expect_refused("train --batch-size=3", "command line: unknown option --batch-size=3; did you "
                                           "mean training.batch_size=3. See mnist_dist --help");
    expect_refused("-x", "command line: unknown option -x. See mnist_dist --help");
    expect_refused("--ou a",
                   "command line: unknown option --ou; did you mean --out. See mnist_dist "
                   "--help");
}

static void test_values_of_options(void **state) {
    (void)state;
    expect_refused("train --out", "command line: a value must follow --out. See mnist_dist --help");
    expect_refused("import a -o", "command line: a value must follow -o. See mnist_dist --help");
    expect_refused("train --print-config=x",
                   "command line: no value goes with option --print-config=x. See mnist_dist "
                   "--help");
    expect_refused("train --out=",
                   "command line: an empty value follows option out. See mnist_dist --help");
    expect_refused("train --data=", "command line: data.path=: expected one line of UTF-8 text, of "
                                    "1 to 1023 bytes");
}

static void test_an_unknown_command_names_the_nearest(void **state) {
    (void)state;
    expect_refused("trian --out a", "command line: unknown command trian; did you mean train. See "
                                    "mnist_dist --help");
    expect_refused("pred", "command line: unknown command pred; did you mean predict. See "
                           "mnist_dist --help");
    expect_refused("smoke.yaml", "command line: unknown command smoke.yaml; a configuration "
                                 "follows --config. See mnist_dist --help");
}

static void test_options_of_other_commands_are_refused(void **state) {
    (void)state;
    expect_refused(
        "train --json",
        "command line: train takes no option json; it takes --config "
        "--data --out --resume --print-config --max-time --timeline --help --version. See "
        "mnist_dist --help");
    expect_refused("import a -o b --data c", "command line: import takes no option data; it takes "
                                             "--output --help --version. See mnist_dist --help");
}

static void test_words_that_are_too_many_or_too_few(void **state) {
    (void)state;
    expect_refused("train foo", "command line: unexpected word foo; the form is: mnist_dist train "
                                "[--config FILE] [--data digits.h5] [--out DIR] [--resume HOW] "
                                "[--max-time TIME] [--timeline FILE] [key=value ...]");
    expect_refused("import -o a", "command line: no file is named; the form is: mnist_dist import "
                                  "TRAIN [TEST] -o digits.h5");
    expect_refused("import a b c -o d", "command line: unexpected word c; the form is: mnist_dist "
                                        "import TRAIN [TEST] -o digits.h5");
    expect_refused("import a", "command line: -o FILE is missing; the form is: mnist_dist import "
                               "TRAIN [TEST] -o digits.h5");
    expect_refused("import a -o b x=3",
                   "command line: it takes no configuration key: x=3; the form is: "
                   "mnist_dist import TRAIN [TEST] -o digits.h5");
    expect_refused("bench gem",
                   "command line: did you mean gemm, not gem; the form is: mnist_dist bench "
                   "[peak|gemm|conv|step|allreduce|overlap|import [FILE]|scaling [--model] [-o "
                   "FILE]] [--json]");
}

static void test_wrong_keys_are_told_by_the_configuration(void **state) {
    (void)state;
    expect_refused("training.epochs=ten", "command line: training.epochs=ten: expected an integer "
                                          "from 1 to 1000000");
    expect_refused("training.epocs=5",
                   "command line: training.epocs: unknown key; did you mean training.epochs?");
    expect_refused("training.shards=3",
                   "training.shards=3: expected a power of two: 1, 2, 4, 8 ... 4096");
    expect_refused("--config none.yaml",
                   "none.yaml: cannot open the configuration: No such file or directory");
}

/* ---- help ---- */

static char *help_of(const char *words) {
    Arguments arguments = read_words(words);
    assert_non_null(arguments.help);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    assert_int_equal(arguments_help(out, &arguments), STATUS_OK);
    fclose(out);
    arguments_destroy(&arguments);
    return text;
}

/* Lines of a text, and the length of the longest. */
static void measure(size_t *lines, size_t *longest, const char *text) {
    *lines = *longest = 0;
    for (; *text != '\0'; text++, ++*lines) {
        size_t length = strcspn(text, "\n");
        if (length > *longest) *longest = length;
        text += length;
    }
}

static void test_help_is_one_screen_that_names_all_commands(void **state) {
    (void)state;
    size_t lines, longest;
    char *text = help_of("--help");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char row[160];
        snprintf(row, sizeof row, " %-13s %s\n", COMMANDS[i].name, COMMANDS[i].help);
        assert_non_null(strstr(text, row));
    }
    assert_non_null(strstr(text, "Exit code"));
    measure(&lines, &longest, text);
    assert_in_range(lines, 15, 23); /* and one for the shell's next prompt */
    assert_in_range(longest, 60, 80);
    free(text);
}

static void test_help_of_commands_names_all_options(void **state) {
    (void)state;
    bool named[OPTION_COUNT] = {false};
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char words[64];
        snprintf(words, sizeof words, "%s --help", COMMANDS[i].name);
        char *text = help_of(words);
        assert_non_null(strstr(text, COMMANDS[i].synopsis));
        for (size_t k = 0; k < OPTION_COUNT; k++) named[k] |= strstr(text, OPTIONS[k].help) != NULL;
        free(text);
    }
    for (size_t k = 0; k < OPTION_COUNT; k++) assert_true(named[k]);
}

static void test_help_of_a_key(void **state) {
    (void)state;
    char *text = help_of("--help=schedule.patience");
    assert_non_null(strstr(text, "an integer from 1 to 1000000"));
    assert_non_null(strstr(text, "default      3\n"));
    assert_non_null(strstr(text, "MNIST_DIST_SCHEDULE_PATIENCE=VALUE"));
    assert_non_null(strstr(text, "\n  schedule.kind "));
    assert_null(strstr(text, "optimizer."));
    free(text);
    text = help_of("--help=optimizer");
    assert_non_null(strstr(text, "optimizer.kind"));
    assert_null(strstr(text, "schedule."));
    free(text);
    text = help_of("--help=watch");
    assert_non_null(strstr(text, "mnist_dist watch"));
    free(text);
    Arguments arguments = read_words("--help=epochs");
    assert_int_equal(arguments_help(stdout, &arguments), STATUS_USAGE);
    assert_string_equal(status_message(),
                        "--help=epochs: unknown key; did you mean --help=training.epochs?");
    status_clear();
    arguments_destroy(&arguments);
}

static void test_help_of_a_command(void **state) {
    (void)state;
    char *text = help_of("train -h");
    assert_non_null(strstr(text, "mnist_dist train"));
    assert_non_null(strstr(text, "schedule.final_divisor"));
    assert_null(strstr(text, "--json"));
    free(text);
    text = help_of("--help import");
    assert_non_null(strstr(text, "TRAIN [TEST]"));
    assert_null(strstr(text, "schedule.kind"));
    free(text);
}

static void test_help_and_version_ask_for_nothing_else(void **state) {
    (void)state;
    free(help_of("import --help"));
    free(help_of("train --config none.yaml --help"));
    Arguments arguments = read_words("--version");
    assert_true(arguments.version);
    arguments_destroy(&arguments);
}

static void test_print_config(void **state) {
    (void)state;
    Arguments arguments = read_words("train --print-config training.epochs=5");
    assert_true(arguments.print_config);
    assert_int_equal(arguments.config.training.epochs, 5);
    arguments_destroy(&arguments);
}

static void test_a_command_is_found_by_its_id(void **state) {
    (void)state;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        assert_int_equal(COMMANDS[i].id, i);
        assert_non_null(COMMANDS[i].run);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_means_train_with_the_defaults),
        cmocka_unit_test(test_train),
        cmocka_unit_test(test_import),
        cmocka_unit_test(test_evaluate_and_predict),
        cmocka_unit_test(test_bench),
        cmocka_unit_test(test_options_stand_anywhere_and_in_any_spelling),
        cmocka_unit_test(test_keys_win_over_the_file_wherever_they_stand),
        cmocka_unit_test(test_the_last_of_two_wins),
        cmocka_unit_test(test_files_with_an_equals_sign),
        cmocka_unit_test(test_keys_on_top_of_a_checkpoints_configuration),
        cmocka_unit_test(test_the_environment_stands_between_file_and_command_line),
        cmocka_unit_test(test_each_value_tells_where_it_came_from),
        cmocka_unit_test(test_an_unknown_option_names_the_nearest),
        cmocka_unit_test(test_values_of_options),
        cmocka_unit_test(test_an_unknown_command_names_the_nearest),
        cmocka_unit_test(test_options_of_other_commands_are_refused),
        cmocka_unit_test(test_words_that_are_too_many_or_too_few),
        cmocka_unit_test(test_wrong_keys_are_told_by_the_configuration),
        cmocka_unit_test(test_help_is_one_screen_that_names_all_commands),
        cmocka_unit_test(test_help_of_commands_names_all_options),
        cmocka_unit_test(test_help_of_a_key),
        cmocka_unit_test(test_help_of_a_command),
        cmocka_unit_test(test_help_and_version_ask_for_nothing_else),
        cmocka_unit_test(test_print_config),
        cmocka_unit_test(test_a_command_is_found_by_its_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
