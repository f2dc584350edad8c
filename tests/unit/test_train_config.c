/* The configuration: its defaults, every form of a bad file, the round trip, and what a resume may
 * change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mnist_dist/base/rng.h"
#include "mnist_dist/nn/model.h"
#include "mnist_dist/train/config.h"
#include "train/config_keys.h"

#define CONFIGS MNIST_DIST_SOURCE_DIR "/configs/"

static char folder[] = "/tmp/test_train_config.XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

/* ---- helpers ---- */

/* The line of a failure, which is forgotten by the status; the caller frees it. */
static char *message_of(Status status) {
    assert_int_equal(status, STATUS_USAGE);
    char *message = strdup(status_message());
    status_clear();
    return message;
}

static void expect_message(Status status, const char *expected) {
    char *message = message_of(status);
    assert_string_equal(message, expected);
    free(message);
}

/* Reading this text fails with exactly this line, and leaves the configuration as it was. */
static void expect_refusal(const char *text, const char *expected) {
    Config config, before;
    config_defaults(&config);
    before = config;
    expect_message(config_read_text(&config, text, "my.yaml"), expected);
    assert_memory_equal(&config, &before, sizeof config);
}

static void expect_set(const char *assignment, const char *expected) {
    Config config;
    config_defaults(&config);
    if (expected != NULL)
        expect_message(config_set(&config, assignment), expected);
    else
        assert_int_equal(config_set(&config, assignment), STATUS_OK);
}

/* Defaults and these assignments, parted by blanks. */
static Config config_with(const char *assignments) {
    Config config;
    config_defaults(&config);
    char copy[512], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", assignments);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        assert_int_equal(config_set(&config, word), STATUS_OK);
    return config;
}

static void expect_checked(const char *assignments, const char *expected) {
    Config config = config_with(assignments);
    if (expected != NULL)
        expect_message(config_check(&config), expected);
    else
        assert_int_equal(config_check(&config), STATUS_OK);
}

static void expect_same_text(const Config *a, const Config *b) {
    char *a_text, *b_text;
    assert_int_equal(config_write(&a_text, a), STATUS_OK);
    assert_int_equal(config_write(&b_text, b), STATUS_OK);
    assert_string_equal(a_text, b_text);
    free(a_text);
    free(b_text);
}

/* ---- defaults and the files that come with the program ---- */

static void test_every_default_is_taken_by_its_own_key(void **state) {
    (void)state;
    Config config;
    config_defaults(&config);
    assert_string_equal(status_message(), "");
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        char text[CONFIG_TEXT];
        config_print(text, &CONFIG_KEYS[i], &config);
        assert_string_equal(text, CONFIG_KEYS[i].standard);
    }
    assert_int_equal(config_check(&config), STATUS_OK);
}

static void test_defaults_are_the_baseline_recipe(void **state) {
    (void)state;
    Config config;
    config_defaults(&config);
    assert_string_equal(config.name, "baseline");
    assert_string_equal(config.data.path, "data/digits.h5");
    assert_int_equal(config.data.fold, -1);
    assert_int_equal(config.training.batch_size, 86);
    assert_int_equal(config.optimizer.kind, OPTIMIZER_ADAM);
    assert_true(config.optimizer.epsilon == 1e-7);
    assert_int_equal(config.schedule.kind, SCHEDULE_PLATEAU);
    assert_true(config.output.predict);
}

static void test_baseline_spells_out_the_defaults(void **state) {
    (void)state;
    Config defaults, blank, read;
    config_defaults(&defaults);
    memset(&blank, 0, sizeof blank); /* so that a key that the file leaves out shows */
    blank.data.fold = 5;
    read = blank;
    assert_int_equal(config_read_file(&read, CONFIGS "baseline.yaml"), STATUS_OK);
    assert_string_equal(read.name, "baseline");
    expect_same_text(&read, &defaults);
}

static bool has_line_of(const char *text, const char *key) {
    char start[64];
    snprintf(start, sizeof start, "\n  %s:", key);
    return strstr(text, start) != NULL;
}

static void test_baseline_names_every_key(void **state) {
    (void)state;
    char text[16384] = "";
    FILE *file = fopen(CONFIGS "baseline.yaml", "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) < sizeof text - 1);
    fclose(file);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        assert_true(has_line_of(text, strchr(CONFIG_KEYS[i].name, '.') + 1));
}

static void test_smoke_is_read_and_checked(void **state) {
    (void)state;
    Config config;
    config_defaults(&config);
    assert_int_equal(config_read_file(&config, CONFIGS "smoke.yaml"), STATUS_OK);
    assert_int_equal(config_check(&config), STATUS_OK);
    assert_string_equal(config.name, "smoke");
    assert_int_equal(config.data.limit, 512);
    assert_string_equal(config.model.layers,
                        "conv 3x3 8 same relu, maxpool 2x2, dropout 0.25, flatten, "
                        "dense 32 relu, dropout 0.5, dense 10 softmax");
}

static void test_recipes_are_read_and_checked(void **state) {
    (void)state;
    const char *const names[] = {"fast",
                                 "scale",
                                 "deotte",
                                 "best",
                                 "study/pooled",
                                 "study/ten-layers",
                                 "study/ten-layers-16",
                                 "study/wide",
                                 "study/less-dropout"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        Config config;
        Model *model = NULL;
        config_defaults(&config);
        snprintf(path, sizeof path, CONFIGS "%s.yaml", names[i]);
        assert_int_equal(config_read_file(&config, path), STATUS_OK);
        assert_int_equal(config_check(&config), STATUS_OK);
        assert_int_equal(model_new(&model, &config.model), STATUS_OK);
        model_destroy(model);
    }
}

static void test_scale_gives_the_batch_its_rate(void **state) {
    (void)state;
    Config config;
    config_defaults(&config);
    assert_int_equal(config_read_file(&config, CONFIGS "scale.yaml"), STATUS_OK);
    assert_true(config_base_rate(&config) == 0.05);
    config.training.batch_size = 1024;
    assert_true(config_base_rate(&config) == 0.025);
}

/* ---- names that are wrong ---- */

static void test_an_unknown_key_names_the_nearest(void **state) {
    (void)state;
    expect_refusal("data:\n  limit: 5\ntraining:\n  epocs: 5\n",
                   "my.yaml:4: training.epocs: unknown key; did you mean training.epochs?");
    expect_refusal("training:\n  learning_rate: 1\n",
                   "my.yaml:2: training.learning_rate: unknown key; did you mean "
                   "optimizer.learning_rate?");
    expect_set("training.epocs=5",
               "command line: training.epocs: unknown key; did you mean training.epochs?");
    expect_set("epocs=5", "command line: epocs: unknown key; did you mean training.epochs?");
    expect_set("schedul.kind=step", "command line: schedul.kind: unknown key; did you mean "
                                    "schedule.kind?");
    expect_set("=5", "command line: : unknown key; did you mean optimizer.rho?");
}

static void test_an_unknown_section_names_the_nearest(void **state) {
    (void)state;
    expect_refusal("trainig:\n  epochs: 5\n",
                   "my.yaml:1: trainig: unknown section; did you mean training?");
    expect_refusal("\n\noptimiser:\n  kind: sgd\n",
                   "my.yaml:3: optimiser: unknown section; did you mean optimizer?");
    expect_refusal("epochs: 5\n",
                   "my.yaml:1: epochs: unknown section; did you mean epochs under training:?");
    expect_refusal("training.epochs: 5\n", "my.yaml:1: training.epochs: unknown section; did you "
                                           "mean epochs under training:?");
}

static void test_a_name_given_twice_is_refused(void **state) {
    (void)state;
    expect_refusal("training:\n  epochs: 5\n  seed: 1\n  epochs: 5\n",
                   "my.yaml:4: epochs: given twice, first in line 2");
    expect_refusal("training:\n  epochs: 5\ntraining:\n  seed: 1\n",
                   "my.yaml:3: training: given twice, first in line 1");
}

/* ---- values that are wrong ---- */

static void test_integers_are_whole_and_within_bounds(void **state) {
    (void)state;
    expect_set("training.epochs=1", NULL);
    expect_set("training.epochs=1000000", NULL);
    expect_set("training.epochs=ten",
               "command line: training.epochs=ten: expected an integer from 1 to 1000000");
    const char *const wrong[] = {"0",   "1000001", "-1",  "5 ", " 5", "5x",
                                 "5.0", "0x10",    "1e3", "",   "+",  "99999999999999999999999",
                                 "auto"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char assignment[64], expected[128];
        snprintf(assignment, sizeof assignment, "training.epochs=%s", wrong[i]);
        snprintf(expected, sizeof expected,
                 "command line: %s: expected an integer from 1 to 1000000", assignment);
        expect_set(assignment, expected);
    }
}

static void test_the_largest_seed_is_exact(void **state) {
    (void)state;
    expect_set("training.seed=9007199254740991", NULL);
    expect_set("training.seed=9007199254740992",
               "command line: training.seed=9007199254740992: expected an integer from 0 to "
               "9007199254740991");
    expect_set("training.seed=9007199254740993",
               "command line: training.seed=9007199254740993: expected an integer from 0 to "
               "9007199254740991");
}

static void test_auto_is_a_word_of_its_key(void **state) {
    (void)state;
    Config config = config_with("data.fold=3");
    assert_int_equal(config.data.fold, 3);
    config = config_with("data.fold=3 data.fold=auto");
    assert_int_equal(config.data.fold, -1);
    expect_set("data.fold=-1",
               "command line: data.fold=-1: expected auto or an integer from 0 to 999");
}

static void test_reals_are_finite_and_within_bounds(void **state) {
    (void)state;
    expect_set("augmentation.zoom=0", NULL);
    expect_set("augmentation.zoom=.9", NULL);
    expect_set("augmentation.zoom=9e-1", NULL);
    const char *const wrong[] = {"-0.1", "0.91", "inf", "nan",  "NAN",  "1e999", "0x0p0",
                                 "",     "ten",  "0,5", "0.5 ", " 0.5", ".",     "5e"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char assignment[64], expected[128];
        snprintf(assignment, sizeof assignment, "augmentation.zoom=%s", wrong[i]);
        snprintf(expected, sizeof expected, "command line: %s: expected a number from 0 to 0.9",
                 assignment);
        expect_set(assignment, expected);
    }
}

static void test_minus_nought_is_nought(void **state) {
    (void)state;
    Config plain = config_with("augmentation.zoom=0"), minus = config_with("augmentation.zoom=-0");
    assert_memory_equal(&plain, &minus, sizeof plain);
}

static void test_bools_have_three_spellings(void **state) {
    (void)state;
    const char *const yes[] = {"true", "True", "yes", "on", "ON"};
    const char *const no[] = {"false", "FALSE", "no", "No", "off"};
    for (size_t i = 0; i < 5; i++) {
        Config config = config_with("training.drop_last=false");
        char assignment[64];
        snprintf(assignment, sizeof assignment, "training.drop_last=%s", yes[i]);
        assert_int_equal(config_set(&config, assignment), STATUS_OK);
        assert_true(config.training.drop_last);
        snprintf(assignment, sizeof assignment, "training.drop_last=%s", no[i]);
        assert_int_equal(config_set(&config, assignment), STATUS_OK);
        assert_false(config.training.drop_last);
    }
    expect_set("training.drop_last=1",
               "command line: training.drop_last=1: expected true or false");
    expect_set("training.drop_last=", "command line: training.drop_last=: expected true or false");
}

static void test_choices_name_the_nearest(void **state) {
    (void)state;
    expect_set("optimizer.kind=adm", "command line: optimizer.kind=adm: expected adam, adamw, sgd, "
                                     "rmsprop, lars or lamb; did you mean adam?");
    expect_refusal("schedule:\n  kind: onecycle\n",
                   "my.yaml:2: schedule.kind=onecycle: expected plateau, constant, step, cosine or "
                   "one_cycle; did you mean one_cycle?");
}

static void test_texts_are_one_line_of_utf8_that_fits(void **state) {
    (void)state;
    static const char expected[] = ": expected one line of UTF-8 text, of 1 to 1023 bytes";
    const char *const wrong[] = {"", "a\nb", "a\x01", "caf\xe9", "\xc2\x85"};
    const char *const shown[] = {"", "a?b", "a?", "caf\xe9", "\xc2\x85"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char assignment[64], line[160];
        snprintf(assignment, sizeof assignment, "data.path=%s", wrong[i]);
        snprintf(line, sizeof line, "command line: data.path=%s%s", shown[i], expected);
        expect_set(assignment, line);
    }
    char longest[10 + 1025] = "data.path=";
    memset(longest + 10, 'x', 1023);
    expect_set(longest, NULL);
    longest[10 + 1023] = 'x';
    Config config;
    free(message_of(config_set(&config, longest)));
}

static void test_an_assignment_needs_a_value(void **state) {
    (void)state;
    expect_set("training.epochs", "command line: training.epochs: expected training.epochs=VALUE");
}

/* ---- layers ---- */

static void test_layers_are_a_list_or_a_text(void **state) {
    (void)state;
    Config list, text;
    config_defaults(&list);
    text = list;
    assert_int_equal(config_read_text(&list,
                                      "model:\n  layers:\n    - flatten\n"
                                      "    - dense 32 relu, dropout 0.5\n    - dense 10 softmax\n",
                                      "a"),
                     STATUS_OK);
    assert_int_equal(
        config_set(&text, "model.layers=flatten ,dense 32 relu,dropout 0.5,  dense 10 softmax"),
        STATUS_OK);
    assert_string_equal(list.model.layers, "flatten, dense 32 relu, dropout 0.5, dense 10 softmax");
    assert_string_equal(text.model.layers, list.model.layers);
}

static void test_layers_that_are_none_are_refused(void **state) {
    (void)state;
    static const char expected[] = "layers with commas between, made of A-Z a-z 0-9 ._-+=/()";
    char line[256];
    snprintf(line, sizeof line, "command line: model.layers=flatten,,dense: expected %s", expected);
    expect_set("model.layers=flatten,,dense", line);
    snprintf(line, sizeof line, "command line: model.layers=a#b: expected %s", expected);
    expect_set("model.layers=a#b", line);
    snprintf(line, sizeof line, "my.yaml:2: model.layers=: expected %s", expected);
    expect_refusal("model:\n  layers: []\n", line);
    snprintf(line, sizeof line, "my.yaml:4: model.layers: expected %s, not further keys", expected);
    expect_refusal("model:\n  layers:\n    - flatten\n    - dense: 10\n", line);
}

static void test_layers_that_do_not_fit_are_refused(void **state) {
    (void)state;
    char text[8192] = "model:\n  layers:\n";
    for (int i = 0; i < 300; i++) strcat(text, "    - dense 128 relu\n");
    expect_refusal(text, "my.yaml:259: model.layers: expected a shorter list");
    char assignment[5000] = "model.layers=";
    memset(assignment + 13, 'x', 4096);
    Config config;
    free(message_of(config_set(&config, assignment)));
}

/* ---- files that are wrong ---- */

static void test_a_list_where_a_value_belongs(void **state) {
    (void)state;
    expect_refusal("training:\n  seed: 1\n  epochs: [5, 6]\n",
                   "my.yaml:3: training.epochs: expected an integer from 1 to 1000000, not a list");
    expect_refusal("training:\n  epochs:\n    all: 5\n",
                   "my.yaml:3: training.epochs: expected an integer from 1 to 1000000, not further "
                   "keys");
    expect_refusal("training:\n  epochs: \"5\\0\"\n",
                   "my.yaml:2: training.epochs: expected an integer from 1 to 1000000, without a "
                   "NUL");
}

static void test_a_key_without_a_value(void **state) {
    (void)state;
    expect_refusal("training:\n  epochs:\n",
                   "my.yaml:2: training.epochs=: expected an integer from 1 to 1000000");
}

static void test_sections_hold_keys(void **state) {
    (void)state;
    expect_refusal("training: 5\n",
                   "my.yaml:1: training: expected keys below it, indented, one a line");
    expect_refusal("- training\n", "my.yaml:1: expected sections, as `training:` and `epochs: 25` "
                                   "under it");
    expect_refusal("training\n", "my.yaml:1: expected sections, as `training:` and `epochs: 25` "
                                 "under it");
    expect_refusal("[a]: 5\n", "my.yaml:1: expected a name and a colon");
    Config config;
    config_defaults(&config);
    assert_int_equal(config_read_text(&config, "training:\ndata:\n  limit: 5\n", "a"), STATUS_OK);
    assert_int_equal(config.data.limit, 5);
}

static void test_an_empty_file_is_refused(void **state) {
    (void)state;
    static const char expected[] = "my.yaml: no configuration in it; `mnist_dist train "
                                   "--print-config` prints one";
    expect_refusal("", expected);
    expect_refusal("# only a remark\n", expected);
}

static void test_a_second_document_is_refused(void **state) {
    (void)state;
    expect_refusal("data:\n  limit: 5\n---\ndata:\n  limit: 6\n",
                   "my.yaml:4: expected one document, and here is a second");
}

static void test_bad_yaml_has_line_and_column(void **state) {
    (void)state;
    expect_refusal("data:\n  limit: 5\n\tfolds: 3\n",
                   "my.yaml:3:1: bad YAML: found a tab character that violates indentation");
    expect_refusal("data: {limit: 5\n", "my.yaml:2:1: bad YAML: did not find expected ',' or '}'");
    expect_refusal("data:\n  limit: *none\n", "my.yaml:2:10: bad YAML: found undefined alias");
    expect_refusal("data:\n  path: caf\xe9s\n",
                   "my.yaml:2:13: bad YAML: invalid trailing UTF-8 octet");
}

static void test_files_that_cannot_be_read(void **state) {
    (void)state;
    Config config;
    config_defaults(&config);
    char path[256], expected[512];
    snprintf(expected, sizeof expected, "%s: cannot read the configuration: Is a directory",
             folder);
    expect_message(config_read_file(&config, folder), expected);
    snprintf(path, sizeof path, "%s/none.yaml", folder);
    snprintf(expected, sizeof expected,
             "%s: cannot open the configuration: No such file or directory", path);
    expect_message(config_read_file(&config, path), expected);
    expect_message(config_read_file(&config, "/dev/zero"),
                   "/dev/zero: larger than 1 MB, so no configuration");
}

static void write_file(const char *path, const char *text, size_t length) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void test_a_nul_in_a_file_is_seen(void **state) {
    (void)state;
    static const char text[] = "data:\n  limit: 5\n\0  folds: 3\n";
    char path[256], expected[512];
    Config config;
    config_defaults(&config);
    snprintf(path, sizeof path, "%s/nul.yaml", folder);
    snprintf(expected, sizeof expected, "%s:3:1: bad YAML: control characters are not allowed",
             path);
    write_file(path, text, sizeof text - 1);
    expect_message(config_read_file(&config, path), expected);
    unlink(path);
}

static void test_the_name_is_the_files(void **state) {
    (void)state;
    const char *const names[][2] = {
        {"a.b.yaml", "a.b"}, {"c.yml", "c"}, {"d", "d"}, {".yaml", ".yaml"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];
        Config config;
        config_defaults(&config);
        snprintf(path, sizeof path, "%s/%s", folder, names[i][0]);
        write_file(path, "data:\n  limit: 5\n", 17);
        assert_int_equal(config_read_file(&config, path), STATUS_OK);
        assert_string_equal(config.name, names[i][1]);
        unlink(path);
    }
}

/* ---- checks across keys ---- */

static void test_shards_suit_the_batch(void **state) {
    (void)state;
    expect_checked("training.shards=8 training.batch_size=8", NULL);
    expect_checked("training.shards=1 training.batch_size=1", NULL);
    expect_checked("training.shards=4096 training.batch_size=4096", NULL);
    expect_checked(
        "training.shards=8 training.batch_size=7",
        "training.shards=8 is more than training.batch_size=7, so that some shards would "
        "always be empty: lower one or raise the other");
    expect_checked("training.shards=6",
                   "training.shards=6: expected a power of two: 1, 2, 4, 8 ... 4096");
}

static void test_folds_leave_rows_on_both_sides(void **state) {
    (void)state;
    expect_checked("data.folds=2 data.fold=1", NULL);
    expect_checked("data.folds=0 schedule.kind=cosine", NULL);
    expect_checked("data.folds=1", "data.folds=1 would hold out every row; give 2 or more, or 0 to "
                                   "hold out none");
    expect_checked("data.folds=5 data.fold=5",
                   "data.fold=5: with data.folds=5 there is no such part; parts count from 0; or "
                   "give auto");
    expect_checked("data.folds=0", "schedule.kind=plateau needs validation rows, and data.folds=0 "
                                   "holds out none: choose another schedule");
    expect_checked(
        "data.folds=0 schedule.kind=step training.early_stopping=2",
        "training.early_stopping needs validation rows, and data.folds=0 holds out none: "
        "set it to 0");
}

static void test_what_watches_validation_needs_it_each_epoch(void **state) {
    (void)state;
    expect_checked("schedule.kind=cosine training.validate_every=5", NULL);
    expect_checked("training.validate_every=0",
                   "schedule.kind=plateau needs training.validate_every=1, not 0: choose another "
                   "schedule, or validate after every epoch");
    expect_checked("schedule.kind=cosine training.validate_every=2 training.early_stopping=4",
                   "training.early_stopping needs training.validate_every=1, not 2: give it, or "
                   "training.early_stopping=0");
}

static void test_something_is_averaged(void **state) {
    (void)state;
    expect_checked("average.kind=ema average.start_epoch=24.5", NULL);
    expect_checked("average.start_epoch=30", NULL);
    expect_checked("average.kind=swa average.start_epoch=25",
                   "average.start_epoch=25 must be less than training.epochs=25, or nothing would "
                   "be averaged");
}

static void test_rates_suit_each_other(void **state) {
    (void)state;
    expect_checked("schedule.min_rate=0.001", NULL);
    expect_checked("schedule.min_rate=0.01", "schedule.min_rate=0.01 is above "
                                             "optimizer.learning_rate=0.001, so that a fall would "
                                             "raise the rate");
    expect_checked("schedule.min_rate=0.01 schedule.kind=constant", NULL);
    expect_checked("schedule.min_rate=0.01 optimizer.scaling=linear training.batch_size=2560",
                   NULL);
    expect_checked("schedule.min_rate=0.01 optimizer.scaling=sqrt training.batch_size=4096",
                   "schedule.min_rate=0.01 is above optimizer.learning_rate=0.004, as it is scaled "
                   "to the batch, so that a fall would raise the rate");
    expect_checked("schedule.warmup_epochs=24.5", NULL);
    expect_checked("schedule.warmup_epochs=25",
                   "schedule.warmup_epochs=25 must be less than training.epochs=25");
    expect_checked(
        "optimizer.kind=sgd optimizer.nesterov=true",
        "optimizer.nesterov=true does nothing with optimizer.momentum=0: give a momentum, "
        "0.9 say");
    expect_checked("optimizer.kind=sgd optimizer.nesterov=true optimizer.momentum=0.9", NULL);
}

/* ---- the round trip ---- */

/* A double of random bits within the key's bounds. */
static double random_real(const ConfigKey *key, const uint32_t words[4]) {
    double share = (words[0] + words[1] * 0x1p-32) * 0x1p-32;
    double value = key->lowest + share * (key->highest - key->lowest);
    return words[2] % 2 == 0 ? value : key->lowest + (value - key->lowest) * 1e-6;
}

static uint32_t choice_count(const ConfigKey *key) {
    uint32_t count = 0;
    while (key->choices[count] != NULL) count++;
    return count;
}

static void set_random(Config *config, const ConfigKey *key, const uint32_t words[4]) {
    static const char *const paths[] = {
        "a b",  " x ", "it's \"q\" \\ # : - {}", "é/日本/😀", "null", "~", "- a", "a: b",
        "true", "5"};
    static const char *const layers[] = {"flatten", "a 1x1, b .5, c_d (e=f/g)", "x-y, z"};
    char *field = (char *)config + key->offset;
    switch (key->type) {
    case KEY_INTEGER:
        *(int64_t *)field =
            (int64_t)(key->lowest + (words[0] * 0x1p-32) * (key->highest - key->lowest));
        if (key->word != NULL && words[1] % 2 == 0) *(int64_t *)field = -1;
        return;
    case KEY_REAL:
        *(double *)field = random_real(key, words);
        return;
    case KEY_BOOL:
        *(bool *)field = words[0] % 2 == 0;
        return;
    case KEY_CHOICE:
        *(int *)field = (int)(words[0] % choice_count(key));
        return;
    case KEY_TEXT:
        strcpy(field, paths[words[0] % 10]);
        return;
    case KEY_LAYERS:
        strcpy(field, layers[words[0] % 3]);
        return;
    }
}

static void test_what_is_written_is_read_back_to_the_bit(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 500; round++) {
        Config config, back;
        config_defaults(&config);
        back = config;
        memset(config.data.path, 0, sizeof config.data.path);
        memset(back.data.path, 0, sizeof back.data.path);
        for (uint32_t i = 0; i < CONFIG_KEY_COUNT; i++) {
            uint32_t words[4];
            rng_words(words, &(RngStream){.seed = 1, .purpose = 99, .time = round, .sample = i}, 0);
            set_random(&config, &CONFIG_KEYS[i], words);
        }
        char *text;
        assert_int_equal(config_write(&text, &config), STATUS_OK);
        assert_int_equal(config_read_text(&back, text, "text"), STATUS_OK);
        expect_same_text(&config, &back);
        for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
            if (CONFIG_KEYS[i].type != KEY_TEXT && CONFIG_KEYS[i].type != KEY_LAYERS)
                assert_memory_equal((char *)&config + CONFIG_KEYS[i].offset,
                                    (char *)&back + CONFIG_KEYS[i].offset, CONFIG_KEYS[i].size);
        assert_string_equal(config.data.path, back.data.path);
        assert_string_equal(config.model.layers, back.model.layers);
        free(text);
    }
}

static void expect_real_text(double value, const char *expected) {
    Config config;
    config_defaults(&config);
    config.schedule.final_divisor = value;
    char text[CONFIG_TEXT];
    config_print(text, config_find("schedule.final_divisor"), &config);
    assert_string_equal(text, expected);
}

static void test_reals_are_written_as_short_as_can_be(void **state) {
    (void)state;
    expect_real_text(0.1, "0.1");
    expect_real_text(10.0, "10");
    expect_real_text(10000.0, "10000");
    expect_real_text(1e12, "1e+12");
    expect_real_text(1e-7, "1e-07");
    expect_real_text(0.1 + 0.2, "0.30000000000000004");
    expect_real_text(1.0 / 3.0, "0.3333333333333333");
}

/* ---- what a resume may change ---- */

static void expect_resume(const char *then, const char *now, const char *expected) {
    Config saved = config_with(then), wanted = config_with(now);
    if (expected != NULL)
        expect_message(config_compare(&saved, &wanted, "step-1.h5"), expected);
    else
        assert_int_equal(config_compare(&saved, &wanted, "step-1.h5"), STATUS_OK);
}

static void test_a_resume_refuses_another_answer(void **state) {
    (void)state;
    expect_resume("training.batch_size=86", "training.batch_size=43",
                  "step-1.h5: training.batch_size is 86 there and 43 now, which would change the "
                  "answer; resume with training.batch_size=86, or start anew with --resume never");
    expect_resume("data.fold=auto", "data.fold=2",
                  "step-1.h5: data.fold is auto there and 2 now, which would change the answer; "
                  "resume with data.fold=auto, or start anew with --resume never");
    expect_resume("optimizer.beta_2=0.999", "optimizer.beta_2=0.9990000000000001",
                  "step-1.h5: optimizer.beta_2 is 0.999 there and 0.9990000000000001 now, which "
                  "would change the answer; resume with optimizer.beta_2=0.999, or start anew with "
                  "--resume never");
}

static void test_a_resume_takes_what_changes_no_bit(void **state) {
    (void)state;
    expect_resume("", "", NULL);
    expect_resume("",
                  "data.path=elsewhere.h5 training.threads=2 checkpoint.keep=9 "
                  "checkpoint.every_steps=5 output.predict=false training.early_stopping=3",
                  NULL);
}

static void test_epochs_bind_where_the_schedule_spans_the_run(void **state) {
    (void)state;
    expect_resume("training.epochs=3", "training.epochs=5", NULL);
    expect_resume("schedule.kind=step training.epochs=3", "schedule.kind=step training.epochs=5",
                  NULL);
    expect_resume("schedule.kind=step training.validate_every=2 training.epochs=3",
                  "schedule.kind=step training.validate_every=2 training.epochs=5",
                  "step-1.h5: training.epochs is 3 there and 5 now, which would change the answer; "
                  "resume with training.epochs=3, or start anew with --resume never");
    expect_resume("schedule.kind=cosine training.epochs=3",
                  "schedule.kind=cosine training.epochs=5",
                  "step-1.h5: training.epochs is 3 there and 5 now, which would change the answer; "
                  "resume with training.epochs=3, or start anew with --resume never");
}

static void test_a_resume_names_the_layer_that_differs(void **state) {
    (void)state;
    Config saved, now;
    config_defaults(&saved);
    now = saved;
    strcpy(saved.model.layers, "flatten, dense 32 relu, dense 10 softmax");
    strcpy(now.model.layers, "flatten, dense 33 relu, dense 10 softmax");
    expect_message(config_compare(&saved, &now, "c.h5"),
                   "c.h5: layer 2 of model.layers is \"dense 32 relu\" there and \"dense 33 relu\" "
                   "now; give the same layers to resume, or start anew with --resume never");
    strcpy(now.model.layers, "flatten");
    expect_message(
        config_compare(&saved, &now, "c.h5"),
        "c.h5: layer 2 of model.layers is \"dense 32 relu\" there and \"\" now; give the "
        "same layers to resume, or start anew with --resume never");
}

static void test_which_keys_change_the_answer(void **state) {
    (void)state;
    assert_true(config_changes_answer("data.fold=3"));
    assert_true(config_changes_answer("model.layers"));
    assert_false(config_changes_answer("data.path=x"));
    assert_false(config_changes_answer("training.threads=2"));
}

/* ---- help ---- */

static void test_help_names_every_key(void **state) {
    (void)state;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    config_help(out);
    fclose(out);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        assert_non_null(strstr(text, CONFIG_KEYS[i].name));
        assert_non_null(strstr(text, CONFIG_KEYS[i].help));
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_default_is_taken_by_its_own_key),
        cmocka_unit_test(test_defaults_are_the_baseline_recipe),
        cmocka_unit_test(test_baseline_spells_out_the_defaults),
        cmocka_unit_test(test_baseline_names_every_key),
        cmocka_unit_test(test_smoke_is_read_and_checked),
        cmocka_unit_test(test_recipes_are_read_and_checked),
        cmocka_unit_test(test_scale_gives_the_batch_its_rate),
        cmocka_unit_test(test_an_unknown_key_names_the_nearest),
        cmocka_unit_test(test_an_unknown_section_names_the_nearest),
        cmocka_unit_test(test_a_name_given_twice_is_refused),
        cmocka_unit_test(test_integers_are_whole_and_within_bounds),
        cmocka_unit_test(test_the_largest_seed_is_exact),
        cmocka_unit_test(test_auto_is_a_word_of_its_key),
        cmocka_unit_test(test_reals_are_finite_and_within_bounds),
        cmocka_unit_test(test_minus_nought_is_nought),
        cmocka_unit_test(test_bools_have_three_spellings),
        cmocka_unit_test(test_choices_name_the_nearest),
        cmocka_unit_test(test_texts_are_one_line_of_utf8_that_fits),
        cmocka_unit_test(test_an_assignment_needs_a_value),
        cmocka_unit_test(test_layers_are_a_list_or_a_text),
        cmocka_unit_test(test_layers_that_are_none_are_refused),
        cmocka_unit_test(test_layers_that_do_not_fit_are_refused),
        cmocka_unit_test(test_a_list_where_a_value_belongs),
        cmocka_unit_test(test_a_key_without_a_value),
        cmocka_unit_test(test_sections_hold_keys),
        cmocka_unit_test(test_an_empty_file_is_refused),
        cmocka_unit_test(test_a_second_document_is_refused),
        cmocka_unit_test(test_bad_yaml_has_line_and_column),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_a_nul_in_a_file_is_seen),
        cmocka_unit_test(test_the_name_is_the_files),
        cmocka_unit_test(test_shards_suit_the_batch),
        cmocka_unit_test(test_folds_leave_rows_on_both_sides),
        cmocka_unit_test(test_what_watches_validation_needs_it_each_epoch),
        cmocka_unit_test(test_something_is_averaged),
        cmocka_unit_test(test_rates_suit_each_other),
        cmocka_unit_test(test_what_is_written_is_read_back_to_the_bit),
        cmocka_unit_test(test_reals_are_written_as_short_as_can_be),
        cmocka_unit_test(test_a_resume_refuses_another_answer),
        cmocka_unit_test(test_a_resume_takes_what_changes_no_bit),
        cmocka_unit_test(test_epochs_bind_where_the_schedule_spans_the_run),
        cmocka_unit_test(test_a_resume_names_the_layer_that_differs),
        cmocka_unit_test(test_which_keys_change_the_answer),
        cmocka_unit_test(test_help_names_every_key),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
