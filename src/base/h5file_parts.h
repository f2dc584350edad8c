/* What the files h5file*.c share: an open file, and calls of libhdf5 that cannot fail unseen.
 *
 *   h5file.c             open, close, and the failure that stays with the file
 *   h5file_links.c       finding, opening and linking objects, none of them in another file
 *   h5file_arrays.c      whole arrays and rows
 *   h5file_attributes.c  texts and numbers
 *   h5file_texts.c       lists of texts
 *   h5file_seal.c        digests of a file's pieces: written, and checked as pieces are read
 *   h5file_driver.c      what libhdf5 reads a file through, so that it gets checked bytes only
 *
 * All failures go through h5file_refuse, which keeps the first one with the file; each public call
 * returns `file->failure` after it has released its ids, so that a failing H5Dclose
 * (which is how HDF5 1.10 reports a full disk) cannot be overlooked. */
#pragma once

#include <hdf5.h>
#include <limits.h>

#include "mnist_dist/base/h5file.h"

/* Where an open file's bytes come from. */
typedef struct H5Source {
    H5FD_t base; /* comes first: what libhdf5 has of it */
    haddr_t end; /* of what is allocated, as libhdf5 calls it */
    int fd;
    size_t length;     /* bytes that HDF5 wrote, what is in front of them included */
    uint64_t *digests; /* (pieces) of a sealed file; else NULL */
    bool *checked;     /* (pieces) */
    char *piece;       /* the piece that was read last, */
    size_t held;       /* its number, or SIZE_MAX */
    char damage[128];  /* what was found wrong; "" if nothing was */
} H5Source;

struct H5File {
    hid_t id;
    bool is_sealed;   /* being written: it gets its digests when it is closed */
    H5Source *source; /* of a file on disk that is read; else NULL */
    void *bytes;      /* the caller's, or NULL for a file on disk */
    Status blame;
    Status failure; /* the first one, or STATUS_OK */
    char path[PATH_MAX];
    char line[PATH_MAX + 512]; /* and what it was */
};

enum { H5FILE_CHUNK = 1 << 20 }; /* bytes that a chunk of an array aims at: HDF5's chunk cache */

/* Fails with "FILE: OBJECT: text", unless the file has failed before; `object` may be "". */
Status h5file_record(H5File *file, const char *object, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define h5file_refuse(...) status_recorded(h5file_record(__VA_ARGS__))

/* Fails for want of memory, which is not the file's fault: STATUS_FAILED. */
Status h5file_starve(H5File *file);

/* Fails with `what` and the library's reason if a call of libhdf5 returned less than 0. That call
 * stands among the arguments, since the next one clears the error stack. */
Status h5file_check(H5File *file, const char *object, const char *what, herr_t result);

/* As h5file_check, for a call that returns an id, which is stored. */
Status h5file_take(hid_t *id, H5File *file, const char *object, const char *what, hid_t got);

/* Closes an id if there is one; a failure stays with the file. */
void h5file_release(H5File *file, const char *object, herr_t (*close_id)(hid_t), hid_t id);

/* A failure of this file stays: it is said again should the caller have cleared it. */
Status h5file_ready(const H5File *file);

/* Walks the name link by link: *exists is whether the object is there; links other than hard ones
 * are refused. */
Status h5file_find(bool *exists, H5File *file, const char *name);

/* Opens an object that must be there; it is closed with H5Oclose, after a failure too. */
Status h5file_open_object(hid_t *object, H5File *file, const char *name);

/* As h5file_open_object, for a dataset whose numbers lie in this file. */
Status h5file_open_dataset(hid_t *dataset, H5File *file, const char *name);

/* The link creation list of a new object: the groups above are made with it. */
Status h5file_link_list(hid_t *list, H5File *file, const char *name);

enum { H5FILE_BLOCK = 512 }; /* bytes in front of a sealed file */

/* Puts the digests of a finished file's pieces behind it and their digest in front. */
Status h5file_seal(const char *path, Status blame);

/* Opens a file for h5source_read; NULL and the file's failure if it cannot be, if it is
 * neither sealed nor begins as HDF5's own do, or if its seal is damaged. */
H5Source *h5source_open(H5File *file, const char *path);
void h5source_close(H5Source *source); /* NULL is fine */

/* Bytes of the file that are what was written, if it is sealed; zeros behind its end, as HDF5 has
 * it. False, and `damage` says why, if they are not to be had. */
bool h5source_read(void *bytes, H5Source *source, size_t offset, size_t count);

/* Makes libhdf5 read a file through its source. */
Status h5file_use_source(H5File *file, hid_t access);
