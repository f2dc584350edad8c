/* Samples that are to be named in a line: how many, and the first of them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SUSPECTS_NAMED = 8, SUSPECTS_TEXT = 160 };

typedef struct Suspects {
    size_t count, all; /* of so many that they were looked for among */
    uint32_t rows[SUSPECTS_NAMED];
} Suspects;

/* `row` is a labelled row of the dataset, from 0. */
void suspects_add(Suspects *suspects, uint32_t row);

/* "training rows 12, 40, 77 ... (from 0)" */
void suspects_text(char text[SUSPECTS_TEXT], const Suspects *suspects);
