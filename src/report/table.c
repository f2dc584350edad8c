/* The comparison's figures for a terminal and for documents; see report.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mnist_dist/report/report.h"
#include "report/groups.h"

/* "99.27 ± 0.05": as many digits after the point as given; "–" if there is none. */
static void print_spread(FILE *out, const Spread *spread, double scale, int digits) {
    if (spread->count == 0)
        fputs(" – |", out);
    else if (isnan(spread->deviation))
        fprintf(out, " %.*f |", digits, scale * spread->mean);
    else
        fprintf(out, " %.*f ± %.*f |", digits, scale * spread->mean, digits,
                scale * spread->deviation);
}

static void print_group(FILE *out, const RunGroup *group, const RunRecord records[]) {
    static const struct {
        Figure figure;
        double scale;
        int digits;
    } columns[] = {{FIGURE_VAL_ACCURACY, 100, 2},
                   {FIGURE_VAL_LOSS, 1, 4},
                   {FIGURE_BEST_EPOCH, 1, 1},
                   {FIGURE_SECONDS, 1, 1},
                   {FIGURE_IMAGES_PER_SECOND, 1, 0}};
    fprintf(out, "| %s | %zu |", group->name, group->run_count);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        Spread spread = group_spread(group, records, columns[i].figure);
        print_spread(out, &spread, columns[i].scale, columns[i].digits);
    }
    fputc('\n', out);
}

Status report_table(char **text, const RunRecord records[], size_t count) {
    size_t length;
    RunGroups groups;
    Status status = groups_of(&groups, records, count);
    if (status != STATUS_OK) return status;
    FILE *out = open_memstream(text, &length);
    if (out == NULL) TRY(status_fail_errno(STATUS_FAILED, "no memory for a table"));
    fputs("| configuration | runs | validation accuracy, % | validation loss | best epoch | "
          "seconds | images/s |\n|---|---|---|---|---|---|---|\n",
          out);
    for (size_t i = 0; i < groups.count; i++) print_group(out, &groups.groups[i], records);
    if (fclose(out) != 0) TRY(status_fail(STATUS_FAILED, "no memory for a table"));
cleanup:
    groups_free(&groups);
    return status;
}
