/* Several runs beside each other, as JSON: groups, differing keys, paired tests; see data.h. */
#include <math.h>
#include <string.h>

#include "report/data.h"
#include "report/groups.h"

static json_t *spread(const Spread *of) {
    return json_pack("{s:o,s:o,s:o,s:o}", "mean", data_number(of->mean), "deviation",
                     data_number(of->deviation), "least", data_number(of->least), "most",
                     data_number(of->most));
}

static json_t *group(const RunGroup *of, const RunRecord records[]) {
    json_t *runs = json_array();
    bool good = runs != NULL;
    for (size_t i = 0; good && i < of->run_count; i++)
        good = data_append(runs, json_integer((json_int_t)of->runs[i]));
    json_t *value =
        json_pack("{s:o,s:o}", "name", data_text(of->name), "runs", data_finish(runs, good));
    good = value != NULL;
    for (int i = 0; good && i < FIGURE_COUNT; i++) {
        Spread found = group_spread(of, records, (Figure)i);
        good = json_object_set_new(value, figure_name((Figure)i), spread(&found)) == 0;
    }
    return data_finish(value, good);
}

static json_t *all_groups(const RunGroups *groups, const RunRecord records[]) {
    json_t *all = json_array();
    bool good = all != NULL;
    for (size_t i = 0; good && i < groups->count; i++)
        good = data_append(all, group(&groups->groups[i], records));
    return data_finish(all, good);
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static bool differs(size_t key, const RunRecord records[], size_t count) {
    char first[CONFIG_TEXT], other[CONFIG_TEXT];
    config_key_text(first, key, &records[0].config);
    for (size_t i = 1; i < count; i++) {
        config_key_text(other, key, &records[i].config);
        if (strcmp(first, other) != 0) return true;
    }
    return false;
}

static json_t *values_of(size_t key, const RunRecord records[], size_t count) {
    json_t *values = json_array();
    bool good = values != NULL;
    for (size_t i = 0; good && i < count; i++) {
        char text[CONFIG_TEXT];
        config_key_text(text, key, &records[i].config);
        good = data_append(values, data_text(text));
    }
    return json_pack("{s:s,s:o}", "key", config_key_name(key), "values", data_finish(values, good));
}

static json_t *differing(const RunRecord records[], size_t count) {
    json_t *keys = json_array();
    bool good = keys != NULL;
    for (size_t key = 0; good && key < config_key_count(); key++)
        if (differs(key, records, count)) good = data_append(keys, values_of(key, records, count));
    return data_finish(keys, good);
}

/* ---- Pairs ----------------------------------------------------------------------------------- */

static json_t *pair(size_t a, size_t b, const PairedCounts *counts) {
    json_int_t images = counts->both + counts->only_a + counts->only_b + counts->neither;
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "a", (json_int_t)a, "b", (json_int_t)b,
                     "images", images, "both", (json_int_t)counts->both, "only_a",
                     (json_int_t)counts->only_a, "only_b", (json_int_t)counts->only_b, "neither",
                     (json_int_t)counts->neither, "p",
                     data_number(mcnemar_exact(counts->only_a, counts->only_b)));
}

static json_t *run_pairs(const RunRecord records[], size_t count) {
    json_t *pairs = json_array();
    bool good = pairs != NULL;
    for (size_t a = 0; a < count; a++)
        for (size_t b = a + 1; good && b < count; b++) {
            PairedCounts counts = {0};
            if (records_paired(&counts, &records[a], &records[b]))
                good = data_append(pairs, pair(a, b, &counts));
        }
    return data_finish(pairs, good);
}

static json_t *group_pairs(const RunGroups *groups, const RunRecord records[]) {
    json_t *pairs = json_array();
    bool good = pairs != NULL;
    for (size_t a = 0; a < groups->count; a++)
        for (size_t b = a + 1; good && b < groups->count; b++) {
            PairedCounts counts = {0};
            if (groups_paired(&counts, &groups->groups[a], &groups->groups[b], records))
                good = data_append(pairs, pair(a, b, &counts));
        }
    return data_finish(pairs, good);
}

json_t *data_comparison(const RunRecord records[], size_t count) {
    RunGroups groups;
    if (groups_of(&groups, records, count) != STATUS_OK) return NULL;
    json_t *comparison =
        json_pack("{s:o,s:o,s:o,s:o}", "groups", all_groups(&groups, records), "differing",
                  differing(records, count), "pairs", run_pairs(records, count), "group_pairs",
                  group_pairs(&groups, records));
    groups_free(&groups);
    return comparison;
}
