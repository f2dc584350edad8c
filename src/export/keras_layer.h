/* What the files keras_layer*.c share: a Keras model's layers, read one after another.
 *
 *   keras_layers.c        which layers there are, and the model that they make
 *   keras_layer_values.c  the values of a layer's members
 *   keras_layer_words.c   our words for it
 *
 * Failures are STATUS_DATA, in one line with the file's path and the layer's place. */
#pragma once

#include <jansson.h>

#include "export/keras_read.h"

/* What comes in where nothing of the network stands yet. */
typedef enum KerasInput { INPUT_IMAGE, INPUT_SQUARE, INPUT_ROW } KerasInput;

enum { KERAS_NAME = 80 };

/* A model under way. */
typedef struct KerasReader {
    KerasLayers *out;
    size_t used; /* of out->layers */
    const char *path;
    size_t number; /* of the layer under way, from 1, input layers not counted */
    char class_name[KERAS_NAME], name[KERAS_NAME];
    const json_t *config;
    KerasInput input;
    size_t h, w;          /* of what comes in ... */
    bool flat;            /* ... unless it is a row of numbers */
    bool takes_word;      /* the last word written may be followed by an activation */
    bool is_output;       /* it is a dense layer of 10 without one */
    bool ends_in_softmax; /* nothing may follow */
} KerasReader;

/* Says what is wrong with the layer under way, or with the model. */
Status keras_refuse(const KerasReader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
Status keras_refuse_model(const KerasReader *reader, const char *what);

/* The value as JSON, cut to what a line holds; "missing" of NULL. Returns text. */
enum { KERAS_VALUE = 80 };
const char *keras_show(char text[KERAS_VALUE], const json_t *value);

/* Whether the value is the one that `text` is as JSON; numbers are compared as numbers. */
bool keras_same(const json_t *value, const char *text);

/* A whole number from 1 on. `member` is its name for messages. */
Status keras_read_size(size_t *size, const KerasReader *reader, const char *member,
                       const json_t *value);

/* [2, 3], or 2 for [2, 2]. */
Status keras_read_pair(size_t pair[2], const KerasReader *reader, const char *member);

/* A number in [0, 1), or `otherwise` if the member is not there. */
Status keras_read_share(double *share, const KerasReader *reader, const char *member,
                        double otherwise);

Status keras_read_bool(bool *truth, const KerasReader *reader, const char *member, bool otherwise);

/* Whether padding is "same"; else it is "valid". */
Status keras_read_padding(bool *same, const KerasReader *reader);

/* Our word for the member `activation`, which is a name or an object whose config is one: "" for
 * linear. */
Status keras_read_activation(const char **word, const KerasReader *reader);

/* Writes a new layer of ours. */
Status keras_write_layer(KerasReader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes words behind what is there. */
Status keras_append(KerasReader *reader, const char *separator, const char *words);

/* What follows a layer of ours, which it becomes part of if it can: "" is nothing. */
Status keras_write_activation(KerasReader *reader, const char *word);
Status keras_write_softmax(KerasReader *reader);

/* Notes what of the model is not taken along; what is too much for the line is left out. */
void keras_note(KerasReader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
