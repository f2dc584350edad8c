/* Values of keys, from text and to text.
 *
 * Numbers are strtod's and strtoll's in the C locale (the program never calls setlocale), and the
 * whole text must be one: "5 epochs", "inf" and "0x10" are refused. A value that is refused leaves
 * the field as it was. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_keys.h"
#include "mnist_dist/base/nearest.h"

/* ---- from text; false if it is none of the key's values ---- */

static bool take_integer(void *field, const ConfigKey *key, const char *text) {
    int64_t *value = field;
    if (key->word != NULL && strcmp(text, key->word) == 0) {
        *value = -1;
        return true;
    }
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || isspace((unsigned char)*text) || errno != 0) return false;
    if ((double)number < key->lowest || (double)number > key->highest) return false;
    *value = number;
    return true;
}

static bool take_real(void *field, const ConfigKey *key, const char *text) {
    if (*text == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0') return false;
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0') return false;
    if (!(number >= key->lowest && number <= key->highest)) return false;
    *(double *)field = number + 0.0; /* never -0, which would be another text */
    return true;
}

static bool take_bool(void *field, const ConfigKey *key, const char *text) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    (void)key;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) != 0) continue;
        *(bool *)field = i % 2 == 1;
        return true;
    }
    return false;
}

static bool take_choice(void *field, const ConfigKey *key, const char *text) {
    for (int i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(text, key->choices[i]) != 0) continue;
        *(int *)field = i;
        return true;
    }
    return false;
}

static bool take_text(void *field, const ConfigKey *key, const char *text) {
    if (*text == '\0' || strlen(text) >= key->size) return false;
    strcpy(field, text);
    return true;
}

/* Appends one layer without the blanks around it; false if it is empty, does not fit, or has
 * characters that would need quotes in YAML. */
static bool add_layer(char *layers, size_t size, const char *layer, size_t length) {
    while (length > 0 && layer[0] == ' ') layer++, length--;
    while (length > 0 && layer[length - 1] == ' ') length--;
    if (length == 0 || !isalnum((unsigned char)layer[0])) return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)layer[i]) && strchr(" ._-+=/()", layer[i]) == NULL)
            return false;
    size_t used = strlen(layers);
    int written =
        snprintf(layers + used, size - used, "%s%.*s", used > 0 ? ", " : "", (int)length, layer);
    return (size_t)written < size - used;
}

static bool take_layers(void *field, const ConfigKey *key, const char *text) {
    char layers[CONFIG_TEXT] = "";
    for (const char *layer = text;; layer++) {
        size_t length = strcspn(layer, ",");
        if (!add_layer(layers, key->size, layer, length)) return false;
        layer += length;
        if (*layer == '\0') break;
    }
    strcpy(field, layers);
    return true;
}

static bool (*const TAKE[])(void *field, const ConfigKey *key, const char *text) = {
    [KEY_INTEGER] = take_integer, [KEY_REAL] = take_real, [KEY_BOOL] = take_bool,
    [KEY_CHOICE] = take_choice,   [KEY_TEXT] = take_text, [KEY_LAYERS] = take_layers,
};

const char *config_place(char text[CONFIG_PLACE], const ConfigPlace *place) {
    static const char *const words[] = {"defaults", "", "environment: ", "command line"};
    const char *name = place->name != NULL ? place->name : "";
    if (place->source == CONFIG_BY_FILE)
        snprintf(text, CONFIG_PLACE, "%.1000s:%zu", name, place->line);
    else
        snprintf(text, CONFIG_PLACE, "%s%.1000s", words[place->source], name);
    return text;
}

static Status refuse(const ConfigKey *key, const char *text, const ConfigPlace *place) {
    char expected[CONFIG_TEXT], where[CONFIG_PLACE], hint[64] = "";
    config_describe(expected, key);
    if (key->type == KEY_CHOICE) {
        Nearest nearest = {.word = text};
        for (int i = 0; key->choices[i] != NULL; i++) nearest_offer(&nearest, key->choices[i]);
        snprintf(hint, sizeof hint, "; did you mean %s?", nearest.best);
    }
    return status_fail(STATUS_USAGE, "%s: %s=%.200s: expected %.500s%s", config_place(where, place),
                       key->name, text, expected, hint);
}

Status config_take(Config *config, const ConfigKey *key, const char *text,
                   const ConfigPlace *place) {
    char *field = (char *)config + key->offset;
    if (key->type == KEY_TEXT && !config_yaml_keeps(text))
        return *status_message() == '\0' ? refuse(key, text, place) : STATUS_FAILED;
    if (!TAKE[key->type](field, key, text)) return refuse(key, text, place);
    config->origins[key - CONFIG_KEYS] =
        (ConfigOrigin){.source = place->source, .line = (uint32_t)place->line};
    return STATUS_OK;
}

void config_take_default(Config *config, const ConfigKey *key) {
    TAKE[key->type]((char *)config + key->offset, key, key->standard);
}

/* ---- what is expected ---- */

static void describe_choices(char text[CONFIG_TEXT], const char *const choices[]) {
    size_t used = 0;
    for (int i = 0; choices[i] != NULL; i++) {
        const char *joint = i == 0 ? "" : choices[i + 1] == NULL ? " or " : ", ";
        used += (size_t)snprintf(text + used, CONFIG_TEXT - used, "%s%s", joint, choices[i]);
    }
}

void config_describe(char text[CONFIG_TEXT], const ConfigKey *key) {
    switch (key->type) {
    case KEY_INTEGER:
        snprintf(text, CONFIG_TEXT, "%s%san integer from %.0f to %.0f", key->word ? key->word : "",
                 key->word ? " or " : "", key->lowest, key->highest);
        return;
    case KEY_REAL:
        snprintf(text, CONFIG_TEXT, "a number from %.10g to %.10g", key->lowest, key->highest);
        return;
    case KEY_BOOL:
        snprintf(text, CONFIG_TEXT, "true or false");
        return;
    case KEY_CHOICE:
        describe_choices(text, key->choices);
        return;
    case KEY_TEXT:
        snprintf(text, CONFIG_TEXT, "one line of UTF-8 text, of 1 to %zu bytes", key->size - 1);
        return;
    case KEY_LAYERS:
        snprintf(text, CONFIG_TEXT, "layers with commas between, made of A-Z a-z 0-9 ._-+=/()");
        return;
    }
}

/* ---- to text ---- */

/* The shortest text that reads back as the same double, without an exponent if that is no longer.
 */
static void print_real(char text[CONFIG_TEXT], double value) {
    char candidate[64];
    size_t shortest = sizeof candidate;
    for (int digits = 1; digits <= 17; digits++) {
        size_t length = (size_t)snprintf(candidate, sizeof candidate, "%.*g", digits, value);
        if (length > shortest || strtod(candidate, NULL) != value) continue;
        shortest = length;
        strcpy(text, candidate);
    }
}

static void print_integer(char text[CONFIG_TEXT], const ConfigKey *key, int64_t value) {
    if (value == -1 && key->word != NULL)
        snprintf(text, CONFIG_TEXT, "%s", key->word);
    else
        snprintf(text, CONFIG_TEXT, "%lld", (long long)value);
}

void config_print(char text[CONFIG_TEXT], const ConfigKey *key, const Config *config) {
    const void *field = (const char *)config + key->offset;
    switch (key->type) {
    case KEY_INTEGER:
        print_integer(text, key, *(const int64_t *)field);
        return;
    case KEY_REAL:
        print_real(text, *(const double *)field);
        return;
    case KEY_BOOL:
        strcpy(text, *(const bool *)field ? "true" : "false");
        return;
    case KEY_CHOICE:
        snprintf(text, CONFIG_TEXT, "%s", key->choices[*(const int *)field]);
        return;
    case KEY_TEXT:
    case KEY_LAYERS:
        snprintf(text, CONFIG_TEXT, "%s", (const char *)field);
        return;
    }
}
