/* Edit distance with swaps (optimal string alignment), by the usual table, three rows of it at a
 * time. Words are compared on their first WORD letters: longer ones are no typing slips. */
#include "mnist_dist/base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { WORD = 63 };

typedef struct Rows {
    size_t before[WORD + 1], above[WORD + 1], here[WORD + 1];
} Rows;

static bool same(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Row i: edits from the first i letters of a to the first 0 .. m letters of b. */
static void fill_row(Rows *rows, const char *a, size_t i, const char *b, size_t m) {
    rows->here[0] = i;
    for (size_t j = 1; j <= m; j++) {
        size_t edits = rows->above[j - 1] + !same(a[i - 1], b[j - 1]);
        edits = least(edits, least(rows->above[j], rows->here[j - 1]) + 1);
        bool swapped = i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]);
        rows->here[j] = swapped ? least(edits, rows->before[j - 2] + 1) : edits;
    }
}

static size_t count_edits(const char *a, const char *b) {
    size_t n = strnlen(a, WORD), m = strnlen(b, WORD);
    Rows rows = {0};
    for (size_t j = 0; j <= m; j++) rows.here[j] = j;
    for (size_t i = 1; i <= n; i++) {
        memcpy(rows.before, rows.above, sizeof rows.before);
        memcpy(rows.above, rows.here, sizeof rows.above);
        fill_row(&rows, a, i, b, m);
    }
    return rows.here[m];
}

void nearest_offer(Nearest *nearest, const char *candidate) {
    size_t edits = count_edits(nearest->word, candidate);
    if (nearest->best != NULL && edits >= nearest->edits) return;
    nearest->best = candidate;
    nearest->edits = edits;
}
