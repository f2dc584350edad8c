/* The top of the page's data, its values and its text; see data.h. */
#include "report/data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/clock.h"
#include "report/base64.h"

enum { DIGITS = 6 /* of a number, in text */ };

json_t *data_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *data_text(const char *text) {
    json_t *value = json_string(text);
    if (value != NULL) return value;
    char *copy = strdup(text);
    if (copy == NULL) return NULL;
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    value = json_string(copy);
    free(copy);
    return value;
}

bool data_append(json_t *array, json_t *value) {
    return json_array_append_new(array, value) == 0;
}

json_t *data_finish(json_t *array, bool good) {
    if (good) return array;
    json_decref(array);
    return NULL;
}

json_t *data_network(const RunRecord *record) {
    char *weights = NULL;
    size_t count = model_parameter_count(record->model);
    if (record->params == NULL) return json_null();
    if (base64_text(&weights, "", record->params, count * sizeof(float)) != STATUS_OK) return NULL;
    json_t *network = json_pack("{s:o,s:I,s:s}", "layers", data_text(record->config.model.layers),
                                "parameters", (json_int_t)count, "weights", weights);
    free(weights);
    return network;
}

static json_t *all_runs(const RunRecord records[], size_t count) {
    json_t *runs = json_array();
    bool good = runs != NULL;
    for (size_t i = 0; good && i < count; i++)
        good = data_append(runs, data_run(&records[i], count > 1 ? DATA_BRIEF : DATA_WHOLE));
    return data_finish(runs, good);
}

static json_t *whole(const RunRecord records[], size_t count) {
    char date[21];
    clock_date(date);
    bool several = count > 1;
    return json_pack("{s:s,s:s,s:o,s:o}", "program", "mnist_dist " MNIST_DIST_VERSION, "made", date,
                     "runs", all_runs(records, count), several ? "comparison" : "network",
                     several ? data_comparison(records, count) : data_network(&records[0]));
}

/* jansson hands over pieces of text; every "<" is inside a string, where \u003c means the same. */
static int put(const char *piece, size_t size, void *context) {
    FILE *out = context;
    for (size_t i = 0; i < size; i++)
        if ((piece[i] == '<' ? fputs("\\u003c", out) : fputc(piece[i], out)) == EOF) return -1;
    return 0;
}

Status data_text_of_runs(char **text, const RunRecord records[], size_t count) {
    size_t size = 0;
    *text = NULL;
    json_t *value = whole(records, count);
    FILE *out = open_memstream(text, &size);
    bool good =
        value != NULL && out != NULL &&
        json_dump_callback(value, put, out, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS)) == 0;
    json_decref(value);
    if (out != NULL && fclose(out) != 0) good = false;
    if (good) return STATUS_OK;
    free(*text);
    *text = NULL;
    return status_fail(STATUS_FAILED, "no memory for the page's data");
}
