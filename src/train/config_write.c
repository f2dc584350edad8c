/* The configuration as YAML that is read back bit for bit, with or without a comment on each value
 * that says where it came from. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config_keys.h"

void config_quote(FILE *out, const char *text) {
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* What is written beside the values. */
typedef struct Comments {
    bool wanted;
    const char *file; /* that was read, or NULL */
} Comments;

enum { COMMENT_COLUMN = 36 };

/* A file's name may hold what would end the comment. */
static void write_place(FILE *out, const ConfigKey *key, const Config *config, const char *file) {
    const ConfigOrigin *origin = &config->origins[key - CONFIG_KEYS];
    char variable[CONFIG_VARIABLE], text[CONFIG_PLACE];
    config_variable(variable, key->name);
    const ConfigPlace place = {.source = origin->source,
                               .name = origin->source == CONFIG_BY_FILE          ? file
                                       : origin->source == CONFIG_BY_ENVIRONMENT ? variable
                                                                                 : NULL,
                               .line = origin->line};
    config_place(text, &place);
    for (char *c = text; *c != '\0'; c++)
        if (iscntrl((unsigned char)*c)) *c = '?';
    fputs(origin->source == CONFIG_BY_DEFAULT ? "default" : text, out);
}

/* Ends a line of so many characters. */
static void end_line(FILE *out, int length, const ConfigKey *key, const Config *config,
                     const Comments *comments) {
    if (comments->wanted) {
        fprintf(out, "%*s  # ", length < COMMENT_COLUMN ? COMMENT_COLUMN - length : 0, "");
        write_place(out, key, config, comments->file);
    }
    fputc('\n', out);
}

static void write_layers(FILE *out, const char *layers) {
    for (;;) {
        size_t length = strcspn(layers, ",");
        fprintf(out, "    - %.*s\n", (int)length, layers);
        if (layers[length] == '\0') return;
        layers += length + strlen(", ");
    }
}

static void write_value(FILE *out, const ConfigKey *key, const Config *config,
                        const Comments *comments) {
    char text[CONFIG_TEXT];
    config_print(text, key, config);
    int length = fprintf(out, "  %s:", key->name + config_section_length(key->name) + 1);
    if (key->type == KEY_TEXT) {
        fputc(' ', out);
        config_quote(out, text);
        length += (int)strlen(text) + 3;
    } else if (key->type != KEY_LAYERS) {
        length += fprintf(out, " %s", text);
    }
    end_line(out, length, key, config, comments);
    if (key->type == KEY_LAYERS) write_layers(out, text);
}

static bool opens_section(size_t i) {
    return i == 0 || !config_same_section(&CONFIG_KEYS[i - 1], &CONFIG_KEYS[i]);
}

static Status write_all(char **text, const Config *config, const Comments *comments) {
    size_t length;
    FILE *out = open_memstream(text, &length);
    if (out == NULL) return status_fail_errno(STATUS_FAILED, "cannot write the configuration");
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *name = CONFIG_KEYS[i].name;
        if (opens_section(i)) fprintf(out, "%.*s:\n", (int)config_section_length(name), name);
        write_value(out, &CONFIG_KEYS[i], config, comments);
    }
    bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed) return STATUS_OK;
    free(*text);
    *text = NULL;
    return status_fail(STATUS_FAILED, "cannot write the configuration: out of memory");
}

Status config_write(char **text, const Config *config) {
    return write_all(text, config, &(Comments){.wanted = false});
}

Status config_write_origins(char **text, const Config *config, const char *file) {
    return write_all(text, config, &(Comments){.wanted = true, .file = file});
}
