/* Our words for Keras's layers, and what gets lost; see keras_layer.h.
 *
 * An activation is a word of the layer before it where that is allowed, and a layer otherwise. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "export/keras_layer.h"

Status keras_append(KerasReader *reader, const char *separator, const char *words) {
    char *end = reader->out->layers + reader->used;
    size_t room = sizeof reader->out->layers - reader->used;
    int length = snprintf(end, room, "%s%s", reader->used == 0 ? "" : separator, words);
    if ((size_t)length >= room)
        return keras_refuse_model(reader, "has more layers than are taken here");
    reader->used += (size_t)length;
    return STATUS_OK;
}

Status keras_write_layer(KerasReader *reader, const char *format, ...) {
    char words[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    reader->takes_word = reader->is_output = false;
    return keras_append(reader, ", ", words);
}

Status keras_write_softmax(KerasReader *reader) {
    if (!reader->is_output)
        return keras_refuse(reader,
                            "softmax is known here only as the activation of a last Dense layer "
                            "with 10 units");
    reader->is_output = false;
    reader->ends_in_softmax = true;
    return keras_append(reader, " ", "softmax");
}

Status keras_write_activation(KerasReader *reader, const char *word) {
    Status status;
    if (*word == '\0') return STATUS_OK;
    if (strcmp(word, "softmax") == 0) return keras_write_softmax(reader);
    if (!reader->takes_word) return keras_write_layer(reader, "%s", word);
    TRY(keras_append(reader, " ", word));
    reader->takes_word = reader->is_output = false;
cleanup:
    return status;
}

void keras_note(KerasReader *reader, const char *format, ...) {
    size_t used = strlen(reader->out->notes), room = KERAS_NOTES - used;
    va_list arguments;
    if (room < 32) return;
    if (used > 0) used += (size_t)snprintf(reader->out->notes + used, room, "; ");
    va_start(arguments, format);
    vsnprintf(reader->out->notes + used, KERAS_NOTES - used, format, arguments);
    va_end(arguments);
}
