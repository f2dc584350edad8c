/* Naming samples; see suspects.h. A row's number is its place among the rows that `mnist_dist
 * import` read: line 0 is the first after the CSV's heading. */
#include "suspects.h"

#include <stdio.h>

#include "mnist_dist/base/minmax.h"

void suspects_add(Suspects *suspects, uint32_t row) {
    if (suspects->count < SUSPECTS_NAMED) suspects->rows[suspects->count] = row;
    suspects->count++;
}

void suspects_text(char text[SUSPECTS_TEXT], const Suspects *suspects) {
    size_t named = smaller(suspects->count, SUSPECTS_NAMED);
    int used = snprintf(text, SUSPECTS_TEXT, "training row%s", suspects->count == 1 ? "" : "s");
    for (size_t i = 0; i < named; i++)
        used += snprintf(text + used, (size_t)(SUSPECTS_TEXT - used), "%s %u", i > 0 ? "," : "",
                         (unsigned)suspects->rows[i]);
    snprintf(text + used, (size_t)(SUSPECTS_TEXT - used), "%s (from 0)",
             named < suspects->count ? " ..." : "");
}
