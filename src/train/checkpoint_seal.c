/* The user block in front of a checkpoint: 512 bytes with length and digest of all that follows.
 *
 *     0  magic, 16 bytes      16  format version, u32     20  zero, u32
 *    24  length of the file, u64, this block included
 *    32  XXH3-128 of everything behind the block, high u64, low u64
 *    48  zeros to the end; all numbers little-endian
 *
 * libhdf5 neither finds every flipped bit nor survives every damaged file, so it is shown verified
 * bytes only. Refused: a digest in a second file, since two files cannot be renamed at once. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint_parts.h"

static const char MAGIC[16] = "mnist_dist ckpt";
static const char HDF5_SIGNATURE[8] = "\211HDF\r\n\032\n";
enum { FORMAT_VERSION = 1, PIECE = 1 << 20, MOST_UNSEALED = 1 << 30 };

typedef struct Block {
    char magic[16];
    uint32_t version, zero;
    uint64_t length, high, low;
    char zeros[CHECKPOINT_BLOCK - 48];
} Block;

_Static_assert(sizeof(Block) == CHECKPOINT_BLOCK, "the user block has no padding");

static Block make_block(uint64_t length, Digest digest) {
    Block block;
    memset(&block, 0, sizeof block);
    memcpy(block.magic, MAGIC, sizeof MAGIC);
    block.version = htole32(FORMAT_VERSION);
    block.length = htole64(length);
    block.high = htole64(digest.high);
    block.low = htole64(digest.low);
    return block;
}

/* Reads `count` bytes at `offset`, all of them. */
static Status read_at(int fd, void *bytes, size_t count, size_t offset, const char *path) {
    for (size_t done = 0; done < count;) {
        ssize_t got = pread(fd, (char *)bytes + done, count - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return status_fail_errno(STATUS_CHECKPOINT, "%s: cannot be read", path);
        if (got == 0) return status_fail(STATUS_CHECKPOINT, "%s: shrank while it was read", path);
        done += (size_t)got;
    }
    return STATUS_OK;
}

static Status open_regular(int *fd, size_t *size, int flags, const char *path) {
    struct stat info;
    *fd = open(path, flags | O_CLOEXEC | O_NONBLOCK); /* a FIFO is refused, not waited for */
    if (*fd < 0 || fstat(*fd, &info) != 0)
        return status_fail_errno(STATUS_CHECKPOINT, "%s: cannot be opened", path);
    if (!S_ISREG(info.st_mode))
        return status_fail(STATUS_CHECKPOINT, "%s: is no regular file", path);
    *size = (size_t)info.st_size;
    return STATUS_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static Status digest_file(Digest *digest, int fd, size_t size, const char *path) {
    Status status = STATUS_OK;
    Digester *digester = digester_new();
    char *piece = malloc(PIECE);
    if (digester == NULL || piece == NULL) TRY(status_fail(STATUS_FAILED, "out of memory"));
    for (size_t offset = CHECKPOINT_BLOCK; offset < size;) {
        size_t count = size - offset < PIECE ? size - offset : PIECE;
        TRY(read_at(fd, piece, count, offset, path));
        digester_add(digester, piece, count);
        offset += count;
    }
    *digest = digester_finish(digester);
    digester = NULL;
cleanup:
    digester_destroy(digester);
    free(piece);
    return status;
}

static Status write_block(int fd, const Block *block, const char *path) {
    for (size_t done = 0; done < sizeof *block;) {
        ssize_t put = pwrite(fd, (const char *)block + done, sizeof *block - done, (off_t)done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return status_fail_errno(STATUS_CHECKPOINT, "%s: cannot be sealed", path);
        done += (size_t)put;
    }
    return STATUS_OK;
}

Status checkpoint_seal(const char *path) {
    Status status;
    int fd = -1;
    size_t size = 0;
    Digest digest;
    TRY(open_regular(&fd, &size, O_RDWR | O_NOFOLLOW, path));
    TRY(digest_file(&digest, fd, size, path));
    Block block = make_block(size, digest);
    TRY(write_block(fd, &block, path));
cleanup:
    if (fd >= 0 && close(fd) != 0 && status == STATUS_OK)
        status = status_fail_errno(STATUS_CHECKPOINT, "%s: cannot be closed", path);
    return status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* What can be told from the block alone, before the rest is read. */
static Status check_block(const Block *block, size_t size, const char *path) {
    const Status code = STATUS_CHECKPOINT;
    if (memcmp(block, HDF5_SIGNATURE, sizeof HDF5_SIGNATURE) == 0)
        return status_fail(code,
                           "%s: an HDF5 file without the digest that mnist_dist puts in front, "
                           "which is read only if it is named",
                           path);
    if (memcmp(block->magic, MAGIC, sizeof MAGIC) != 0)
        return status_fail(code, "%s: not a checkpoint (its first bytes are others)", path);
    if (le32toh(block->version) != FORMAT_VERSION)
        return status_fail(code, "%s: format version %u, this program reads version %u", path,
                           le32toh(block->version), (unsigned)FORMAT_VERSION);
    if (le64toh(block->length) != size)
        return status_fail(code, "%s: has %zu bytes, not %llu (damaged or cut short)", path, size,
                           (unsigned long long)le64toh(block->length));
    return STATUS_OK;
}

bool checkpoint_is_one(const char *path) {
    int fd = -1;
    size_t size = 0;
    char magic[sizeof MAGIC] = "";
    if (open_regular(&fd, &size, O_RDONLY, path) == STATUS_OK && size >= sizeof magic)
        read_at(fd, magic, sizeof magic, 0, path);
    if (fd >= 0) close(fd);
    status_clear();
    return memcmp(magic, MAGIC, sizeof MAGIC) == 0;
}

static Status check_digest(const char *bytes, size_t size, const char *path) {
    Digester *digester = digester_new();
    if (digester == NULL) return STATUS_FAILED;
    digester_add(digester, bytes + CHECKPOINT_BLOCK, size - CHECKPOINT_BLOCK);
    Block expected = make_block(size, digester_finish(digester));
    if (memcmp(bytes, &expected, sizeof expected) == 0) return STATUS_OK;
    return status_fail(STATUS_CHECKPOINT, "%s: digest does not match (damaged or cut short)", path);
}

Status checkpoint_read_sealed(char **bytes, size_t *count, const char *path) {
    Status status;
    int fd = -1;
    Block block;
    *bytes = NULL;
    TRY(open_regular(&fd, count, O_RDONLY, path));
    if (*count <= sizeof block)
        TRY(status_fail(STATUS_CHECKPOINT, "%s: has %zu bytes, too few for a checkpoint", path,
                        *count));
    TRY(read_at(fd, &block, sizeof block, 0, path));
    TRY(check_block(&block, *count, path));
    *bytes = malloc(*count);
    if (*bytes == NULL) TRY(status_fail(STATUS_FAILED, "%s: out of memory", path));
    TRY(read_at(fd, *bytes, *count, 0, path));
    TRY(check_digest(*bytes, *count, path));
cleanup:
    if (fd >= 0) close(fd);
    if (status != STATUS_OK) free(*bytes), *bytes = NULL;
    return status;
}

Status checkpoint_read_unsealed(char **bytes, size_t *count, const char *path) {
    Status status;
    int fd = -1;
    char front[sizeof HDF5_SIGNATURE];
    *bytes = NULL;
    TRY(open_regular(&fd, count, O_RDONLY, path));
    if (*count < sizeof front) goto cleanup;
    TRY(read_at(fd, front, sizeof front, 0, path));
    if (memcmp(front, HDF5_SIGNATURE, sizeof front) != 0) goto cleanup;
    if (*count > MOST_UNSEALED)
        TRY(status_fail(STATUS_CHECKPOINT,
                        "%s: has %zu bytes, and at most %d are read of a file without the digest "
                        "that mnist_dist puts in front",
                        path, *count, (int)MOST_UNSEALED));
    *bytes = malloc(*count);
    if (*bytes == NULL) TRY(status_fail(STATUS_FAILED, "%s: out of memory", path));
    TRY(read_at(fd, *bytes, *count, 0, path));
cleanup:
    if (fd >= 0) close(fd);
    if (status != STATUS_OK) free(*bytes), *bytes = NULL;
    return status;
}
