/* The configuration from YAML, by libyaml's document tree, whose nodes know their lines.
 *
 * The only file that includes yaml.h. libyaml takes a key given twice, so that is found here. All
 * scalars are taken as text and read by the key's own rules: YAML's guesses about types play no
 * part. Keys are set in a copy, so that a bad file sets none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config_keys.h"
#include "mnist_dist/base/nearest.h"

enum { LARGEST_FILE = 1 << 20, WHERE = CONFIG_PLACE };

/* A file under way. */
typedef struct Reader {
    yaml_document_t document;
    const char *file;
    Config *config;
} Reader;

static yaml_node_t *node(Reader *reader, int index) {
    return yaml_document_get_node(&reader->document, index);
}

/* The text of a scalar; NULL for anything else, and for text with a NUL in it. */
static const char *scalar(const yaml_node_t *node) {
    if (node->type != YAML_SCALAR_NODE) return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

static ConfigPlace place_of(const Reader *reader, const yaml_node_t *node) {
    return (ConfigPlace){CONFIG_BY_FILE, reader->file, node->start_mark.line + 1};
}

/* "FILE:LINE" of a node. */
static const char *place(char where[WHERE], const Reader *reader, const yaml_node_t *node) {
    ConfigPlace here = place_of(reader, node);
    return config_place(where, &here);
}

static Status refuse_node(const Reader *reader, const yaml_node_t *node, const char *name,
                          const char *expected) {
    char where[WHERE];
    return status_fail(STATUS_USAGE, "%s: %s%sexpected %.500s", place(where, reader, node), name,
                       *name != '\0' ? ": " : "", expected);
}

/* The name of a pair of a mapping, which must be the first of that name there. */
static Status take_name(const char **name, Reader *reader, const yaml_node_t *mapping,
                        const yaml_node_pair_t *pair) {
    const yaml_node_t *given = node(reader, pair->key);
    *name = scalar(given);
    if (*name == NULL) return refuse_node(reader, given, "", "a name and a colon");
    for (yaml_node_pair_t *other = mapping->data.mapping.pairs.start; other < pair; other++) {
        const yaml_node_t *before = node(reader, other->key);
        const char *taken = scalar(before);
        char where[WHERE];
        if (taken != NULL && strcmp(taken, *name) == 0)
            return status_fail(STATUS_USAGE, "%s: %.200s: given twice, first in line %zu",
                               place(where, reader, given), *name, before->start_mark.line + 1);
    }
    return STATUS_OK;
}

/* ---- a key and its value ---- */

static Status refuse_shape(Reader *reader, const ConfigKey *key, const yaml_node_t *value) {
    char expected[CONFIG_TEXT];
    config_describe(expected, key);
    const char *shape = value->type == YAML_SEQUENCE_NODE  ? ", not a list"
                        : value->type == YAML_MAPPING_NODE ? ", not further keys"
                                                           : ", without a NUL";
    strcat(expected, shape);
    return refuse_node(reader, value, key->name, expected);
}

/* Joins the entries of a list with ", ". */
static Status take_list(Reader *reader, const ConfigKey *key, const yaml_node_t *list) {
    char joined[CONFIG_TEXT] = "";
    const ConfigPlace here = place_of(reader, list);
    yaml_node_item_t *first = list->data.sequence.items.start;
    for (yaml_node_item_t *item = first; item < list->data.sequence.items.top; item++) {
        const yaml_node_t *entry = node(reader, *item);
        const char *text = scalar(entry);
        if (text == NULL) return refuse_shape(reader, key, entry);
        if (strlen(joined) + strlen(text) + strlen(", ") >= sizeof joined)
            return refuse_node(reader, entry, key->name, "a shorter list");
        if (item > first) strcat(joined, ", ");
        strcat(joined, text);
    }
    return config_take(reader->config, key, joined, &here);
}

static Status take_key(Reader *reader, const char *name, const yaml_node_t *given,
                       const yaml_node_t *value) {
    char where[WHERE];
    const ConfigKey *key = config_find(name);
    if (key == NULL)
        return status_fail(STATUS_USAGE, "%s: %s: unknown key; did you mean %s?",
                           place(where, reader, given), name, config_nearest(name));
    if (key->type == KEY_LAYERS && value->type == YAML_SEQUENCE_NODE)
        return take_list(reader, key, value);
    const char *text = scalar(value);
    if (text == NULL) return refuse_shape(reader, key, value);
    const ConfigPlace here = place_of(reader, value);
    return config_take(reader->config, key, text, &here);
}

/* ---- sections ---- */

static bool is_section(const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        if (config_section_length(CONFIG_KEYS[i].name) == length &&
            strncmp(CONFIG_KEYS[i].name, name, length) == 0)
            return true;
    return false;
}

/* The key whose section is nearest to `name`. */
static const char *nearest_section(const char *name) {
    char word[256];
    Nearest nearest = {.word = word};
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *key = CONFIG_KEYS[i].name;
        snprintf(word, sizeof word, "%s%s", name, key + config_section_length(key));
        nearest_offer(&nearest, key);
    }
    return nearest.best;
}

static Status refuse_section(const Reader *reader, const yaml_node_t *given, const char *name) {
    char where[WHERE];
    place(where, reader, given);
    const char *dot = strchr(name, '.'), *last = dot != NULL ? dot + 1 : name;
    const char *key = config_nearest(name);
    int length = (int)config_section_length(key);
    if (strcmp(key + length + 1, last) == 0)
        return status_fail(STATUS_USAGE, "%s: %s: unknown section; did you mean %s under %.*s:?",
                           where, name, last, length, key);
    key = nearest_section(name);
    return status_fail(STATUS_USAGE, "%s: %.200s: unknown section; did you mean %.*s?", where, name,
                       (int)config_section_length(key), key);
}

static Status take_section(Reader *reader, const char *section, const yaml_node_t *mapping) {
    yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
    for (; pair < mapping->data.mapping.pairs.top; pair++) {
        const char *last;
        Status status = take_name(&last, reader, mapping, pair);
        if (status != STATUS_OK) return status;
        char name[256];
        snprintf(name, sizeof name, "%s.%s", section, last);
        status = take_key(reader, name, node(reader, pair->key), node(reader, pair->value));
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

/* A section with nothing under it is fine: all its keys may be commented out. */
static bool is_nothing(const yaml_node_t *node) {
    const char *text = scalar(node);
    return text != NULL && *text == '\0' && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static Status take_root(Reader *reader, const yaml_node_t *root) {
    if (root->type != YAML_MAPPING_NODE)
        return refuse_node(reader, root, "", "sections, as `training:` and `epochs: 25` under it");
    yaml_node_pair_t *pair = root->data.mapping.pairs.start;
    for (; pair < root->data.mapping.pairs.top; pair++) {
        const char *section;
        Status status = take_name(&section, reader, root, pair);
        if (status != STATUS_OK) return status;
        const yaml_node_t *given = node(reader, pair->key), *value = node(reader, pair->value);
        if (!is_section(section)) return refuse_section(reader, given, section);
        if (is_nothing(value)) continue;
        if (value->type != YAML_MAPPING_NODE)
            return refuse_node(reader, value, section, "keys below it, indented, one a line");
        status = take_section(reader, section, value);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

/* ---- text to documents ---- */

/* libyaml names a place by line and column, except for bytes that are no text: by offset. */
static Status refuse_syntax(const yaml_parser_t *parser, const char *text, const char *file) {
    if (parser->error == YAML_MEMORY_ERROR)
        return status_fail(STATUS_FAILED, "%s: out of memory", file);
    size_t line = parser->problem_mark.line, column = parser->problem_mark.column;
    if (parser->error == YAML_READER_ERROR) {
        line = column = 0;
        for (size_t i = 0; i < parser->problem_offset; i++, column++)
            if (text[i] == '\n') line++, column = (size_t)-1;
    }
    return status_fail(STATUS_USAGE, "%.1000s:%zu:%zu: bad YAML: %s", file, line + 1, column + 1,
                       parser->problem);
}

static Status load(Reader *reader, yaml_parser_t *parser, const char *text) {
    if (yaml_parser_load(parser, &reader->document)) return STATUS_OK;
    return refuse_syntax(parser, text, reader->file);
}

/* Whether another document follows, which is refused. */
static Status check_end(Reader *reader, yaml_parser_t *parser, const char *text) {
    Status status;
    TRY(load(reader, parser, text));
    yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    if (root != NULL) status = refuse_node(reader, root, "", "one document, and here is a second");
    yaml_document_delete(&reader->document);
cleanup:
    return status;
}

static Status read_document(Reader *reader, yaml_parser_t *parser, const char *text) {
    Status status;
    TRY(load(reader, parser, text));
    yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    status = root != NULL ? take_root(reader, root)
                          : status_fail(STATUS_USAGE,
                                        "%s: no configuration in it; `mnist_dist train "
                                        "--print-config` prints one",
                                        reader->file);
    yaml_document_delete(&reader->document);
    if (status != STATUS_OK) goto cleanup;
    TRY(check_end(reader, parser, text));
cleanup:
    return status;
}

static Status read_bytes(Config *config, const char *text, size_t length, const char *file) {
    Config copy = *config;
    Reader reader = {.file = file, .config = &copy};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return status_fail(STATUS_FAILED, "%s: out of memory", file);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    Status status = read_document(&reader, &parser, text);
    yaml_parser_delete(&parser);
    if (status == STATUS_OK) *config = copy;
    return status;
}

Status config_read_text(Config *config, const char *text, const char *name) {
    return read_bytes(config, text, strlen(text), name);
}

/* ---- files ---- */

static Status read_whole(char **text, size_t *length, const char *path) {
    Status status = STATUS_OK;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return status_fail_errno(STATUS_USAGE, "%s: cannot open the configuration", path);
    *text = malloc(LARGEST_FILE + 1);
    if (*text == NULL) TRY(status_fail(STATUS_FAILED, "%s: out of memory", path));
    *length = fread(*text, 1, LARGEST_FILE + 1, file);
    if (ferror(file))
        TRY(status_fail_errno(STATUS_USAGE, "%s: cannot read the configuration", path));
    if (*length > LARGEST_FILE)
        TRY(status_fail(STATUS_USAGE, "%s: larger than 1 MB, so no configuration", path));
cleanup:
    (void)fclose(file);
    return status;
}

/* The file's name without folder and .yaml. */
static void name_config(Config *config, const char *path) {
    const char *slash = strrchr(path, '/');
    snprintf(config->name, sizeof config->name, "%s", slash != NULL ? slash + 1 : path);
    char *dot = strrchr(config->name, '.');
    if (dot != NULL && dot > config->name &&
        (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0))
        *dot = '\0';
}

Status config_read_file(Config *config, const char *path) {
    char *text = NULL;
    size_t length = 0;
    Status status;
    TRY(read_whole(&text, &length, path));
    TRY(read_bytes(config, text, length, path));
    name_config(config, path);
cleanup:
    free(text);
    return status;
}

/* ---- for the writer ---- */

bool config_yaml_keeps(const char *text) {
    char *quoted = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&quoted, &length);
    if (out == NULL) {
        status_fail(STATUS_FAILED, "out of memory");
        return false;
    }
    config_quote(out, text);
    yaml_parser_t parser;
    yaml_document_t document;
    bool same = false;
    if (fclose(out) != 0) goto cleanup;
    if (!yaml_parser_initialize(&parser)) goto cleanup;
    yaml_parser_set_input_string(&parser, (unsigned char *)quoted, length);
    if (yaml_parser_load(&parser, &document)) {
        const char *back = scalar(yaml_document_get_root_node(&document));
        same = back != NULL && strcmp(back, text) == 0;
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
cleanup:
    free(quoted);
    return same;
}

const char *config_yaml_version(void) {
    return yaml_get_version_string();
}
