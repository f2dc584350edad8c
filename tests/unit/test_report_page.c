/* The page's template, its data as text, and which runs belong together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/report/report.h"
#include "report/base64.h"
#include "report/data.h"
#include "report/groups.h"
#include "report/page.h"
#include "work_folder.h"

static void assert_has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) fail_msg("no %s in %.3000s", part, text);
}

static void assert_lacks(const char *text, const char *part) {
    if (strstr(text, part) != NULL) fail_msg("%s in %.3000s", part, text);
}

/* ---- The template ---------------------------------------------------------------------------- */

static void markers_are_filled_once(void **state) {
    (void)state;
    char *page;
    size_t length;
    const PageMarker markers[] = {{"a", "{{b}}", 5}, {"b", "x\0y", 3}, {"none", "", 0}};
    assert_int_equal(page_fill(&page, &length, "1{{a}}2{{b}}{{a}}3", markers, 3), STATUS_OK);
    assert_int_equal(length, 16);
    assert_memory_equal(page, "1{{b}}2x\0y{{b}}3", 16);
    free(page);
    assert_int_equal(page_fill(&page, &length, "}} {{ no end", markers, 3), STATUS_OK);
    assert_string_equal(page, "}} {{ no end");
    free(page);
    assert_int_equal(page_fill(&page, &length, "{{c}}", markers, 3), STATUS_FAILED);
    assert_null(page);
    status_clear();
}

static void titles_are_escaped(void **state) {
    (void)state;
    char *text;
    assert_int_equal(page_escape(&text, "a</title>&\"'"), STATUS_OK);
    assert_string_equal(text, "a&#60;/title&#62;&#38;&#34;&#39;");
    free(text);
}

/* RFC 4648, section 10. */
static void base64_is_that_of_the_standard(void **state) {
    (void)state;
    static const char *const texts[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const codes[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (int i = 0; i < 7; i++) {
        char *text;
        assert_int_equal(base64_text(&text, "", texts[i], strlen(texts[i])), STATUS_OK);
        assert_string_equal(text, codes[i]);
        free(text);
    }
}

/* ---- Runs made by hand ----------------------------------------------------------------------- */

/* Two epochs of two steps, three held-out images of which one is an error. */
static RunRecord example(const char *name, int64_t seed, double rate) {
    RunRecord record = {.program = "mnist_dist", .digest = "d", .data_fingerprint = "f"};
    snprintf(record.name, sizeof record.name, "%s", name);
    config_defaults(&record.config);
    record.config.training.seed = seed;
    record.config.optimizer.learning_rate = rate;
    strcpy(record.config.model.layers, "conv 3x3 2 same relu, flatten, dense 10 softmax");
    record.progress = (Progress){.step = 4, .epoch = 2, .best_epoch = 1, .status = RUN_FINISHED};
    assert_int_equal(model_new(&record.model, &record.config.model), STATUS_OK);
    record.params = calloc(model_parameter_count(record.model), sizeof(float));
    assert_int_equal(history_new(&record.history, 2, 4), STATUS_OK);
    for (int i = 0; i < 2; i++)
        history_add_epoch(&record.history,
                          (double[EPOCH_QUANTITIES]){[EPOCH_VAL_ACCURACY] = 0.75 - 0.25 * i,
                                                     [EPOCH_VAL_LOSS] = NAN,
                                                     [EPOCH_SECONDS] = 2 + i,
                                                     [EPOCH_IMAGES_PER_SECOND] = 10,
                                                     [EPOCH_PHASES] = NAN});
    for (int i = 0; i < 4; i++)
        history_add_step(&record.history, (double[STEP_QUANTITIES]){1.0 / 3, 0.5, rate, INFINITY});
    assert_int_equal(predictions_new(&record.predictions, 3, 1), STATUS_OK);
    record.has_predictions = true;
    for (int i = 0; i < 3; i++) {
        record.predictions.validation.labels[i] = (uint8_t)i;
        record.predictions.probabilities[i * DIGIT_CLASSES + (i == 2 ? 7 : i)] = 1;
    }
    return record;
}

static void data_are_plain_json(void **state) {
    (void)state;
    char *text;
    RunRecord record = example("</script><!--\"'\xff", 0, 0.001);
    strcpy(record.missing, "one\ntwo");
    assert_int_equal(data_text_of_runs(&text, &record, 1), STATUS_OK);
    assert_lacks(text, "<");
    assert_has(text, "\"name\":\"\\u003c/script>\\u003c!--\\\"'?\"");
    assert_has(text, "\"missing\":[\"one\",\"two\"]");
    assert_has(text, "\"loss\":[0.333333,0.333333,0.333333,0.333333]");
    assert_has(text, "\"gradient_norm\":[null,null,null,null]");
    assert_has(text, "\"val_loss\":[null,null]");
    assert_has(text, "\"val_accuracy\":[0.75,0.5]");
    assert_has(text, "\"val_correct\":2,\"val_count\":3");
    assert_has(text, "\"errors\":[0]");
    assert_has(text, "\"label\":2,\"prediction\":7");
    assert_has(text, "\"key\":\"optimizer.kind\",\"value\":\"adam\",\"default\":\"adam\","
                     "\"differs\":false");
    assert_has(text, "\"output\":\"28 x 28 x 2\"");
    assert_has(text, "\"filters\":{\"rows\":3,\"columns\":3,\"channels\":1");
    assert_has(text, "\"network\":{\"layers\":\"conv 3x3 2 same relu, flatten");
    free(text);
    run_record_free(&record);
}

/* Three of eight are shown; the accuracy is of all. */
static void held_out_images_that_are_not_shown_count(void **state) {
    (void)state;
    char *text;
    RunRecord record = example("large", 0, 0.001);
    record.predictions.held_out = 8;
    assert_int_equal(data_text_of_runs(&text, &record, 1), STATUS_OK);
    assert_has(text, "\"val_correct\":6,\"val_count\":8");
    free(text);
    run_record_free(&record);
}

static void a_run_without_predictions_has_its_curves(void **state) {
    (void)state;
    char *text;
    RunRecord record = example("old", 0, 0.001);
    predictions_free(&record.predictions);
    record.has_predictions = false;
    free(record.params);
    record.params = NULL;
    assert_int_equal(data_text_of_runs(&text, &record, 1), STATUS_OK);
    assert_has(text, "\"val_accuracy\":[0.75,0.5]");
    assert_has(text, "\"val_correct\":null");
    assert_has(text, "\"network\":null");
    assert_lacks(text, "confusion");
    assert_lacks(text, "filters");
    free(text);
    run_record_free(&record);
}

static void many_steps_are_thinned_to_means(void **state) {
    (void)state;
    char *text;
    RunRecord record = example("long", 0, 0.001);
    history_destroy(&record.history);
    assert_int_equal(history_new(&record.history, 0, 20001), STATUS_OK);
    for (int i = 0; i < 20001; i++) history_add_step(&record.history, (double[STEP_QUANTITIES]){i});
    assert_int_equal(data_text_of_runs(&text, &record, 1), STATUS_OK);
    assert_has(text, "\"every\":2,\"loss\":[0.5,2.5,4.5,");
    assert_has(text, "19998.5,20000.0]");
    free(text);
    run_record_free(&record);
}

/* ---- Several --------------------------------------------------------------------------------- */

static void seeds_make_a_group(void **state) {
    (void)state;
    RunRecord records[] = {example("a", 0, 0.001), example("b", 0, 0.01), example("c", 1, 0.001)};
    RunGroups groups;
    strcpy(records[2].config.data.path, "elsewhere.h5");
    assert_int_equal(groups_of(&groups, records, 3), STATUS_OK);
    assert_int_equal(groups.count, 2);
    assert_int_equal(groups.groups[0].run_count, 2);
    assert_int_equal(groups.groups[0].runs[1], 2);
    assert_string_equal(groups.groups[0].name, "a"); /* both are of the configuration "baseline" */
    assert_string_equal(groups.groups[1].name, "b");
    PairedCounts counts = {0};
    assert_true(groups_paired(&counts, &groups.groups[0], &groups.groups[1], records));
    assert_int_equal(counts.both + counts.neither, 3); /* seed 0 alone is in both */
    groups_free(&groups);
    strcpy(records[1].config.name, "other");
    assert_int_equal(groups_of(&groups, records, 3), STATUS_OK);
    assert_string_equal(groups.groups[0].name, "baseline");
    groups_free(&groups);
    strcpy(records[2].data_fingerprint, "g"); /* other data */
    assert_int_equal(groups_of(&groups, records, 3), STATUS_OK);
    assert_int_equal(groups.count, 3);
    groups_free(&groups);
    for (int i = 0; i < 3; i++) run_record_free(&records[i]);
}

/* Seeds 0 and 1 of two configurations, all of which hold out the same part. */
static void a_part_that_seeds_share_counts_once(void **state) {
    (void)state;
    RunRecord records[] = {example("a", 0, 0.001), example("b", 0, 0.01), example("c", 1, 0.001),
                           example("d", 1, 0.01)};
    for (int shared = 0; shared < 2; shared++) {
        RunGroups groups;
        PairedCounts counts = {0};
        for (int i = 0; i < 4; i++) records[i].config.data.fold = shared ? 0 : -1;
        assert_int_equal(groups_of(&groups, records, 4), STATUS_OK);
        assert_true(groups_paired(&counts, &groups.groups[0], &groups.groups[1], records));
        assert_int_equal(counts.both + counts.neither, shared ? 3 : 6);
        groups_free(&groups);
    }
    /* One seed, two parts, each of which has a run of either configuration. */
    RunGroups groups;
    PairedCounts counts = {0};
    for (int i = 0; i < 4; i++) {
        records[i].config.training.seed = 0;
        records[i].config.data.fold = i / 2;
        for (int k = 0; k < 3; k++)
            records[i].predictions.validation.rows[k] = (uint32_t)(10 * (i / 2) + k);
    }
    assert_int_equal(groups_of(&groups, records, 4), STATUS_OK);
    assert_true(groups_paired(&counts, &groups.groups[0], &groups.groups[1], records));
    assert_int_equal(counts.both + counts.neither, 6);
    groups_free(&groups);
    for (int i = 0; i < 4; i++) run_record_free(&records[i]);
}

static void a_comparison_has_differing_keys_alone(void **state) {
    (void)state;
    char *text;
    RunRecord records[] = {example("a", 0, 0.001), example("b", 0, 0.01)};
    assert_int_equal(data_text_of_runs(&text, records, 2), STATUS_OK);
    assert_has(text, "\"differing\":[{\"key\":\"optimizer.learning_rate\","
                     "\"values\":[\"0.001\",\"0.01\"]}]");
    assert_has(text, "\"images\":3,\"both\":2,\"only_a\":0,\"only_b\":0,\"neither\":1,\"p\":1.0");
    assert_lacks(text, "sprite");
    assert_lacks(text, "\"weights\"");
    free(text);
    assert_int_equal(report_table(&text, records, 2), STATUS_OK);
    assert_has(text, "| a | 1 | 75.00 | – | 1.0 | 5.0 | 10 |\n");
    free(text);
    for (int i = 0; i < 2; i++) run_record_free(&records[i]);
}

static void the_page_is_whole(void **state) {
    (void)state;
    RunRecord record = example("one", 0, 0.001);
    assert_int_equal(report_write("page.html", &record, 1), STATUS_OK);
    char *text = calloc(1, 1 << 20);
    FILE *file = fopen("page.html", "r");
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 100000);
    fclose(file);
    assert_has(text, "<title>one: mnist_dist</title>");
    assert_has(text, "Dygraph");
    assert_has(text, "startPage();");
    assert_lacks(text, "{{data}}");
    free(text);
    run_record_free(&record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markers_are_filled_once),
        cmocka_unit_test(titles_are_escaped),
        cmocka_unit_test(base64_is_that_of_the_standard),
        cmocka_unit_test(data_are_plain_json),
        cmocka_unit_test(held_out_images_that_are_not_shown_count),
        cmocka_unit_test(a_run_without_predictions_has_its_curves),
        cmocka_unit_test(many_steps_are_thinned_to_means),
        cmocka_unit_test(seeds_make_a_group),
        cmocka_unit_test(a_part_that_seeds_share_counts_once),
        cmocka_unit_test(a_comparison_has_differing_keys_alone),
        cmocka_unit_test_setup_teardown(the_page_is_whole, enter_folder, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
