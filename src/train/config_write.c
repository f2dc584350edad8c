/* The configuration for people: as YAML that is read back bit for bit, and as the list of keys that
 * --help shows. */
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

static void write_layers(FILE *out, const char *layers) {
    for (;;) {
        size_t length = strcspn(layers, ",");
        fprintf(out, "\n    - %.*s", (int)length, layers);
        if (layers[length] == '\0') return;
        layers += length + strlen(", ");
    }
}

static void write_value(FILE *out, const ConfigKey *key, const Config *config) {
    char text[CONFIG_TEXT];
    config_print(text, key, config);
    fprintf(out, "  %s:", key->name + config_section_length(key->name) + 1);
    if (key->type == KEY_LAYERS) {
        write_layers(out, text);
    } else {
        fputc(' ', out);
        if (key->type == KEY_TEXT)
            config_quote(out, text);
        else
            fputs(text, out);
    }
    fputc('\n', out);
}

static bool opens_section(size_t i) {
    return i == 0 || !config_same_section(&CONFIG_KEYS[i - 1], &CONFIG_KEYS[i]);
}

Status config_write(char **text, const Config *config) {
    size_t length;
    FILE *out = open_memstream(text, &length);
    if (out == NULL) return status_fail_errno(STATUS_FAILED, "cannot write the configuration");
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *name = CONFIG_KEYS[i].name;
        if (opens_section(i)) fprintf(out, "%.*s:\n", (int)config_section_length(name), name);
        write_value(out, &CONFIG_KEYS[i], config);
    }
    bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed) return STATUS_OK;
    free(*text);
    *text = NULL;
    return status_fail(STATUS_FAILED, "cannot write the configuration: out of memory");
}

/* A list of layers is too long for a line, so its length stands for it. */
static void help_default(char text[CONFIG_TEXT], const ConfigKey *key) {
    snprintf(text, CONFIG_TEXT, "%s", key->standard);
    if (key->type != KEY_LAYERS) return;
    int layers = 1;
    for (const char *c = key->standard; *c != '\0'; c++) layers += *c == ',';
    snprintf(text, CONFIG_TEXT, "%d layers", layers);
}

void config_help(FILE *out) {
    enum { NAME = 27 };
    fprintf(out, "Keys, with their defaults (* a resumed run may change it):\n");
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const ConfigKey *key = &CONFIG_KEYS[i];
        char standard[CONFIG_TEXT], expected[CONFIG_TEXT];
        help_default(standard, key);
        config_describe(expected, key);
        fprintf(out, "%s %c %-*s %-15s %s\n%*s%s\n", opens_section(i) ? "\n" : "",
                key->effect == CHANGES_ANSWER ? ' ' : '*', NAME, key->name, standard, key->help,
                3 + NAME + 1 + 15 + 1, "", expected);
    }
}
