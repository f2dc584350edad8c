/* The page's data as JSON, by libjansson: the files data*.c alone include jansson.h.
 *
 * A function gives a new value, or NULL if memory ran out; json_pack and the arrays here take NULL
 * for a failure of their own, so that it comes out at the top. */
#pragma once

#include <jansson.h>

#include "mnist_dist/report/record.h"

/* A number; null for what is no number or has no end. */
json_t *data_number(double value);

/* A text; bytes that are no UTF-8 become "?". */
json_t *data_text(const char *text);

/* Adds to an array; false if value is NULL or memory runs out. */
bool data_append(json_t *array, json_t *value);

/* The array if all went well; else frees it and gives NULL. */
json_t *data_finish(json_t *array, bool good);

/* How much of a run is wanted. */
typedef enum DataExtent {
    DATA_WHOLE, /* its own page */
    DATA_BRIEF  /* one of several: no model, configuration, images; at most 500 steps */
} DataExtent;
json_t *data_run(const RunRecord *record, DataExtent extent);

/* Adds what is read off the predictions to a run's object; false on failure. */
bool data_add_predictions(json_t *run, const Predictions *predictions);

json_t *data_comparison(const RunRecord records[], size_t count);

/* The best network's layers and weights; JSON's null if there is none. */
json_t *data_network(const RunRecord *record);

/* All of it as text, in which no "<" stands, so that nothing in it ends or opens a tag of the page
 * around it; freed by the caller. */
Status data_text_of_runs(char **text, const RunRecord records[], size_t count);
