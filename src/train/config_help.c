/* The keys for people: the list that `train --help` shows, and all about one, --help=KEY. */
#include <string.h>

#include "config_keys.h"

static bool opens_section(size_t i) {
    return i == 0 || !config_same_section(&CONFIG_KEYS[i - 1], &CONFIG_KEYS[i]);
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

/* ---- one key --------------------------------------------------------------------------------- */

static const char *describe_effect(const ConfigKey *key) {
    switch (key->effect) {
    case CHANGES_ANSWER:
        return "another value gives other bits, so a resumed run must have the same";
    case CHANGES_WITH_LENGTH:
        return "a resumed run may have another, unless the schedule spans the run or epochs go "
               "unvalidated";
    default:
        return "the bits stay the same, so a resumed run may have another";
    }
}

static void help_one(FILE *out, const ConfigKey *key) {
    char expected[CONFIG_TEXT], variable[CONFIG_VARIABLE];
    int section = (int)config_section_length(key->name);
    config_describe(expected, key);
    config_variable(variable, key->name);
    fprintf(out, "%s: %s\n\n", key->name, key->help);
    fprintf(out, "  value        %s\n", expected);
    fprintf(out, "  default      %s\n", key->standard);
    fprintf(out, "  the answer   %s\n", describe_effect(key));
    fprintf(out, "  in a file    %.*s: and below it, indented, %s: VALUE\n", section, key->name,
            key->name + section + 1);
    fprintf(out, "  environment  %s=VALUE\n", variable);
    fprintf(out, "  command line %s=VALUE\n", key->name);
}

static void help_neighbours(FILE *out, const char *section, size_t length, const ConfigKey *but) {
    fprintf(out, "%s%.*s:\n", but != NULL ? "\nOthers of " : "Keys of ", (int)length, section);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const ConfigKey *key = &CONFIG_KEYS[i];
        bool other = but == NULL || strcmp(but->name, key->name) != 0;
        if (other && config_section_length(key->name) == length &&
            strncmp(key->name, section, length) == 0)
            fprintf(out, "  %-28s %s\n", key->name, key->help);
    }
}

static bool is_section(const char *name) {
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        if (config_section_length(CONFIG_KEYS[i].name) == strlen(name) &&
            strncmp(CONFIG_KEYS[i].name, name, strlen(name)) == 0)
            return true;
    return false;
}

Status config_help_key(FILE *out, const char *name) {
    const ConfigKey *key = config_find(name);
    if (key == NULL && is_section(name)) {
        help_neighbours(out, name, strlen(name), NULL);
        return STATUS_OK;
    }
    if (key == NULL)
        return status_fail(STATUS_USAGE, "--help=%.100s: unknown key; did you mean --help=%s?",
                           name, config_nearest(name));
    help_one(out, key);
    help_neighbours(out, key->name, config_section_length(key->name), key);
    return STATUS_OK;
}
