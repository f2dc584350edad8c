/* The files that are damaged: small ones, each written by the program's own writer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

typedef struct DamageFile {
    const char *path; /* in the working folder */
    bool is_unsealed; /* as older versions wrote it: not all damage can be told */
    size_t share;     /* of the cases, in percent */
    Status refusal;   /* with which its reader refuses what is damaged */
    Status (*read)(const char *path);
    uint8_t *bytes, *old_bytes; /* of the file, and of its generation before */
    size_t count, old_count;
    size_t content; /* bytes in front of the seal's digests, if it has these */
    size_t *filled; /* (filled_count) where its bytes are not zero */
    size_t filled_count;
} DamageFile;

enum { DAMAGE_CHECKPOINT, DAMAGE_SEALED = 4, DAMAGE_FILES = 7 };

/* Makes the i-th file; whatever fails ends the program with a line. */
void damage_make_file(DamageFile *file, size_t i);
void damage_free_file(DamageFile *file);

/* A folder of its own, in memory if the machine has one there. */
void damage_enter_folder(void);
void damage_leave_folder(void);
