/* The word that somebody meant: "unknown key; did you mean training.epochs?" */
#pragma once

#include <stddef.h>

/* Among the candidates offered so far, the one with the fewest edits from `word`: letters put in,
 * left out, changed, or neighbours swapped; case does not count. The first one offered wins a
 * tie. Start with {.word = "..."}; best is NULL until something is offered. */
typedef struct Nearest {
    const char *word;
    const char *best;
    size_t edits;
} Nearest;

/* `candidate` must outlive the struct's use. */
void nearest_offer(Nearest *nearest, const char *candidate);
