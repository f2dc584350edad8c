/* The seal of an HDF5 file: a block in front of it, and behind it the digests of its pieces.
 *
 *     0  magic, 16 bytes      16  format version, u32     20  bytes of a piece, u32
 *    24  length of block and HDF5's bytes, u64; the digests stand behind these, u64 each
 *    32  XXH3-128 of the digests, high u64, low u64
 *    48  zeros to 512; all numbers little-endian
 *
 * libhdf5 neither finds every flipped bit nor survives every damaged file, so it is shown only
 * bytes that were written; and a file may be too large to be read whole for the sake of a part of
 * it, so its pieces have a digest each (XXH3-64; the last piece is shorter), checked when one is
 * read. Refused: HDF5's own checksums, which its global heap has not got and fletcher32 only has in
 * part; digests within the HDF5 file, which libhdf5 would have to parse before they are known. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "h5file_parts.h"
#include "mnist_dist/base/digest.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"

static const char MAGIC[16] = "mnist_dist seal";
static const char HDF5_SIGNATURE[8] = "\211HDF\r\n\032\n";
enum { FORMAT_VERSION = 1, PIECE = 1 << 16 };

typedef struct Block {
    char magic[16];
    uint32_t version, piece;
    uint64_t length, high, low;
    char zeros[H5FILE_BLOCK - 48];
} Block;

_Static_assert(sizeof(Block) == H5FILE_BLOCK, "the block has no padding");

static size_t piece_count(size_t length) {
    return (length - H5FILE_BLOCK + PIECE - 1) / PIECE;
}

/* Where a piece begins, and how long it is. */
static size_t piece_place(size_t *offset, size_t length, size_t piece) {
    *offset = H5FILE_BLOCK + piece * PIECE;
    return length - *offset < PIECE ? length - *offset : PIECE;
}

static Block make_block(size_t length, const uint64_t *digests) {
    Block block;
    memset(&block, 0, sizeof block);
    memcpy(block.magic, MAGIC, sizeof MAGIC);
    block.version = htole32(FORMAT_VERSION);
    block.piece = htole32(PIECE);
    block.length = htole64(length);
    Digest digest = digest128(digests, piece_count(length) * sizeof *digests);
    block.high = htole64(digest.high);
    block.low = htole64(digest.low);
    return block;
}

/* All of `count` bytes at `offset`; false with errno, which is 0 if the file ends before. */
static bool read_at(void *bytes, int fd, size_t offset, size_t count) {
    for (size_t done = 0; done < count;) {
        errno = 0;
        ssize_t got = pread(fd, (char *)bytes + done, count - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        done += (size_t)got;
    }
    return true;
}

static bool write_at(int fd, const void *bytes, size_t offset, size_t count) {
    for (size_t done = 0; done < count;) {
        ssize_t put = pwrite(fd, (const char *)bytes + done, count - done, (off_t)(offset + done));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return false;
        done += (size_t)put;
    }
    return true;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* The digests are little-endian, as they stand in the file. */
static bool digest_pieces(uint64_t *digests, char *piece, int fd, size_t length) {
    for (size_t i = 0; i < piece_count(length); i++) {
        size_t offset = 0, count = piece_place(&offset, length, i);
        if (!read_at(piece, fd, offset, count)) return false;
        digests[i] = htole64(digest64(piece, count));
    }
    return true;
}

static Status seal(int fd, size_t length, const char *path, Status blame) {
    Status status;
    uint64_t *digests = NULL;
    char *piece = NULL;
    size_t bytes = piece_count(length) * sizeof *digests;
    TRY(MEMORY_NEW(&digests, piece_count(length)));
    TRY(MEMORY_NEW(&piece, PIECE));
    if (!digest_pieces(digests, piece, fd, length))
        TRY(status_fail_errno(blame, "%s: cannot be read back", path));
    Block block = make_block(length, digests);
    if (!write_at(fd, digests, length, bytes) || !write_at(fd, &block, 0, sizeof block))
        TRY(status_fail_errno(blame, "%s: cannot be written", path));
cleanup:
    free(digests);
    free(piece);
    return status;
}

Status h5file_seal(const char *path, Status blame) {
    struct stat info;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return status_fail_errno(blame, "%s: cannot be opened", path);
    Status status = STATUS_OK;
    if (fstat(fd, &info) != 0 || info.st_size <= H5FILE_BLOCK)
        status = status_fail(blame, "%s: is not what was written", path);
    if (status == STATUS_OK) status = seal(fd, (size_t)info.st_size, path, blame);
    if (close(fd) != 0 && status == STATUS_OK)
        status = status_fail_errno(blame, "%s: cannot be closed", path);
    return status;
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* Takes the digests of a file of this size, and checks them. */
static Status read_seal(H5Source *source, H5File *file, const Block *block, size_t size) {
    Status status;
    size_t length = le64toh(block->length), pieces = 0;
    if (length <= H5FILE_BLOCK || length > size)
        return h5file_refuse(file, "", "is damaged or cut short");
    pieces = piece_count(length);
    if (le32toh(block->version) != FORMAT_VERSION)
        return h5file_refuse(file, "", "its seal has format version %u, this program reads %u",
                             le32toh(block->version), (unsigned)FORMAT_VERSION);
    if (size - length != pieces * sizeof(uint64_t))
        return h5file_refuse(file, "", "has %zu bytes, not %zu (damaged or cut short)", size,
                             length + pieces * sizeof(uint64_t));
    TRY(MEMORY_NEW(&source->digests, pieces));
    TRY(MEMORY_NEW(&source->checked, pieces));
    TRY(MEMORY_NEW(&source->piece, PIECE));
    if (!read_at(source->digests, source->fd, length, pieces * sizeof(uint64_t)))
        TRY(h5file_refuse(file, "", "cannot be read"));
    Block expected = make_block(length, source->digests);
    if (memcmp(block, &expected, sizeof expected) != 0)
        TRY(h5file_refuse(file, "", "is damaged: its seal does not match"));
    source->length = length;
cleanup:
    if (status != STATUS_OK && file->failure == STATUS_OK) file->failure = status;
    return status;
}

/* FIFOs and devices are refused, not waited for. */
static size_t open_regular(H5Source *source, H5File *file, const char *path) {
    struct stat info = {0};
    source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (source->fd < 0 || fstat(source->fd, &info) != 0)
        h5file_refuse(file, "", "%s", strerror(errno));
    else if (!S_ISREG(info.st_mode))
        h5file_refuse(file, "", "is no regular file");
    return (size_t)info.st_size;
}

static void open_bytes(H5Source *source, H5File *file, size_t size) {
    Block block;
    memset(&block, 0, sizeof block);
    size_t count = size < sizeof block ? size : sizeof block;
    source->length = size;
    if (!read_at(&block, source->fd, 0, count))
        h5file_refuse(file, "", "cannot be read");
    else if (memcmp(block.magic, MAGIC, sizeof MAGIC) == 0)
        read_seal(source, file, &block, size);
    else if (memcmp(&block, HDF5_SIGNATURE, sizeof HDF5_SIGNATURE) != 0)
        h5file_refuse(file, "",
                      "is not an HDF5 file, or a damaged one (its first bytes are others)");
}

bool h5file_is_sealed(const char *path) {
    char magic[sizeof MAGIC];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    bool is_sealed = read_at(magic, fd, 0, sizeof magic) && memcmp(magic, MAGIC, sizeof MAGIC) == 0;
    close(fd);
    return is_sealed;
}

H5Source *h5source_open(H5File *file, const char *path) {
    H5Source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        h5file_starve(file);
        return NULL;
    }
    source->held = SIZE_MAX;
    size_t size = open_regular(source, file, path);
    if (file->failure == STATUS_OK) open_bytes(source, file, size);
    return source;
}

void h5source_close(H5Source *source) {
    if (source == NULL) return;
    if (source->fd >= 0) close(source->fd);
    free(source->digests);
    free(source->checked);
    free(source->piece);
    free(source);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Brings a piece into `piece`, checked. */
static bool hold_piece(H5Source *source, size_t piece) {
    size_t offset = 0, count = piece_place(&offset, source->length, piece);
    if (source->held == piece) return true;
    source->held = SIZE_MAX;
    if (!read_at(source->piece, source->fd, offset, count)) {
        snprintf(source->damage, sizeof source->damage, "cannot be read (%s)",
                 errno == 0 ? "it shrank" : strerror(errno));
        return false;
    }
    if (htole64(digest64(source->piece, count)) != source->digests[piece]) {
        snprintf(source->damage, sizeof source->damage,
                 "is damaged: bytes %zu to %zu are not what was written", offset + 1,
                 offset + count);
        return false;
    }
    source->checked[piece] = true;
    source->held = piece;
    return true;
}

static bool read_sealed(char *bytes, H5Source *source, size_t offset, size_t count) {
    while (count > 0) {
        size_t begin = 0, piece = (offset - H5FILE_BLOCK) / PIECE;
        size_t length = piece_place(&begin, source->length, piece);
        size_t skip = offset - begin, part = length - skip < count ? length - skip : count;
        if (!hold_piece(source, piece)) return false;
        memcpy(bytes, source->piece + skip, part);
        bytes += part, offset += part, count -= part;
    }
    return true;
}

bool h5source_read(void *bytes, H5Source *source, size_t offset, size_t count) {
    size_t there = offset >= source->length          ? 0
                   : source->length - offset < count ? source->length - offset
                                                     : count;
    memset((char *)bytes + there, 0, count - there);
    if (source->digests == NULL) return read_at(bytes, source->fd, offset, there);
    size_t front = offset >= H5FILE_BLOCK          ? 0
                   : H5FILE_BLOCK - offset < there ? H5FILE_BLOCK - offset
                                                   : there;
    memset(bytes, 0, front); /* the block is nothing to HDF5 */
    return read_sealed((char *)bytes + front, source, offset + front, there - front);
}

Status h5file_check_share(H5File *file, size_t i, size_t of) {
    H5Source *source = file->source;
    if (file->failure != STATUS_OK || source == NULL || source->digests == NULL)
        return h5file_ready(file);
    const size_t pieces = piece_count(source->length), end = shard_begin(i + 1, pieces, of);
    for (size_t piece = shard_begin(i, pieces, of); piece < end; piece++)
        if (!source->checked[piece] && !hold_piece(source, piece))
            return h5file_refuse(file, "", "%s", source->damage);
    return STATUS_OK;
}

Status h5file_check_rest(H5File *file) {
    return h5file_check_share(file, 0, 1);
}
