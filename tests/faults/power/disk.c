/* Reading a trace, and the states that it leaves possible; see disk.h. */
#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What stands at the path of a folder. */
enum { FOLDER = 1 << 20 };
enum { MOST_HANDLES = 65536, MOST_PATHS = 512, PAGE = 4096 };

/* ---- The trace ------------------------------------------------------------------------------- */

static int find_path(Disk *disk, const char *path, size_t length) {
    while (length > 1 && path[length - 1] == '/') length--;
    for (size_t i = 0; i < disk->path_count; i++)
        if (strlen(disk->paths[i]) == length && strncmp(disk->paths[i], path, length) == 0)
            return (int)i;
    if (disk->path_count == MOST_PATHS) abort();
    disk->paths[disk->path_count] = strndup(path, length);
    disk->files[disk->path_count] = -1;
    return (int)disk->path_count++;
}

/* The folder that a path lies in, as a path. */
static int folder_of(Disk *disk, int path) {
    const char *text = disk->paths[path], *slash = strrchr(text, '/');
    return find_path(disk, text, (size_t)(slash - text));
}

/* Objects are files from 0 on, and folders by their paths below 0. */
static int folder_object(int path) {
    return -1 - path;
}

static Op *add(Disk *disk, OpKind kind, int object) {
    disk->ops = realloc(disk->ops, (disk->count + 1) * sizeof *disk->ops);
    if (disk->ops == NULL) abort();
    Op *op = &disk->ops[disk->count++];
    *op = (Op){
        .kind = kind, .object = object, .path = -1, .from = -1, .file = -1, .certain = SIZE_MAX};
    return op;
}

static void add_name(Disk *disk, int path, int from, int file) {
    Op *op = add(disk, OP_NAME, folder_object(folder_of(disk, path)));
    op->path = path;
    op->from = from;
    op->file = file;
    op->renamed = from >= 0;
    if (from >= 0) disk->files[from] = -1;
    disk->files[path] = file;
}

static void sync_object(Disk *disk, int object) {
    for (size_t i = 0; i < disk->count; i++)
        if (disk->ops[i].object == object && disk->ops[i].kind != OP_OTHER &&
            disk->ops[i].certain == SIZE_MAX)
            disk->ops[i].certain = disk->count;
    add(disk, OP_OTHER, object);
}

typedef struct Reader {
    Disk *disk;
    const char *without;
    int objects[MOST_HANDLES];
} Reader;

static void open_file(Reader *reader, const char *what, int handle, int path) {
    Disk *disk = reader->disk;
    if (strcmp(what, "open") != 0 && disk->files[path] < 0)
        add_name(disk, path, -1, disk->file_count++);
    else if (strcmp(what, "empty") == 0)
        add(disk, OP_CUT, disk->files[path]);
    int file = disk->files[path];
    reader->objects[handle] = file < 0 || file == FOLDER ? folder_object(path) : file;
}

static void change(Reader *reader, const char *what, int handle, size_t offset, size_t size,
                   int path, int other, const char *data) {
    Disk *disk = reader->disk;
    int object = reader->objects[handle];
    if (strcmp(what, "write") == 0) {
        Op *op = add(disk, OP_WRITE, object);
        op->offset = offset, op->size = size, op->data = data;
    } else if (strcmp(what, "truncate") == 0) {
        add(disk, OP_CUT, object)->size = offset;
    } else if (strcmp(what, "sync") == 0) {
        const char *kind = object >= 0 ? "files" : "folders";
        if (reader->without == NULL || strcmp(reader->without, kind) != 0)
            sync_object(disk, object);
    } else if (strcmp(what, "rename") == 0) {
        add_name(disk, other, path, disk->files[path]);
    } else if (strcmp(what, "unlink") == 0) {
        add_name(disk, path, -1, -1);
    } else if (strcmp(what, "mkdir") == 0) {
        add_name(disk, path, -1, FOLDER);
    } else {
        open_file(reader, what, handle, path);
    }
}

/* Reads one change at *place; false at the end, or if it is none. */
static bool read_change(Reader *reader, const char **place, const char *end) {
    char what[16], line[8192];
    int handle = 0, length = 0;
    size_t offset = 0, size = 0;
    const char *stop = memchr(*place, '\n', (size_t)(end - *place));
    if (stop == NULL || (size_t)(stop - *place) >= sizeof line) return false;
    snprintf(line, sizeof line, "%.*s", (int)(stop - *place), *place);
    if (sscanf(line, "%15s %d %zu %zu %n", what, &handle, &offset, &size, &length) != 4)
        return false;
    const char *tab = strchr(line, '\t');
    if (tab == NULL || handle < 0 || handle >= MOST_HANDLES) return false;
    int path = find_path(reader->disk, line + length, (size_t)(tab - line - length));
    int other = tab[1] == '\0' ? -1 : find_path(reader->disk, tab + 1, strlen(tab + 1));
    bool writes = strcmp(what, "write") == 0;
    *place = stop + 1 + (writes ? size : 0);
    if (*place > end) return false;
    change(reader, what, handle, offset, size, path, other, stop + 1);
    return true;
}

static char *read_all(size_t *size, const char *path) {
    struct stat info;
    FILE *file = fopen(path, "re");
    if (file == NULL || fstat(fileno(file), &info) != 0) return NULL;
    *size = (size_t)info.st_size;
    char *bytes = malloc(*size + 1);
    if (bytes != NULL && fread(bytes, 1, *size, file) != *size) *size = 0;
    fclose(file);
    return bytes;
}

bool disk_read(Disk *disk, const char *trace, const char *without) {
    size_t size = 0;
    *disk = (Disk){.trace = read_all(&size, trace)};
    disk->paths = calloc(MOST_PATHS, sizeof *disk->paths);
    disk->files = calloc(MOST_PATHS, sizeof *disk->files);
    Reader *reader = calloc(1, sizeof *reader);
    if (disk->trace == NULL || disk->paths == NULL || disk->files == NULL || reader == NULL)
        return false;
    reader->disk = disk;
    reader->without = without;
    const char *place = disk->trace, *end = disk->trace + size;
    while (place < end && read_change(reader, &place, end)) continue;
    free(reader);
    return place == end && disk->count > 0;
}

void disk_free(Disk *disk) {
    for (size_t i = 0; i < disk->path_count; i++) free(disk->paths[i]);
    free(disk->paths);
    free(disk->files);
    free(disk->ops);
    free(disk->trace);
}

/* ---- A state --------------------------------------------------------------------------------- */

static uint64_t random_of(uint64_t seed, uint64_t a, uint64_t b) {
    uint64_t x = seed * 0x9e3779b97f4a7c15u + a * 0xbf58476d1ce4e5b9u + b * 0x94d049bb133111ebu;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static bool has_name_change(const Disk *disk, size_t i, size_t now, Pattern pattern,
                            uint64_t seed) {
    if (disk->ops[i].certain < now) return true;
    switch (pattern) {
    case PATTERN_LOST:
        return false;
    case PATTERN_RANDOM:
        return random_of(seed, i, 0) % 2 == 0;
    case PATTERN_IN_ORDER:
        return i < random_of(seed, 0, 1) % (now + 1);
    case PATTERN_FEW_GONE:
        return random_of(seed, i, 0) % 16 != 0;
    default:
        return true;
    }
}

void disk_names(int *files, const Disk *disk, size_t now, Pattern pattern, uint64_t seed) {
    for (size_t i = 0; i < disk->path_count; i++) files[i] = -1;
    for (size_t i = 0; i < now; i++) {
        const Op *op = &disk->ops[i];
        if (op->kind != OP_NAME || !has_name_change(disk, i, now, pattern, seed)) continue;
        if (op->from >= 0 && files[op->from] == op->file) files[op->from] = -1;
        files[op->path] = op->file;
    }
}

typedef enum Fate { KEPT, GONE, ZEROED } Fate;

static Fate fate(const Op *op, size_t i, size_t page, size_t now, Pattern pattern, uint64_t seed) {
    if (op->certain < now) return KEPT;
    uint64_t chance = random_of(seed, i, page + 2);
    switch (pattern) {
    case PATTERN_ZEROS:
        return ZEROED;
    case PATTERN_RANDOM:
    case PATTERN_IN_ORDER:
        return (Fate)(chance % 3);
    case PATTERN_FEW_GONE:
        return chance % 16 != 0 ? KEPT : (chance >> 8) % 2 == 0 ? GONE : ZEROED;
    default:
        return GONE;
    }
}

static void resize(Content *content, size_t size) {
    if (size > content->size) {
        content->bytes = realloc(content->bytes, size);
        if (content->bytes == NULL) abort();
        memset(content->bytes + content->size, 0, size - content->size);
    }
    content->size = size;
}

/* The part of a write that lies in one page. */
static void put(Content *content, const Op *op, size_t begin, size_t end, Fate what) {
    if (what == GONE) return;
    if (end > content->size) resize(content, end);
    if (what == KEPT)
        memcpy(content->bytes + begin, op->data + (begin - op->offset), end - begin);
    else
        memset(content->bytes + begin, 0, end - begin);
}

static void put_pages(Content *content, const Op *op, size_t i, size_t now, Pattern pattern,
                      uint64_t seed) {
    size_t begin = op->offset, last = op->offset + op->size;
    while (begin < last) {
        size_t end = (begin / PAGE + 1) * PAGE;
        if (end > last) end = last;
        put(content, op, begin, end, fate(op, i, begin / PAGE, now, pattern, seed));
        begin = end;
    }
}

Content disk_content(const Disk *disk, int file, size_t now, Pattern pattern, uint64_t seed) {
    Content content = {malloc(1), 0};
    for (size_t i = 0; i < now; i++) {
        const Op *op = &disk->ops[i];
        if (op->object != file) continue;
        if (op->kind == OP_WRITE) put_pages(&content, op, i, now, pattern, seed);
        if (op->kind == OP_CUT && fate(op, i, 0, now, pattern, seed) == KEPT)
            resize(&content, op->size);
    }
    return content;
}

Content disk_written(const Disk *disk, int file, size_t now) {
    Content content = {malloc(1), 0};
    for (size_t i = 0; i < now; i++) {
        const Op *op = &disk->ops[i];
        if (op->object != file) continue;
        if (op->kind == OP_WRITE) put(&content, op, op->offset, op->offset + op->size, KEPT);
        if (op->kind == OP_CUT) resize(&content, op->size);
    }
    return content;
}
