/* The values of a Keras layer's members: what of them is known here, and the line for what is not;
 * see keras_layer.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/keras_layer.h"

Status keras_refuse(const KerasReader *reader, const char *format, ...) {
    char what[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return status_fail(STATUS_DATA, "%s: layer %zu, \"%s\" (%s): %s", reader->path, reader->number,
                       reader->name, reader->class_name, what);
}

Status keras_refuse_model(const KerasReader *reader, const char *what) {
    return status_fail(STATUS_DATA, "%s: %s", reader->path, what);
}

const char *keras_show(char text[KERAS_VALUE], const json_t *value) {
    const size_t flags = JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6);
    char *whole = value == NULL ? NULL : json_dumps(value, flags);
    int length = snprintf(text, KERAS_VALUE, "%s", whole != NULL ? whole : "missing");
    if (length >= KERAS_VALUE) strcpy(text + KERAS_VALUE - 4, "...");
    free(whole);
    return text;
}

bool keras_same(const json_t *a, const char *text) {
    json_t *b = json_loads(text, JSON_DECODE_ANY, NULL);
    bool same = json_is_number(a) && json_is_number(b)
                    ? json_number_value(a) == json_number_value(b)
                    : json_equal(a, b) != 0;
    json_decref(b);
    return same;
}

Status keras_read_size(size_t *size, const KerasReader *reader, const char *member,
                       const json_t *value) {
    char text[KERAS_VALUE];
    json_int_t number = json_integer_value(value);
    *size = (size_t)number;
    if (json_is_integer(value) && number >= 1 && number <= 1000000) return STATUS_OK;
    return keras_refuse(reader, "%s is %s; expected a whole number from 1 on", member,
                        keras_show(text, value));
}

Status keras_read_pair(size_t pair[2], const KerasReader *reader, const char *member) {
    const json_t *value = json_object_get(reader->config, member);
    bool listed = json_is_array(value) && json_array_size(value) == 2;
    Status status;
    TRY(keras_read_size(&pair[0], reader, member, listed ? json_array_get(value, 0) : value));
    TRY(keras_read_size(&pair[1], reader, member, listed ? json_array_get(value, 1) : value));
cleanup:
    return status;
}

Status keras_read_share(double *share, const KerasReader *reader, const char *member,
                        double otherwise) {
    char text[KERAS_VALUE];
    const json_t *value = json_object_get(reader->config, member);
    *share = value == NULL ? otherwise : json_number_value(value);
    if ((value == NULL || json_is_number(value)) && *share >= 0.0 && *share < 1.0) return STATUS_OK;
    return keras_refuse(reader, "%s is %s; expected a number from 0 to below 1", member,
                        keras_show(text, value));
}

Status keras_read_bool(bool *truth, const KerasReader *reader, const char *member, bool otherwise) {
    char text[KERAS_VALUE];
    const json_t *value = json_object_get(reader->config, member);
    *truth = value == NULL ? otherwise : json_is_true(value);
    if (value == NULL || json_is_boolean(value)) return STATUS_OK;
    return keras_refuse(reader, "%s is %s; expected true or false", member,
                        keras_show(text, value));
}

Status keras_read_padding(bool *same, const KerasReader *reader) {
    char text[KERAS_VALUE];
    const json_t *value = json_object_get(reader->config, "padding");
    const char *word = json_is_string(value) ? json_string_value(value) : "";
    *same = strcmp(word, "same") == 0;
    if (*same || value == NULL || strcmp(word, "valid") == 0) return STATUS_OK;
    return keras_refuse(reader, "padding is %s; only same and valid are known here",
                        keras_show(text, value));
}

Status keras_read_activation(const char **word, const KerasReader *reader) {
    char text[KERAS_VALUE];
    const json_t *value = json_object_get(reader->config, "activation");
    const json_t *inner = json_is_object(value) ? json_object_get(value, "config") : value;
    const char *name = json_is_string(inner) ? json_string_value(inner) : "";
    *word = "";
    if (value == NULL || json_is_null(value) || strcmp(name, "linear") == 0) return STATUS_OK;
    *word = strcmp(name, "relu") == 0 ? "relu" : "softmax";
    if (strcmp(name, *word) == 0) return STATUS_OK;
    return keras_refuse(reader,
                        "activation is %s; only linear, relu and, at the end, softmax are known "
                        "here",
                        keras_show(text, value));
}
