/* What the files of `mnist_dist info` share: facts by group, shown as text or as JSON. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "command/arguments.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/comm.h"

/* Groups of named facts, in the order in which they come. What cannot be kept for lack of memory is
 * remembered, and facts_show says so. */
typedef struct Facts {
    struct json_t *root, *group;
} Facts;

Status facts_new(Facts *facts);
void facts_destroy(Facts *facts); /* harmless on a zeroed struct */

/* The facts that follow stand under this name. Names are words joined by '_'. */
void facts_group(Facts *facts, const char *name);

void facts_text(Facts *facts, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A name that ends in _bytes is shown with a unit. */
void facts_count(Facts *facts, const char *name, int64_t value);
void facts_real(Facts *facts, const char *name, double value);
void facts_truth(Facts *facts, const char *name, bool value);
/* One more entry of a list. */
void facts_add(Facts *facts, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Logs them. */
Status facts_show(const Facts *facts, bool json);

/* The groups, in their order. */
void info_program(Facts *facts);
void info_libraries(Facts *facts);
void info_kernels(Facts *facts, const Config *config);
void info_machine(Facts *facts);
/* **Collective.** Rank 0 has the facts; `facts` is NULL on the others. */
Status info_ranks(Facts *facts, Comm *comm, const Config *config);
void info_folders(Facts *facts, const Arguments *arguments);
void info_environment(Facts *facts);

/* Describes a checkpoint, digits.h5, metrics.h5 or predictions.h5, having verified all of it.
 * STATUS_CHECKPOINT or STATUS_DATA with one line if it is damaged or something else. */
Status info_file(Facts *facts, const char *path);
