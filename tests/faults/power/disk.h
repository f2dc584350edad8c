/* What may be on a disk after the power went, by what a program did to a folder before.
 *
 * From the trace of tests/faults/preload/trace.c: what was written to a file is certain once the
 * file has been fsynced, names in a folder once the folder has been; before that, each page of
 * 4 KiB may be there, be missing, or be zeros, and each change of a name may have happened or not,
 * in any order (Pillai et al., "All file systems are not created equal", OSDI 2014). A rename is
 * done or not done, never half. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum OpKind { OP_NAME, OP_WRITE, OP_CUT, OP_OTHER } OpKind;

/* One change. */
typedef struct Op {
    OpKind kind;
    int object;     /* the file, or for a name the folder's path */
    int path, from; /* of a name: what now stands for `file`, or for nothing; the old name, or -1 */
    int file;       /* -1: the name is removed */
    bool renamed;   /* into place, from a temporary name */
    size_t offset, size;
    const char *data;
    size_t certain; /* number of the change from which on this one is on the disk */
} Op;

typedef struct Disk {
    Op *ops;
    size_t count;
    char **paths;
    size_t path_count;
    int *files; /* of each path at the end of the trace; -1: none */
    int file_count;
    char *trace;
} Disk;

/* What becomes of changes that are not certain. */
typedef enum Pattern {
    PATTERN_NAMES_ONLY, /* names are there, what was written is not */
    PATTERN_LOST,       /* nothing is there */
    PATTERN_ZEROS,      /* names are there, and zeros in the files */
    PATTERN_RANDOM,     /* each as it comes */
    PATTERN_IN_ORDER,   /* names up to some moment, as a journal has them; what was written, as it
                           comes */
    PATTERN_FEW_GONE    /* nearly all is there */
} Pattern;
enum { PATTERNS = 6, SYSTEMATIC = 3 };

typedef struct Content {
    char *bytes;
    size_t size;
} Content;

/* Reads a trace. `without` leaves out all fsyncs of files ("files") or of folders ("folders"), to
 * see that a program without them is noticed; NULL: none. False if it cannot be read. */
bool disk_read(Disk *disk, const char *trace, const char *without);
void disk_free(Disk *disk);

/* The state of the disk if the power goes before change `now`: files[path] says which file stands
 * there, -1 if none. */
void disk_names(int *files, const Disk *disk, size_t now, Pattern pattern, uint64_t seed);

/* What a file holds then; freed by the caller. With PATTERN_KEPT, what the program had written. */
Content disk_content(const Disk *disk, int file, size_t now, Pattern pattern, uint64_t seed);
Content disk_written(const Disk *disk, int file, size_t now);
