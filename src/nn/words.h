/* The words of one layer in the configuration's list, read one by one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "mnist_dist/base/status.h"

enum { WORDS_TEXT = 128, WORDS_MAX = 16, WORDS_MAX_SIZE = 1000000, WORDS_NAME = 16 };

typedef struct Words {
    size_t number;          /* of the layer, from 1 */
    char text[WORDS_TEXT];  /* the layer's line, without blanks around it */
    char split[WORDS_TEXT]; /* the same with zeros between the words */
    const char *words[WORDS_MAX];
    size_t count, next;
    const char *example; /* a line that is right; for error texts */
} Words;

/* Takes the `length` characters of layer `number`. STATUS_USAGE if there is no word in them, or too
 * many. */
Status words_split(Words *words, const char *text, size_t length, size_t number);

/* STATUS_USAGE with `model.layers: layer N "text": ` before the line. */
Status words_fail(const Words *words, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The next word's index in `known`. An unknown one is a failure that begins with `what` ("unknown
 * layer") and names the nearest. */
Status words_choose(size_t *choice, Words *words, const char *what, const char *const known[],
                    size_t count);

bool words_left(const Words *words);

/* The next word as a whole number from 1 to WORDS_MAX_SIZE, as two of them ("5x5"), or as a number
 * in [0, 1). `what` says what is expected: "filters". */
Status words_size(size_t *size, Words *words, const char *what);
Status words_pair(size_t pair[2], Words *words, const char *what);
Status words_rate(double *rate, Words *words, const char *what);

/* The next word as it is: up to WORDS_NAME - 1 characters. */
Status words_name(char name[WORDS_NAME], Words *words, const char *what);

/* STATUS_USAGE if a word is left. */
Status words_end(const Words *words);
