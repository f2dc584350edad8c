/* Reading the words of a layer. Every failure is one line: the layer's number and text, what was
 * expected, and the nearest word that would have been right. */
#include "nn/words.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/nearest.h"

Status words_fail(const Words *words, const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return status_fail(STATUS_USAGE, "model.layers: layer %zu \"%s\": %s", words->number,
                       words->text, line);
}

static bool is_blank(char c) {
    return isspace((unsigned char)c) != 0;
}

static Status copy_trimmed(Words *words, const char *text, size_t length) {
    while (length > 0 && is_blank(text[0])) text++, length--;
    while (length > 0 && is_blank(text[length - 1])) length--;
    bool fits = length < WORDS_TEXT;
    size_t kept = fits ? length : 40;
    for (size_t i = 0; i < kept; i++) words->text[i] = (char)(is_blank(text[i]) ? ' ' : text[i]);
    words->text[kept] = '\0';
    if (!fits)
        return words_fail(words, "and so on: a layer has at most %d characters", WORDS_TEXT - 1);
    if (length == 0) return words_fail(words, "no layer between the commas; remove a comma");
    return STATUS_OK;
}

Status words_split(Words *words, const char *text, size_t length, size_t number) {
    *words = (Words){.number = number, .example = ""};
    Status status = copy_trimmed(words, text, length);
    if (status != STATUS_OK) return status;
    memcpy(words->split, words->text, sizeof words->split);
    char *rest = NULL;
    for (char *word = strtok_r(words->split, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        if (words->count == WORDS_MAX)
            return words_fail(words, "more than %d words; is a comma missing?", WORDS_MAX);
        words->words[words->count++] = word;
    }
    return STATUS_OK;
}

/* The known word that was meant; NULL if more than half of it would have to change. */
static const char *nearest_known(const char *word, const char *const known[], size_t count) {
    Nearest nearest = {.word = word};
    for (size_t i = 0; i < count; i++) nearest_offer(&nearest, known[i]);
    return nearest.edits <= strlen(word) / 2 ? nearest.best : NULL;
}

static void join(char *text, size_t size, const char *const known[], size_t count) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ", known[i]);
}

static Status fail_unknown(const Words *words, const char *word, const char *what,
                           const char *const known[], size_t count) {
    const char *best = nearest_known(word, known, count);
    if (best != NULL) return words_fail(words, "%s \"%s\"; did you mean %s?", what, word, best);
    char all[256];
    join(all, sizeof all, known, count);
    return words_fail(words, "%s \"%s\"; there are: %s", what, word, all);
}

Status words_choose(size_t *choice, Words *words, const char *what, const char *const known[],
                    size_t count) {
    const char *word = words->words[words->next++];
    for (size_t i = 0; i < count; i++) {
        *choice = i;
        if (strcmp(word, known[i]) == 0) return STATUS_OK;
    }
    return fail_unknown(words, word, what, known, count);
}

bool words_left(const Words *words) {
    return words->next < words->count;
}

/* The next word, or "" after the last. */
static const char *take(Words *words) {
    return words_left(words) ? words->words[words->next++] : "";
}

/* Reads digits; false unless they make a number from 1 to WORDS_MAX_SIZE. */
static bool read_size(size_t *size, const char **text) {
    *size = 0;
    const char *start = *text;
    while (isdigit((unsigned char)**text) && *size <= WORDS_MAX_SIZE)
        *size = *size * 10 + (size_t)(*(*text)++ - '0');
    return *text > start && *size >= 1 && *size <= WORDS_MAX_SIZE;
}

static Status fail_value(const Words *words, const char *word, const char *what,
                         const char *expected) {
    if (word[0] == '\0')
        return words_fail(words, "%s missing: expected %s, as in \"%s\"", what, expected,
                          words->example);
    return words_fail(words, "%s is \"%s\": expected %s, as in \"%s\"", what, word, expected,
                      words->example);
}

Status words_size(size_t *size, Words *words, const char *what) {
    const char *word = take(words), *end = word;
    if (read_size(size, &end) && *end == '\0') return STATUS_OK;
    return fail_value(words, word, what, "a whole number from 1 to 1000000");
}

Status words_pair(size_t pair[2], Words *words, const char *what) {
    const char *word = take(words), *end = word;
    if (read_size(&pair[0], &end) && *end++ == 'x' && read_size(&pair[1], &end) && *end == '\0')
        return STATUS_OK;
    return fail_value(words, word, what, "height x width");
}

Status words_rate(double *rate, Words *words, const char *what) {
    const char *word = take(words);
    char *end = NULL;
    *rate = strtod(word, &end);
    if (end != word && *end == '\0' && *rate >= 0.0 && *rate < 1.0) return STATUS_OK;
    return fail_value(words, word, what, "a number from 0 to below 1");
}

Status words_name(char name[WORDS_NAME], Words *words, const char *what) {
    const char *word = take(words);
    size_t length = strlen(word);
    if (length == 0 || length >= WORDS_NAME)
        return fail_value(words, word, what, "a word of up to 15 characters");
    memcpy(name, word, length + 1);
    return STATUS_OK;
}

Status words_end(const Words *words) {
    if (!words_left(words)) return STATUS_OK;
    return words_fail(words,
                      "\"%s\" is one word too many; expected a comma or the end, as in \"%s\"",
                      words->words[words->next], words->example);
}
