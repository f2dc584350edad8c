/* Keys from the environment: MNIST_DIST_TRAINING_EPOCHS=5 is training.epochs=5.
 *
 * They are for those who set what holds for all of their runs, threads or the data's path, where no
 * file and no command line is shared. Other variables that begin alike belong to others (a module's
 * MNIST_DIST_ROOT, for one), so only names that begin as a section's does are taken for misspelt
 * keys. Launchers may give ranks unlike environments: config_environment_digest is for finding
 * that. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_keys.h"
#include "mnist_dist/base/digest.h"

static const char START[] = "MNIST_DIST_";

void config_variable(char variable[CONFIG_VARIABLE], const char *name) {
    snprintf(variable, CONFIG_VARIABLE, "%s%s", START, name);
    for (char *c = variable; *c != '\0'; c++) *c = (char)(*c == '.' ? '_' : toupper(*c));
}

/* Whether "NAME=value" sets the variable. */
static bool sets(const char *entry, const char *variable) {
    size_t length = strlen(variable);
    return strncmp(entry, variable, length) == 0 && entry[length] == '=';
}

static const ConfigKey *key_of(const char *entry) {
    char variable[CONFIG_VARIABLE];
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        config_variable(variable, CONFIG_KEYS[i].name);
        if (sets(entry, variable)) return &CONFIG_KEYS[i];
    }
    return NULL;
}

/* Whether the name begins with MNIST_DIST_ and a section. */
static bool names_section(const char *entry) {
    char variable[CONFIG_VARIABLE];
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        config_variable(variable, CONFIG_KEYS[i].name);
        size_t length = strlen(START) + config_section_length(CONFIG_KEYS[i].name) + 1;
        if (strncmp(entry, variable, length) == 0) return true;
    }
    return false;
}

static Status refuse(const char *entry) {
    char name[CONFIG_VARIABLE], variable[CONFIG_VARIABLE];
    int length = (int)strcspn(entry, "=");
    snprintf(name, sizeof name, "%.*s", length - (int)strlen(START), entry + strlen(START));
    for (char *c = name; *c != '\0'; c++) *c = (char)tolower(*c);
    *strchr(name, '_') = '.';
    config_variable(variable, config_nearest(name));
    return status_fail(STATUS_USAGE, "environment: %.*s: unknown key; did you mean %s?", length,
                       entry, variable);
}

static Status take_entry(Config *config, const char *entry, bool spares) {
    char variable[CONFIG_VARIABLE];
    const ConfigKey *key = key_of(entry);
    if (key == NULL) return names_section(entry) ? refuse(entry) : STATUS_OK;
    if (spares && key->effect == CHANGES_ANSWER) return STATUS_OK;
    config_variable(variable, key->name);
    const ConfigPlace place = {.source = CONFIG_BY_ENVIRONMENT, .name = variable};
    return config_take(config, key, strchr(entry, '=') + 1, &place);
}

Status config_read_environment(Config *config, bool spares) {
    Status status = STATUS_OK;
    for (char **entry = environ; status == STATUS_OK && *entry != NULL; entry++)
        status = take_entry(config, *entry, spares);
    return status;
}

uint64_t config_environment_digest(void) {
    uint64_t sum = 0;
    for (char **entry = environ; *entry != NULL; entry++)
        if (key_of(*entry) != NULL) sum += digest64(*entry, strlen(*entry));
    return sum;
}
